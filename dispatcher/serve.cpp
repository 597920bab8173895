// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/serve.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "dispatcher/agents/server.hpp"
#include "dispatcher/descriptors.hpp"
#include "dispatcher/runs/measurements.hpp"
#include "dispatcher/runs/schema.hpp"
#include "dispatcher/runs/workflow_vm.hpp"
#include "repo/repository.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <csignal>
#include <iostream>
#include <sys/stat.h>

namespace dispatcher {

namespace asio = boost::asio;

namespace {

/// Time for answers under way when the dispatcher is asked to end.
constexpr std::chrono::milliseconds farewell{500};
/// A long wait looks at the wall clock again, which may have been set.
constexpr std::chrono::minutes longest_sleep{1};

/// The reactor's timers against the wall clock.
class ReactorAlarms final : public runs::Alarms {
public:
    explicit ReactorAlarms(asio::io_context& context) : context_(context) {}
    base::Time now() const override { return clock_.now(); }
    void wake(base::Time at, std::function<void()> then) override {
        const auto left = std::max<base::Duration>(at - now(), base::Duration::zero());
        auto timer =
            std::make_shared<asio::steady_timer>(context_, std::min<base::Duration>(left, longest_sleep));
        timer->async_wait(
            [this, timer, at, then = std::move(then)](const boost::system::error_code& aborted) mutable {
                if (aborted) {
                    return;
                }
                if (now() < at) {
                    wake(at, std::move(then));
                } else {
                    then();
                }
            });
    }

private:
    asio::io_context& context_;
    base::SystemClock clock_;
};

/// The repository's directory, which other processes write: opened for each look, so that a look sees one
/// whole state.
class RepositoryView final : public runs::Releases, public api::Packages {
public:
    explicit RepositoryView(std::filesystem::path directory) : directory_(std::move(directory)) {}
    repo::SignedManifest find(const base::ReleaseName& name) const override { return open().release(name); }
    std::vector<base::PublicKey> trusted_keys() const override { return open().release_keys(); }
    std::vector<base::Nevra> missing(const repo::Manifest& manifest) const override {
        const repo::Repository repository = open();
        std::vector<base::Nevra> away;
        for (const repo::ManifestPackage& package : manifest.packages) {
            if (!repository.package_file(package.digest)) {
                away.push_back(package.nevra);
            }
        }
        return away;
    }
    std::optional<std::filesystem::path> file(const base::Digest& digest) const override {
        return open().package_file(digest);
    }
    std::vector<std::string> package_keys() const override { return open().package_keys().armored; }

private:
    repo::Repository open() const { return repo::Repository::open(directory_); }
    std::filesystem::path directory_;
};

auth::Pins pins_of(const nodes::Authority& authority, const RepositoryView& repository) {
    auth::Pins pins{authority.pin(), {}, {}};
    for (const base::PublicKey& key : repository.trusted_keys()) {
        pins.release_keys.push_back(key.fingerprint());
    }
    for (const std::string& key : repository.package_keys()) {
        pins.package_keys.push_back(base::sha256(key));
    }
    return pins;
}

void make_private(const std::filesystem::path& directory, base::Files& files) {
    files.make_directories(directory, 0700);
    if (::chmod(directory.c_str(), 0700) != 0) {
        throw base::Error(base::Fault::Denied, "state directory '{}' cannot be made private: {}",
                          directory.string(), base::system_reason(errno));
    }
}

/// The first token, through which people get all others. Written to its file before it is valid: a start that
/// is cut short between the two makes another one.
void provide_admin_token(const std::filesystem::path& state, base::Database& database, auth::Tokens& tokens,
                         base::Files& files, base::Time now) {
    const std::filesystem::path file = state / "admin.token";
    if (!tokens.issued_to("admin")) {
        base::Transaction transaction(database);
        const auto issued = tokens.issue_operator("admin", auth::Scope::Admin, "", "dispatcher", now);
        files.write(file, issued.text + "\n", 0600);
        transaction.commit();
        std::cout << "the administrator's token is in " << file.string()
                  << "; use it with: export TIERCEL_TOKEN=$(cat " << file.string() << ")" << std::endl;
    }
}

std::filesystem::path stock_workflows(const Options& options) {
    return options.workflows.empty()
               ? base::own_program().parent_path().parent_path() / "share" / "tiercel" / "workflows"
               : options.workflows;
}

/// Everything, in the order in which it is needed; taken apart in the reverse one.
class Dispatcher {
public:
    explicit Dispatcher(const Options& options)
        : options_(options), settings_(read_settings()), lock_(locked(options.state, files_)),
          server_(context_, options.listen), alarms_(context_),
          authority_(nodes::Authority::open(options.state / "ca", files_, alarms_.now())),
          repository_(options.repository),
          database_(options.state / "db", runs::schema(), runs::require_no_run_under_way),
          tokens_(database_, pins_of(authority_, repository_)), inventory_(database_),
          environments_(database_), policies_(database_), locks_(database_), records_(database_),
          journal_(database_), links_(database_, alarms_, settings_), vms_(context_),
          envelopes_(options.state / "manifests", files_), meters_(context_),
          composer_(database_, repository_, files_, stock_workflows(options)), world_{database_,  links_,
                                                                                      alarms_,    vms_,
                                                                                      envelopes_, meters_},
          rollouts_(world_, composer_),
          planner_(world_, composer_), service_{database_,     alarms_,     authority_,  inventory_, tokens_,
                                                environments_, policies_,   locks_,      records_,   journal_,
                                                rollouts_,     repository_, repository_, envelopes_, links_},
          house_{service_, links_, news_, planner_, composer_, scripts_, settings_},
          signals_(context_, SIGTERM, SIGINT, SIGHUP) {
        world_.told = [this](const std::string& run) {
            news_.tell(run);
        };
        rollouts_.other_reported = [this](const std::string& plan) {
            planner_.reported(plan);
        };
        links_.connect(rollouts_);
    }

    int run() {
        provide_descriptors();
        provide_admin_token(options_.state, database_, tokens_, files_, alarms_.now());
        rollouts_.resume();
        server_.start(house_, tls());
        files_.write(options_.state / "address", server_.address() + "\n", 0644);
        base::log(base::LogLevel::Info, "dispatcher started",
                  {{"address", server_.address()},
                   {"state", options_.state.string()},
                   {"version", TIERCEL_VERSION}});
        std::cout << "listening on " << server_.address() << std::endl;
        await_signal();
        renew_later();
        context_.run();
        scripts_.join();
        base::log(base::LogLevel::Info, "dispatcher ended");
        return 0;
    }

private:
    static std::unique_ptr<base::FileLock> locked(const std::filesystem::path& state, base::Files& files) {
        make_private(state, files);
        return std::make_unique<base::FileLock>(state / "lock");
    }

    Settings read_settings() const {
        const Settings settings = Settings::read(options_.config, files_);
        base::set_log_level(settings.log_level);
        return settings;
    }

    void provide_descriptors() const {
        const std::size_t wanted = descriptors_for(settings_.connections);
        if (const std::size_t allowed = allow_descriptors(wanted); allowed < wanted) {
            base::log(base::LogLevel::Warning,
                      "fewer files may be open than so many connections can need; raise the hard limit "
                      "(LimitNOFILE=, ulimit -Hn) or lower 'connections'",
                      {{"connections", static_cast<std::int64_t>(settings_.connections)},
                       {"wanted", static_cast<std::int64_t>(wanted)},
                       {"allowed", static_cast<std::int64_t>(allowed)}});
        }
    }

    base::TlsContext tls() const {
        return base::TlsContext::server(authority_.server(), authority_.certificate().pem);
    }

    void await_signal() {
        signals_.async_wait([this](const boost::system::error_code& aborted, int signal) {
            if (aborted) {
                return;
            }
            if (signal == SIGHUP) {
                reload();
                await_signal();
            } else {
                end();
            }
        });
    }

    /// What a reload cannot take stays as it was.
    void reload() {
        try {
            settings_ = read_settings();
            provide_descriptors();
            renew();
            base::log(base::LogLevel::Info,
                      "settings and certificates read again; everything else needs a restart");
        } catch (const base::Error& error) {
            base::log(base::LogLevel::Error, "reload refused, the old settings stay",
                      {{"error", error.message()}});
        }
    }

    void renew() {
        authority_ = nodes::Authority::open(options_.state / "ca", files_, alarms_.now());
        server_.replace(tls());
    }

    void renew_later() {
        alarms_.wake(alarms_.now() + std::chrono::hours(24), [this] {
            try {
                renew();
            } catch (const base::Error& error) {
                base::log(base::LogLevel::Error, "certificate could not be renewed",
                          {{"error", error.message()}});
            }
            renew_later();
        });
    }

    void end() {
        base::log(base::LogLevel::Info, "dispatcher is asked to end");
        server_.stop();
        links_.close_all("the dispatcher ends");
        alarms_.wake(alarms_.now() + farewell, [this] { context_.stop(); });
    }

    const Options options_;
    base::SystemFiles files_;
    Settings settings_;
    std::unique_ptr<base::FileLock> lock_;
    asio::io_context context_{1};
    asio::thread_pool scripts_{2};
    agents::Server server_;
    ReactorAlarms alarms_;
    nodes::Authority authority_;
    RepositoryView repository_;
    base::Database database_;
    auth::Tokens tokens_;
    nodes::Inventory inventory_;
    runs::Environments environments_;
    runs::Policies policies_;
    runs::Locks locks_;
    runs::RunRecords records_;
    runs::Journal journal_;
    agents::News news_;
    agents::Links links_;
    runs::WorkflowVms vms_;
    runs::Envelopes envelopes_;
    runs::HttpMeters meters_;
    runs::Composer composer_;
    runs::World world_;
    runs::Rollouts rollouts_;
    runs::Planner planner_;
    api::Service service_;
    agents::House house_;
    asio::signal_set signals_;
};

} // namespace

int serve(const Options& options) {
    std::signal(SIGPIPE, SIG_IGN);
    return Dispatcher(options).run();
}

} // namespace dispatcher
