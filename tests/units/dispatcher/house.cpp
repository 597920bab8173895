// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/dispatcher/house.hpp"

#include "base/error.hpp"
#include "dispatcher/protocol/orders.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/script.hpp"

#include <csignal>
#include <fmt/format.h>
#include <fstream>

namespace tests {

using namespace dispatcher;
using namespace std::chrono_literals;
namespace engine = workflows::engine;

namespace {

constexpr const char* app_lua = R"(application "shop" {
    component "app" { packages = { "shop-app" }, produces = { http = { port = setting "port" } } },
    component "web" { packages = { "shop-web" }, consumes = { backends = "http" } } })";

constexpr const char* environment_toml = R"(environment = "prod"
channel = "stable"
[[nodes]]
name = "app-1"
components = ["shop/app"]
addresses = { service = "127.0.0.1" }
labels = { color = "green", zone = "a" }
[[nodes]]
name = "app-2"
components = ["shop/app"]
addresses = { service = "127.0.0.2" }
labels = { color = "blue", zone = "b" }
[[nodes]]
name = "web-1"
components = ["shop/web"]
addresses = { service = "127.0.0.3" }
labels = { color = "green", zone = "b" }
)";

/// More of the same environment.
constexpr const char* neighbours_toml = R"(
[[nodes]]
name = "mail-1"
components = ["mail/all"]
addresses = { service = "127.0.0.4" }
[[nodes]]
name = "both-1"
components = ["mail/all", "logs/all"]
addresses = { service = "127.0.0.5" }
[[nodes]]
name = "news-1"
components = ["logs/all", "news/all"]
addresses = { service = "127.0.0.6" }
)";

/// As `app_lua`, with a migration.
constexpr const char* migrating_lua = R"(application "shop" {
    component "app" { packages = { "shop-app" }, produces = { http = { port = setting "port" } },
                      migrate = "shop-migrate" },
    component "web" { packages = { "shop-web" }, consumes = { backends = "http" } } })";

repo::ManifestPackage package(const std::string& name, const std::string& version) {
    const base::Digest digest = base::sha256(name + version);
    const std::string nevra = name + "-" + version + "-1.noarch";
    const std::string commands = name == "shop-app"
                                     ? R"([{"name": "shop-migrate", "run": ["/opt/migrate"], "once": true},
                                 {"name": "refresh", "run": ["/opt/refresh"]},
                                 {"name": "measure", "run": ["/opt/measure"]}])"
                                     : "[]";
    const std::string about =
        R"({"format": 1, "name": ")" + name +
        R"(", "kind": "app", "settings": {"port": {"type": "port", "default": 80}}, "commands": )" +
        commands + "}";
    return {base::Nevra::parse(nevra), digest, 100,
            "pool/" + digest.hex().substr(0, 2) + "/" + digest.hex() + "/" + nevra + ".rpm",
            rpm::About::from_value(base::parse_json(about, name), name)};
}

} // namespace

struct House::ReleaseShelf final : runs::Releases {
    ReleaseShelf() {
        for (const std::string version : {"1.0", "2.0", "3.0", "4.0"}) {
            add("shop", version, version == "4.0" ? migrating_lua : app_lua, {"shop-app", "shop-web"});
            for (const std::string application : {"mail", "logs", "news"}) {
                const std::string model = "application \"" + application +
                                          "\" { component \"all\" { packages = { \"" + application +
                                          "-all\" } } }";
                add(application, version, model, {application + "-all"});
            }
        }
    }
    void add(const std::string& application, const std::string& version, const std::string& model,
             const std::vector<std::string>& names) {
        repo::Manifest manifest{base::ReleaseName(application + "/" + version),
                                base::Time{},
                                "stable",
                                engine::Application::evaluate(model, "app.lua").to_value(),
                                {},
                                {}};
        for (const std::string& name : names) {
            manifest.packages.push_back(package(name, version));
        }
        envelopes.emplace(manifest.release.str(), repo::SignedManifest::sign(manifest, key));
    }
    repo::SignedManifest find(const base::ReleaseName& name) const override {
        const auto found = envelopes.find(name.str());
        if (found == envelopes.end()) {
            throw base::Error(base::Fault::NotFound, "release '{}' does not exist", name);
        }
        return found->second;
    }
    std::vector<base::PublicKey> trusted_keys() const override { return {key.public_key()}; }
    std::vector<base::Nevra> missing(const repo::Manifest&) const override { return {}; }

    base::PrivateKey key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    std::map<std::string, repo::SignedManifest> envelopes;
};

/// What the dispatcher meets: each meeting is a point at which it may be killed.
struct House::Outside final : runs::Fleet, runs::Alarms, runs::ScriptHosts, runs::Meters {
    explicit Outside(House& owner) : house(owner) {}

    bool online(const base::NodeName& node) const override { return !house.offline.contains(node.str()); }
    void send(const runs::OrderRecord& order) override {
        house.point();
        house.sent.push_back(order);
        if (online(base::NodeName(order.node))) {
            house.schedule(
                house.now_ + 100ms,
                [this, order] { house.arrive(order.node, order.id, order.kind, order.text); }, true);
        }
    }
    base::Time now() const override { return house.now_; }
    void wake(base::Time at, std::function<void()> then) override {
        house.schedule(std::max(at, house.now_), std::move(then), false);
    }
    void measure(const engine::Measure& wanted, std::function<void(engine::Measured)> done) override {
        house.point();
        house.schedule(
            house.now_ + 1s, [this, wanted, done] { done(house.meter(wanted)); }, false);
    }

    struct Host final : runs::ScriptHost {
        Host(House& owner, const runs::ScriptStart& start, Listener hears)
            : house(owner), script(start.source, start.name, start.params, start.model),
              listener(std::make_shared<Listener>(std::move(hears))) {
            resume(std::nullopt);
        }
        void answer(const engine::Answer& given) override {
            house.point();
            resume(given);
        }
        void resume(const std::optional<engine::Answer>& given) {
            house.schedule(
                house.now_,
                [step = script.resume(given), weak = std::weak_ptr(listener)] {
                    if (const auto alive = weak.lock()) {
                        alive->stepped(step);
                    }
                },
                false);
        }
        House& house;
        engine::Script script;
        std::shared_ptr<Listener> listener;
    };
    std::unique_ptr<runs::ScriptHost> start(const runs::ScriptStart& wanted, Listener listener) override {
        house.point();
        if (house.vms_) {
            return start_vm(wanted, std::move(listener));
        }
        return std::make_unique<Host>(house, wanted, std::move(listener));
    }

    struct VmHost final : runs::ScriptHost {
        VmHost(House& owner, std::unique_ptr<runs::ScriptHost> real) : house(owner), vm(std::move(real)) {}
        ~VmHost() override { house.script_is_busy_ = false; }
        void answer(const engine::Answer& given) override {
            house.script_is_busy_ = true;
            vm->answer(given);
        }
        House& house;
        std::unique_ptr<runs::ScriptHost> vm;
    };
    std::unique_ptr<runs::ScriptHost> start_vm(const runs::ScriptStart& wanted, Listener listener) {
        house.script_is_busy_ = true;
        return std::make_unique<VmHost>(
            house, house.vms_->start(wanted, {.stepped =
                                                  [this, listener](const engine::Script::Step& step) {
                                                      if (++house.commands_ == house.killed_at_command_) {
                                                          kill_vms(); // what it said is lost with it
                                                          return;
                                                      }
                                                      house.script_is_busy_ = false;
                                                      listener.stepped(step);
                                                  },
                                              .died =
                                                  [this, listener](const std::string& why) {
                                                      house.script_is_busy_ = false;
                                                      listener.died(why);
                                                  }}));
    }
    /// The test's own children with that name.
    static void kill_vms() {
        std::ifstream children("/proc/thread-self/children");
        for (pid_t child = 0; children >> child;) {
            std::string name;
            std::getline(std::ifstream("/proc/" + std::to_string(child) + "/comm"), name);
            if (name == "workflow-vm") {
                ::kill(child, SIGKILL);
            }
        }
    }

    House& house;
};

House::House() : shelf_(std::make_unique<ReleaseShelf>()), outside_(std::make_unique<Outside>(*this)) {
    apply_settings("");
    boot();
}

House::~House() {
    rollouts_.reset(); // before what its scripts run in
}

void House::boot() {
    composer_ = std::make_unique<runs::Composer>(store_.database, *shelf_, files_, workflows_);
    envelopes_ = std::make_unique<runs::Envelopes>(store_.directory.path() / "manifests", files_);
    world_ = std::make_unique<runs::World>(
        runs::World{store_.database, *outside_, *outside_, *outside_, *envelopes_, *outside_});
    rollouts_ = std::make_unique<runs::Rollouts>(*world_, *composer_);
    world_->told = [this](const std::string&) {
        point();
    };
    rollouts_->resume();
}

void House::kill() {
    for (bool up = false; !up;) {
        rollouts_.reset();
        std::erase_if(due_, [](const auto& due) { return !due.second.survives; });
        try {
            boot();
            up = true;
        } catch (const Killed&) {
            // It went on at once with what it had not begun.
        }
    }
    // Nodes notice that their connection is gone, and come back.
    for (const char* name : {"app-1", "app-2", "web-1", "mail-1", "both-1", "news-1"}) {
        if (offline.contains(name)) {
            continue;
        }
        schedule(
            now_ + 2s,
            [this, name = std::string(name)] {
                step([&] {
                    for (const runs::OrderRecord& order :
                         runs::OrderBook(store_.database).unanswered(base::NodeName(name), now_)) {
                        outside_->send(order);
                    }
                    rollouts_->node_seen(base::NodeName(name), true);
                });
                for (const std::string& order : std::set<std::string>(nodes_[name].unacknowledged)) {
                    report(name, order);
                }
            },
            true);
    }
}

void House::use_workflow_vm(int killed_at_command) {
    context_ = std::make_unique<boost::asio::io_context>();
    vms_ = std::make_unique<runs::WorkflowVms>(*context_);
    killed_at_command_ = killed_at_command;
}

void House::point() {
    ++points_;
    if (left_ > 0 && --left_ == 0) {
        throw Killed{};
    }
    if (kills_ != nullptr && events() > killed_after_) {
        killed_after_ = events();
        ++*kills_;
        throw Killed{};
    }
}

void House::kill_after_each_event(int& kills) {
    kills_ = &kills;
    killed_after_ = events();
}

std::int64_t House::events() const {
    base::Statement count = store_.database.prepare("SELECT count(*) FROM events");
    count.step();
    return count.whole(0);
}

void House::step(const std::function<void()>& what) {
    try {
        point();
        what();
    } catch (const Killed&) {
        kill();
    }
}

void House::schedule(base::Time at, std::function<void()> what, bool survives) {
    due_.emplace(std::pair(at, next_due_++), Due{std::move(what), survives});
}

void House::arrive(const std::string& name, const std::string& id, const std::string& kind,
                   const std::string& text) {
    Node& node = nodes_[name];
    if (!node.journal.contains(id)) {
        protocol::Report said{.order = id,
                              .order_digest = base::sha256(text),
                              .ok = true,
                              .code = {},
                              .reason = {},
                              .detail = base::Object()};
        int& failures = fails[{name, kind}];
        if (failures > 0) {
            --failures;
            said.ok = false;
            said.code = codes.contains(kind) ? codes.at(kind) : "failed";
            said.reason = "as told by the test";
        } else if (kind == "prepare") {
            said.detail = base::Object{{"changed", true}, {"installed", true}, {"present", "sha256:present"}};
        } else if (kind == "drain") {
            said.detail = base::Object{{"drained", true}};
        } else if (kind == "measure") {
            said.detail = base::Object{{"value", 1}};
        }
        did.push_back(name + " " + kind);
        node.journal.emplace(id, said);
    }
    node.unacknowledged.insert(id);
    schedule(
        now_ + 1s, [this, name, id] { report(name, id); }, true);
}

void House::report(const std::string& name, const std::string& id) {
    if (offline.contains(name) || !nodes_[name].unacknowledged.contains(id)) {
        return;
    }
    step([&] {
        rollouts_->reported(base::NodeName(name), nodes_[name].journal.at(id));
        nodes_[name].unacknowledged.erase(id);
    });
}

void House::pass(base::Duration time) {
    const base::Time end = now_ + time;
    const auto hear_script = [this] {
        while (script_is_busy_) {
            context_->restart();
            context_->run_one();
        }
        return true;
    };
    while (hear_script() && !due_.empty() && due_.begin()->first.first <= end) {
        auto entry = due_.extract(due_.begin());
        now_ = std::max(now_, entry.key().first);
        if (entry.mapped().survives) {
            entry.mapped().what(); // the world's own; it enters the dispatcher by `step`
        } else {
            step(entry.mapped().what);
        }
    }
    now_ = end;
}

void House::finish() {
    const base::Time end = now_ + 24h;
    while (now_ < end && !runs::RunRecords(store_.database).open(std::nullopt).empty()) {
        pass(10s);
    }
}

void House::own_workflow(const std::string& name, const std::string& source) {
    const std::filesystem::path own = store_.directory.path() / "workflows";
    files_.make_directories(own);
    files_.write(own / (name + ".lua"), source);
    workflows_ = own;
    kill();
}

void House::apply_policy(const std::string& text) {
    const std::string whole = "environment = \"prod\"\n" + text;
    base::Transaction transaction(store_.database);
    runs::Policies(store_.database)
        .apply(
            engine::Policy::from_value(base::parse_toml(whole, "policies/prod.toml"), "policies/prod.toml"),
            "policies/prod.toml", whole, "token:admin", now_);
    transaction.commit();
    rollouts_->look_again("prod");
}

void House::add_neighbours() {
    apply_settings(neighbours_toml);
}

void House::apply_settings(const std::string& text) {
    const std::string whole = environment_toml + text;
    base::Transaction transaction(store_.database);
    runs::Environments(store_.database)
        .apply(engine::Environment::from_value(base::parse_toml(whole, "prod.toml"), "prod.toml"),
               "prod.toml", whole, "token:alice", now_);
    transaction.commit();
    if (rollouts_) {
        rollouts_->look_again("prod");
    }
}

std::string House::deploy(const std::string& release, const std::string& actor,
                          const std::function<void(runs::RunRequest&)>& with) {
    runs::RunRequest request;
    request.environment = "prod";
    request.release = release;
    if (with) {
        with(request);
    }
    return this->request(std::move(request), actor);
}

std::string House::request(runs::RunRequest request, const std::string& actor) {
    try {
        return rollouts_->request(std::move(request), actor);
    } catch (const Killed&) {
        // It was acknowledged in the database, though not to the caller.
        kill();
        return runs::RunRecords(store_.database).newest(1).at(0).id;
    }
}

std::optional<std::string> House::say(const std::string& run, const std::string& verb,
                                      const std::string& actor, const std::string& role) {
    return signal(
        run,
        {.verb = verb, .reason = {}, .plan = {}, .target = {}, .value = {}, .actor = actor, .role = role});
}

std::optional<std::string> House::signal(const std::string& run, const runs::Signal& signal) {
    try {
        return rollouts_->signal(run, signal);
    } catch (const Killed&) {
        kill(); // what was said is in the database, though its sayer was not told
        return std::nullopt;
    }
}

runs::RunRecord House::run(const std::string& id) const {
    return runs::RunRecords(store_.database).find(id);
}

base::Value House::input(const std::string& run) const {
    return runs::RunRecords(store_.database).input(run);
}

std::string House::targets(const std::string& id) const {
    std::string text;
    for (const runs::TargetRecord& target : runs::RunRecords(store_.database).targets(id)) {
        text += (text.empty() ? "" : ", ") + target.node + " " + target.state;
    }
    return text;
}

std::string House::waits(const std::string& id) const {
    std::string text;
    for (const engine::Waiting& wait : rollouts_->waiting(id).waits) {
        text += (text.empty() ? "" : "; ") + wait.what +
                (wait.until ? ", until " + base::to_rfc3339(*wait.until) : "");
    }
    return text;
}

std::vector<std::string> House::story(const std::string& id) const {
    std::vector<std::string> story;
    for (const runs::NoteRecord& note : runs::Journal(store_.database).notes(id, 0, 10'000)) {
        if (note.message == "target changed") {
            continue;
        }
        std::string line = note.message;
        for (const base::Member& field : note.fields.object()->members) {
            line += " " + field.name + "=" +
                    (field.value.text() ? *field.value.text() : base::to_json(field.value));
        }
        story.push_back(line);
    }
    return story;
}

} // namespace tests
