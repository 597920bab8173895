// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/toml.hpp"
#include "dispatcher/runs/rollouts.hpp"
#include "repo/pool.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

#include <algorithm>

using namespace dispatcher;
using base::Fault;

namespace {

/// Nobody is connected.
struct EmptyFleet final : runs::Fleet {
    bool online(const base::NodeName&) const override { return false; }
    void send(const runs::OrderRecord&) override {}
};

struct HandAlarms final : runs::Alarms {
    base::Time now() const override { return time; }
    void wake(base::Time at, std::function<void()> then) override {
        waiting.emplace_back(at, std::move(then));
    }
    /// Everything that is due until then, in the order of time.
    void advance(base::Duration by) {
        const base::Time until = time + by;
        for (;;) {
            const auto next =
                std::min_element(waiting.begin(), waiting.end(),
                                 [](const auto& a, const auto& b) { return a.first < b.first; });
            if (next == waiting.end() || next->first > until) {
                break;
            }
            time = std::max(time, next->first);
            const auto then = std::move(next->second);
            waiting.erase(next);
            then();
        }
        time = until;
    }
    base::Time time = tests::at("12:00:00");
    std::vector<std::pair<base::Time, std::function<void()>>> waiting;
};

/// Scripts that never say anything.
struct SilentScripts final : runs::ScriptHosts {
    struct Host final : runs::ScriptHost {
        void answer(const workflows::engine::Answer&) override {}
    };
    std::unique_ptr<runs::ScriptHost> start(const runs::ScriptStart&, Listener) override {
        return std::make_unique<Host>();
    }
};

/// Measures nothing.
struct NoMeters final : runs::Meters {
    void measure(const workflows::engine::Measure&,
                 std::function<void(workflows::engine::Measured)>) override {}
};

/// Releases of the shop, whose component "web" has so many packages.
struct Shelf final : runs::Releases {
    repo::SignedManifest find(const base::ReleaseName& name) const override {
        repo::Manifest manifest{name, tests::at("11:00:00"), "stable", {}, {}, {}};
        base::Array names;
        for (int number = 0; number < packages; ++number) {
            const auto nevra = base::Nevra::parse(fmt::format("shop-web-{:06}-1.0-1.noarch", number));
            const base::Digest digest = base::sha256(nevra.name);
            manifest.packages.push_back({nevra, digest, 1, repo::pool_path(digest, nevra), std::nullopt});
            names.emplace_back(nevra.name);
        }
        manifest.application =
            base::Object{{"name", "shop"},
                         {"components", base::Array{base::Object{{"name", "web"},
                                                                 {"packages", names},
                                                                 {"peers", false},
                                                                 {"produces", base::Object()},
                                                                 {"consumes", base::Object()}}}}};
        return repo::SignedManifest::sign(manifest, key);
    }
    std::vector<base::PublicKey> trusted_keys() const override { return {key.public_key()}; }
    std::vector<base::Nevra> missing(const repo::Manifest&) const override { return {}; }

    base::PrivateKey key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    int packages = 1;
};

struct House {
    House() {
        files.write(store.directory.path() / "workflows/rolling.lua", "return workflow {}");
        const std::string text = "environment = \"prod\"\nchannel = \"stable\"\n\n[[nodes]]\nname = "
                                 "\"web-1\"\ncomponents = [\"shop/web\"]\naddresses = { service = "
                                 "\"127.0.0.1\" }\n";
        environments.apply(
            workflows::engine::Environment::from_value(base::parse_toml(text, "prod.toml"), "prod.toml"),
            "prod.toml", text, "token:alice", alarms.now());
    }
    std::string deploy(const std::string& release) {
        runs::RunRequest request;
        request.environment = "prod";
        request.release = release;
        return rollouts.request(request, "token:alice");
    }
    std::string state(const std::string& run) const {
        return runs::RunRecords(world.database).find(run).state;
    }

    tests::Store store;
    base::SystemFiles files;
    EmptyFleet fleet;
    HandAlarms alarms;
    SilentScripts scripts;
    NoMeters meters;
    Shelf releases;
    runs::Envelopes envelopes{store.directory.path() / "manifests", files};
    runs::Environments environments{store.database};
    runs::World world{store.database, fleet, alarms, scripts, envelopes, meters};
    runs::Composer composer{store.database, releases, files, [this] {
                                files.make_directories(store.directory.path() / "workflows");
                                return store.directory.path() / "workflows";
                            }()};
    runs::Rollouts rollouts{world, composer};
};

} // namespace

TEST_CASE("the next run starts although the database could not be read when the one before it ended",
          "[law-14]") {
    House house;
    const std::string first = house.deploy("shop/1.0");
    const std::string second = house.deploy("shop/2.0");
    REQUIRE(house.state(first) == "running");
    REQUIRE(house.state(second) == "queued");
    house.rollouts.signal(first, {.verb = "cancel",
                                  .reason = {},
                                  .plan = {},
                                  .target = {},
                                  .value = {},
                                  .actor = "token:alice",
                                  .role = {}});
    REQUIRE(house.state(first) == "ended");
    house.store.database.execute("ALTER TABLE runs RENAME TO runs_out_of_reach");
    house.alarms.advance(std::chrono::seconds(1));
    house.store.database.execute("ALTER TABLE runs_out_of_reach RENAME TO runs");
    house.alarms.advance(std::chrono::seconds(10));
    CHECK(house.state(second) == "running");
}

TEST_CASE("a target whose order is larger than a message is refused before anything is planned", "[law-8]") {
    House house;
    house.releases.packages = 40000;
    const std::string said = tests::refusal(Fault::Input, [&] { house.deploy("shop/1.0"); });
    CHECK_THAT(said,
               Catch::Matchers::Matches("packages, settings and neighbours of component 'shop/web' on node "
                                        "'web-1' are [0-9]+ bytes in a message, but at most 1044480 can be "
                                        "sent; divide the component"));
    house.releases.packages = 8000;
    CHECK(house.state(house.deploy("shop/2.0")) == "running");
}
