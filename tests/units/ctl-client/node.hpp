// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A node with everything faked but its journal and its files, and a dispatcher's side of the orders.
#pragma once

#include "base/json.hpp"
#include "ctl-client/executor.hpp"
#include "repo/pool.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/clock.hpp"
#include "tests/fakes/host_packages.hpp"
#include "tests/fakes/programs.hpp"
#include "tests/fakes/services.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ctl_client_tests {

namespace fs = std::filesystem;
using ctl_client::Executor;
using dispatcher::protocol::Order;
using dispatcher::protocol::Report;

/// One package of a made-up release.
struct MadePackage {
    std::string nevra;
    rpm::About about;
    std::map<std::string, std::string> templates;
    std::string salt = {};
};

inline rpm::Service made_service(const std::string& name) {
    rpm::Service service;
    service.name = name;
    service.start = {"/opt/" + name};
    service.pid_file = "{{ node.root }}/run/" + name + ".pid";
    return service;
}

class Node {
public:
    Node() { restart_client(); }

    /// The client's process is gone; another one starts on the same node.
    void restart_client() {
        kill_client();
        database_.emplace(state.open());
        executor_ = make_executor(*database_);
    }
    std::unique_ptr<Executor> make_executor(base::Database& database) {
        return std::make_unique<Executor>(
            database,
            ctl_client::Host{
                state, root(), trusted,
                [](const repo::ManifestPackage& package) { return "net:" + package.digest.str(); },
                [](const base::Digest& manifest) { return "net:" + manifest.str(); }, files,
                real_programs != nullptr ? *real_programs : programs, packages, services, clock, interruption,
                [this](base::Duration time) {
                    interruption.check();
                    paused += time;
                }});
    }
    /// The client's process is gone.
    void kill_client() {
        executor_.reset();
        database_.reset();
        interruption.end();
    }
    Executor& executor() { return *executor_; }
    base::Database& database() { return *database_; }
    fs::path root() const { return directory.path() / "root"; }

    /// Signs a release of these packages and serves their files; the envelope.
    std::string release(const std::string& name, const std::vector<MadePackage>& made,
                        const base::PrivateKey* key = nullptr) {
        repo::Manifest manifest{base::ReleaseName(name),        clock.now(), "stable",
                                base::Object{{"name", "shop"}}, {},          {}};
        for (const MadePackage& package : made) {
            const std::string text =
                fakes::HostPackages::file_text(package.nevra, package.about, package.templates, package.salt);
            const base::Digest digest = base::sha256(text);
            packages.served["net:" + digest.str()] = text;
            const base::Nevra nevra = base::Nevra::parse(package.nevra);
            manifest.packages.push_back(
                {nevra, digest, text.size(), repo::pool_path(digest, nevra), std::nullopt});
        }
        std::sort(manifest.packages.begin(), manifest.packages.end(),
                  [](const auto& left, const auto& right) { return left.nevra.name < right.nevra.name; });
        const std::string envelope =
            repo::SignedManifest::sign(manifest, key != nullptr ? *key : release_key).json();
        packages.served["net:" + base::sha256(envelope).str()] = envelope;
        return envelope;
    }
    /// How a prepare order names it.
    static base::Value name_of(const std::string& envelope) {
        return dispatcher::protocol::EnvelopeName::of(envelope).to_value();
    }

    /// `desired` of component shop/app with all packages of the release, unless they are named.
    base::Object desired(const std::string& envelope, base::Object settings = {},
                         std::optional<std::vector<std::string>> names = std::nullopt,
                         const std::string& component = "shop/app") const {
        const auto manifest = repo::SignedManifest::parse(envelope, "manifest");
        const base::Value document = base::parse_json(manifest.payload, "payload");
        const base::Fields fields(document, "payload");
        std::vector<std::string> nevras;
        for (const base::Fields& package : fields.records("packages")) {
            if (!names || std::find(names->begin(), names->end(), package.text("name")) != names->end()) {
                nevras.push_back(package.text("nevra"));
            }
        }
        return {{"component", component},
                {"node", base::Object{{"name", "app-1"},
                                      {"address", "127.0.1.11"},
                                      {"addresses", base::Object{}},
                                      {"labels", base::Object{}}}},
                {"environment", "demo"},
                {"release", fields.text("release")},
                {"manifest", manifest.digest().str()},
                {"packages", nevras},
                {"settings", std::move(settings)},
                {"consumes", base::Object{}},
                {"availability", base::Array{}}};
    }

    Order make_order(const std::string& kind, base::Object body, const std::string& run = "run-1",
                     const std::string& component = "shop/app") {
        Order order;
        order.id = base::make_ulid(clock.now());
        order.run = run;
        order.epoch = epoch;
        order.expires = clock.now() + std::chrono::hours(1);
        order.component = component;
        order.kind = kind;
        order.body = std::move(body);
        return order;
    }
    /// As the link and the worker would: into the journal, then carried out.
    Report send(const Order& order) {
        const std::string text = order.text();
        auto report = executor().journal().receive(text, clock.now());
        while (!report && executor().perform_next()) {
            report = executor().journal().receive(text, clock.now());
        }
        REQUIRE(report);
        UNSCOPED_INFO(order.kind << ": " << report->code << " " << report->reason);
        return *report;
    }
    Report send(const std::string& kind, base::Object body = {}, const std::string& run = "run-1",
                const std::string& component = "shop/app") {
        return send(make_order(kind, std::move(body), run, component));
    }
    Report prepare(const std::string& envelope, base::Object settings = {},
                   const std::string& run = "run-1") {
        return send("prepare",
                    {{"desired", desired(envelope, std::move(settings))}, {"manifest", name_of(envelope)}},
                    run);
    }
    /// The body of the apply order that follows a prepare.
    base::Object apply_body(const std::string& envelope, base::Object settings = {}) const {
        return {
            {"desired_digest", base::sha256(base::to_json(desired(envelope, std::move(settings)))).str()}};
    }
    /// prepare, apply, restart, settle: all must go well.
    void deploy(const std::string& envelope, const std::string& run, base::Object settings = {}) {
        REQUIRE(prepare(envelope, settings).ok);
        REQUIRE(send("apply", apply_body(envelope, settings), run).ok);
        REQUIRE(send("restart", {}, run).ok);
    }

    std::string installed() {
        std::vector<std::string> lines;
        for (const rpm::Installed& package : packages.installed()) {
            lines.push_back(package.nevra.str() + " " + package.header_digest.substr(0, 8));
        }
        std::sort(lines.begin(), lines.end());
        return fmt::format("{}", fmt::join(lines, "\n"));
    }
    std::string config(const std::string& path) const {
        const fs::path file = root() / fs::path(path).relative_path();
        return fs::exists(file) ? base::SystemFiles().read(file) : "absent";
    }

    base::TemporaryDirectory directory;
    ctl_client::StateDirectory state{directory.path() / "state"};
    base::PrivateKey release_key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    std::vector<base::PublicKey> trusted{release_key.public_key()};
    fakes::Fuse fuse;
    fakes::FusedFiles files{fuse};
    fakes::HostPackages packages{fuse};
    fakes::Services services{fuse};
    fakes::Programs programs;
    ctl_client::Programs* real_programs = nullptr; ///< instead, from the next client on
    ctl_client::Interruption interruption;
    fakes::Clock clock;
    base::Duration paused{0};
    std::int64_t epoch = 1;

private:
    struct MakeRoot {
        explicit MakeRoot(const fs::path& root) { fs::create_directories(root); }
    } make_root_{directory.path() / "root"};
    std::optional<base::Database> database_;
    std::unique_ptr<Executor> executor_;
};

/// Release VERSION of the shop: shop-app (kind app, a service, drain) and shop-conf (kind config, a template
/// that restarts the service).
inline std::vector<MadePackage> shop(const std::string& version,
                                     const std::string& conf_text = "port {{ settings.port }}\n") {
    MadePackage app{"shop-app-" + version + "-1.noarch", {}, {}};
    app.about.name = "shop-app";
    app.about.kind = "app";
    rpm::Setting port;
    port.name = "port";
    port.type = rpm::Setting::Type::Port;
    port.absent = 8080;
    app.about.settings = {port};
    app.about.services = {made_service("app")};
    app.about.drain = rpm::Drain{"{{ node.root }}/run/drain", std::chrono::seconds(5)};
    MadePackage conf{"shop-conf-" + version + "-1.noarch", {}, {}};
    conf.about.name = "shop-conf";
    conf.about.kind = "config";
    rpm::Template part;
    part.source = "/usr/share/tiercel/shop-conf/templates/app.conf";
    part.to = "/etc/shop/app.conf";
    part.restart = {"app"};
    conf.about.templates = {part};
    conf.templates[part.source] = conf_text;
    return {app, conf};
}

/// A member of a report's detail as JSON text.
inline std::string member(const Report& report, std::string_view name) {
    const base::Value* value =
        report.detail.object() != nullptr ? report.detail.object()->find(name) : nullptr;
    return value == nullptr ? "none" : base::to_json(*value);
}

} // namespace ctl_client_tests
