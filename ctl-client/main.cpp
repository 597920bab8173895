// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// ctl-client: the agent on a node. `run` serves a dispatcher; `apply`, `undo`, `status` and `verify` work
// without one.
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/toml.hpp"
#include "ctl-client/enrolment.hpp"
#include "ctl-client/link.hpp"
#include "ctl-client/standalone.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <csignal>
#include <iostream>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <thread>

namespace {

using namespace ctl_client;

struct Options {
    std::filesystem::path state = "/var/lib/tiercel/client";
    std::string root;
    bool json = false;
    // enroll
    std::string server;
    std::string token;
    // apply and undo
    std::string manifest;
    std::string component;
    std::string settings;
    std::string desired;
    std::vector<std::string> release_keys;
    std::vector<std::string> package_keys;
    std::string packages;
};

/// One process for each state directory; the real things behind the seams.
class Client {
public:
    Client(const Options& options, bool may_be_new) : state_(options.state), lock_(state_.client_lock()) {
        const std::optional<Identity> known = Identity::load(state_);
        if (!known && !may_be_new) {
            throw base::Error(base::Fault::NotFound,
                              "'{}' knows no node and no keys; enroll this node, or apply a release, first",
                              options.state.string());
        }
        identity_ = known.value_or(Identity{});
        if (!options.root.empty()) {
            const std::filesystem::path root = std::filesystem::absolute(options.root).lexically_normal();
            const std::filesystem::path wanted =
                root.has_filename() || root == "/" ? root : root.parent_path();
            if (known && known->root != wanted && known->root != "/") {
                throw base::Error(
                    base::Fault::Input,
                    "'{}' manages the root '{}', not '{}'; use another --state for another root",
                    options.state.string(), known->root.string(), wanted.string());
            }
            identity_.root = wanted;
            std::filesystem::create_directories(wanted);
            if (known && known->root != wanted) {
                identity_.save(state_);
            }
        }
    }

    Identity& identity() noexcept { return identity_; }
    const StateDirectory& state() const noexcept { return state_; }
    const base::Clock& clock() const noexcept { return clock_; }
    Interruption& interruption() noexcept { return interruption_; }

    /// An executor with a database of its own; `packages_from` overrides where packages come from.
    std::unique_ptr<Executor>
    executor(std::function<std::string(const repo::ManifestPackage&)> packages_from = {}) {
        HelperPackages::Setting setting;
        setting.root = identity_.root;
        setting.lock = state_.transact_lock();
        setting.trust = identity_.package_keys;
        setting.ca = packages_from ? std::nullopt : identity_.ca;
        if (identity_.enrolled() && !packages_from) {
            setting.certificate = Identity::certificate_file(state_);
            setting.key = Identity::key_file(state_);
        }
        if (!packages_from) {
            packages_from = [server = identity_.server](const repo::ManifestPackage& package) {
                return fmt::format("https://{}/v1/packages/{}", server, package.digest.str());
            };
        }
        auto manifests_from = [server = identity_.server](const base::Digest& digest) {
            if (server.empty()) {
                throw base::Error(base::Fault::NotFound,
                                  "signed manifest '{}' is not held here, and there is no dispatcher to ask; "
                                  "apply its release again",
                                  digest.str());
            }
            return fmt::format("https://{}/v1/releases/{}", server, digest.str());
        };
        packages_ = std::make_unique<HelperPackages>(processes_, std::move(setting));
        database_.emplace(state_.open());
        return std::make_unique<Executor>(
            *database_, Host{state_, identity_.root, identity_.release_keys, std::move(packages_from),
                             std::move(manifests_from), files_, programs_, *packages_, services_, clock_,
                             interruption_, [this](base::Duration time) {
                                 interruption_.pause(time);
                             }});
    }

private:
    StateDirectory state_;
    base::FileLock lock_;
    Identity identity_;
    base::SystemFiles files_;
    base::SystemProcesses processes_;
    Interruption interruption_;
    KeptPrograms programs_{state_, interruption_};
    base::SystemClock clock_;
    PackagedServices services_{state_.logs()};
    std::unique_ptr<HelperPackages> packages_;
    std::optional<base::Database> database_;
};

int enroll_node(const Options& options) {
    const StateDirectory state(options.state);
    const base::FileLock lock(state.client_lock());
    const std::filesystem::path root = options.root.empty()
                                           ? std::filesystem::path("/")
                                           : std::filesystem::absolute(options.root).lexically_normal();
    const Identity identity = enroll(state, options.server, options.token, root);
    fmt::print("this node is '{}' at '{}'; start it with: ctl-client run --state {}\n", identity.node,
               identity.server, options.state.string());
    return 0;
}

int run(const Options& options) {
    // Before any thread: all of them inherit it, and only the signalfd sees these signals.
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    const base::Descriptor stop(::signalfd(-1, &ending, SFD_CLOEXEC));
    const base::Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

    Client client(options, false);
    if (!client.identity().enrolled()) {
        throw base::Error(
            base::Fault::Input,
            "'{}' is not enrolled at a dispatcher; run: ctl-client enroll --server HOST:PORT --token TOKEN",
            options.state.string());
    }
    base::Database database = client.state().open();
    Worker worker([&] { return client.executor(); }, [&] { ::eventfd_write(wake.get(), 1); });
    Link(client.identity(), database, worker, client.interruption(), client.clock(), wake.get(), stop.get())
        .run();
    worker.stop();
    if (const std::string failure = worker.failure(); !failure.empty()) {
        throw base::Error(base::Fault::Unavailable, "{}", failure);
    }
    return 0;
}

std::string read(const std::string& file) {
    return base::SystemFiles().read(file);
}

base::Value settings_of(const std::string& file) {
    if (file.empty()) {
        return base::Object{};
    }
    return file.ends_with(".json") ? base::parse_json(read(file), file) : base::parse_toml(read(file), file);
}

/// Where packages of a release lie below a directory or URL: as in a repository, or side by side.
std::function<std::string(const repo::ManifestPackage&)> packages_below(const std::string& place) {
    return [place](const repo::ManifestPackage& package) {
        if (place.find("://") != std::string::npos) {
            return place + "/" + package.path;
        }
        const std::filesystem::path directory = std::filesystem::absolute(place);
        const std::filesystem::path flat = directory / package.nevra.file_name();
        return "file://" + (std::filesystem::exists(flat) ? flat : directory / package.path).string();
    };
}

void tell(const std::string& line) {
    fmt::print("{}{}", line, line.ends_with('\n') ? "" : "\n");
    std::fflush(stdout);
}

/// Keys that are given are pinned; without any, those pinned before count.
void pin(Client& client, const Options& options) {
    Identity& identity = client.identity();
    if (!options.release_keys.empty() || !options.package_keys.empty()) {
        if (identity.enrolled()) {
            throw base::Error(base::Fault::Denied,
                              "this node got its keys when it was enrolled at '{}'; leave --release-key and "
                              "--package-key out",
                              identity.server);
        }
        identity.release_keys.clear();
        identity.package_keys.armored.clear();
        for (const std::string& file : options.release_keys) {
            identity.release_keys.push_back(base::PublicKey::from_pem(read(file)));
        }
        for (const std::string& file : options.package_keys) {
            identity.package_keys.armored.push_back(read(file));
        }
        identity.save(client.state());
    }
    if (identity.release_keys.empty() || identity.package_keys.armored.empty()) {
        throw base::Error(
            base::Fault::Input,
            "no keys are pinned here; name the trusted ones with --release-key and --package-key");
    }
}

int apply(const Options& options) {
    Client client(options, true);
    pin(client, options);
    const std::string envelope = read(options.manifest);
    base::Value desired;
    if (!options.desired.empty()) {
        desired = base::parse_json(read(options.desired), options.desired);
    } else {
        if (options.component.empty()) {
            throw base::Error(base::Fault::Input,
                              "which component? name it with --component APPLICATION/COMPONENT");
        }
        const repo::SignedManifest signed_manifest = repo::SignedManifest::parse(envelope, options.manifest);
        desired = desired_for(signed_manifest.verified(client.identity().release_keys),
                              signed_manifest.digest(), base::ComponentName(options.component),
                              settings_of(options.settings), options.settings);
    }
    const std::string place = options.packages.empty()
                                  ? std::filesystem::path(options.manifest).parent_path().string()
                                  : options.packages;
    const std::unique_ptr<Executor> executor = client.executor(packages_below(place.empty() ? "." : place));
    executor->recover();
    return Standalone(*executor, client.clock(), tell).apply(desired, envelope);
}

/// The one component of this node, unless it is named.
std::string component_of(const Options& options, Executor& executor) {
    if (!options.component.empty()) {
        return options.component;
    }
    const std::vector<std::string> components = executor.generations().components();
    if (components.size() != 1) {
        throw base::Error(base::Fault::Input,
                          "this node has {} components; name one with --component APPLICATION/COMPONENT",
                          components.size());
    }
    return components.front();
}

int undo(const Options& options) {
    Client client(options, false);
    const std::unique_ptr<Executor> executor = client.executor();
    executor->recover();
    return Standalone(*executor, client.clock(), tell).undo(component_of(options, *executor));
}

int recover(const Options& options) {
    Client client(options, false);
    const std::unique_ptr<Executor> executor = client.executor();
    executor->recover();
    while (executor->perform_next()) {
    }
    return 0;
}

int status(const Options& options) {
    Client client(options, false);
    const std::unique_ptr<Executor> executor = client.executor();
    base::Array components;
    for (const Executor::ComponentStatus& one : executor->status()) {
        components.push_back(base::Object{{"component", one.component},
                                          {"release", one.release},
                                          {"state", one.state},
                                          {"reason", one.reason},
                                          {"present", one.present.str()},
                                          {"drained", one.drained},
                                          {"stopped", one.stopped},
                                          {"generation", one.generation},
                                          {"pending", one.pending}});
        if (!options.json) {
            fmt::print("{} {} {}{}{}\n", one.component, one.release, one.state,
                       one.drained ? ", drained" : "", one.stopped ? ", stopped" : "");
            for (const std::string& pending : one.pending) {
                fmt::print("  pending: {}\n", pending);
            }
            if (!one.reason.empty()) {
                fmt::print("  {}\n", one.reason);
            }
        }
    }
    const Identity& identity = client.identity();
    if (options.json) {
        fmt::print("{}\n", base::to_json(base::Object{{"node", identity.node},
                                                      {"server", identity.server},
                                                      {"root", identity.root.string()},
                                                      {"components", std::move(components)}}));
    }
    return 0;
}

int verify(const Options& options) {
    Client client(options, false);
    const std::unique_ptr<Executor> executor = client.executor();
    base::Array differences;
    for (const std::string& component : executor->generations().components()) {
        for (const std::string& line : executor->host_transaction().drift(component)) {
            differences.push_back(base::Object{{"component", component}, {"difference", line}});
            if (!options.json) {
                fmt::print("{}: {}\n", component, line);
            }
        }
    }
    const bool clean = differences.empty();
    if (options.json) {
        fmt::print("{}\n", base::to_json(base::Object{{"differences", std::move(differences)}}));
    }
    return clean ? 0 : 10;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app(
        "Tiercel's agent on a node.\n\n"
        "  ctl-client enroll --server deploy.example:8443 --token tiercel1.…\n"
        "  ctl-client run\n"
        "  ctl-client apply shop-1.0.json --component shop/web --settings web.toml \\\n"
        "      --release-key release.pub --package-key package.asc --packages ./rpms --root /srv/web\n\n"
        "Exit codes: 0 done, 1 internal error, 2 bad input, 3 failed, 4 failed and undone, 6 refused, 7 "
        "unreachable,\n"
        "8 failed and not undone, 10 verify found differences.");
    app.name("ctl-client");
    app.set_version_flag("--version", "ctl-client " TIERCEL_VERSION);
    app.require_subcommand(1);
    int (*chosen)(const Options&) = nullptr;
    const auto verb = [&](const char* name, const char* description, int (*function)(const Options&)) {
        CLI::App* command = app.add_subcommand(name, description);
        command->add_option("--state", options.state, "the client's own directory")->capture_default_str();
        command->add_option("--root", options.root, "the tree that is managed; / unless it was set before");
        command->callback([&chosen, function] { chosen = function; });
        return command;
    };
    CLI::App* enroll_verb = verb("enroll",
                                 "make this machine a node of a dispatcher, with a one-time token\n\n"
                                 "  ctl-client enroll --server deploy.example:8443 --token \"$(cat token)\"",
                                 enroll_node);
    enroll_verb->add_option("--server", options.server, "HOST:PORT of the dispatcher")
        ->required()
        ->envname("TIERCEL_SERVER");
    enroll_verb->add_option("--token", options.token, "from: tiercel token new --node NAME")
        ->required()
        ->envname("TIERCEL_TOKEN");
    verb("run",
         "serve the dispatcher until SIGTERM, which ends it after the running step\n\n  ctl-client run "
         "--state /var/lib/tiercel/client",
         run);
    verb("recover",
         "finish what a killed client left, then end; before the managed services start\n\n  ctl-client "
         "recover",
         recover);
    CLI::App* apply_verb =
        verb("apply",
             "install and configure a component of a signed release, without a dispatcher\n\n"
             "  ctl-client apply shop-1.0.json --component shop/web --settings web.toml \\\n"
             "      --release-key release.pub --package-key package.asc --packages ./rpms",
             apply);
    apply_verb->add_option("manifest", options.manifest, "the signed release manifest")->required();
    apply_verb->add_option("--component", options.component, "APPLICATION/COMPONENT");
    apply_verb->add_option("--settings", options.settings,
                           "TOML or JSON: node, address, environment, [settings], [consumes]");
    apply_verb->add_option("--desired", options.desired,
                           "JSON: a whole desired document, instead of --component and --settings");
    apply_verb->add_option("--release-key", options.release_keys, "PEM of a key that signs releases; pinned");
    apply_verb->add_option("--package-key", options.package_keys,
                           "armoured certificate of a key that signs packages; pinned");
    apply_verb->add_option("--packages", options.packages,
                           "directory or URL; beside the manifest when absent");
    CLI::App* undo_verb = verb("undo",
                               "bring back what was before the newest change, from what this node holds\n\n  "
                               "ctl-client undo --component shop/web",
                               undo);
    undo_verb->add_option("--component", options.component, "APPLICATION/COMPONENT");
    CLI::App* status_verb = verb("status", "what is on this node\n\n  ctl-client status --json", status);
    CLI::App* verify_verb =
        verb("verify", "compare this node with what it should have\n\n  ctl-client verify --json", verify);
    for (CLI::App* command : {status_verb, verify_verb}) {
        command->add_flag("--json", options.json, "one JSON document");
    }

    try {
        app.parse(argc, argv);
        if (chosen != run) {
            base::set_log_level(base::LogLevel::Warning); // people read what is told instead
        }
        return chosen(options);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : base::exit_code(base::Fault::Input);
    } catch (const base::Error& error) {
        std::cerr << "ctl-client: " << error.message() << "\n";
        return base::exit_code(error.fault());
    } catch (const std::exception& error) {
        std::cerr << "ctl-client: " << error.what() << "\n";
        return base::exit_code(base::Fault::Internal);
    }
}
