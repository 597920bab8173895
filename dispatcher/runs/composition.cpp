// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/composition.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/toml.hpp"
#include "dispatcher/protocol/messages.hpp"
#include "dispatcher/runs/past_environment.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/component_commands.hpp"
#include "workflows/engine/desired.hpp"
#include "workflows/engine/native_rollback.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::size_t workflow_limit_bytes = 1U << 20;

/// The only application that the environment runs or ran, or that is on its way there, when nobody named one.
std::string only_application(const Environments& environments, const RunRecords& records,
                             const std::string& environment) {
    std::set<std::string> all;
    for (const auto& [name, current] : environments.current(environment)) {
        all.insert(name);
    }
    for (const RunRecord& run : records.open(environment)) {
        if (run.state == "running") {
            all.insert(run.application);
        }
    }
    if (all.empty()) {
        throw base::Error(base::Fault::NotFound,
                          "environment '{}' runs nothing yet: nothing was deployed there", environment);
    }
    if (all.size() > 1) {
        throw base::Error(base::Fault::Input,
                          "environment '{}' runs several applications ({}); name one with --app", environment,
                          fmt::join(all, ", "));
    }
    return *all.begin();
}

/// What a workflow may run on the nodes of each component, and what migrates its data.
void add_commands(engine::RunInput& input, const repo::Manifest& manifest,
                  const engine::Application& application) {
    for (const engine::Component& component : application.components) {
        const base::ComponentName name = application.full_name(component);
        for (const auto& [word, brought] :
             engine::commands_of(manifest, application, component, "release " + manifest.release.str())) {
            input.commands[name].push_back({.name = word,
                                            .package = base::Nevra::parse(brought.package).name,
                                            .once = brought.command.once,
                                            .irreversible = brought.command.irreversible,
                                            .repeatable = brought.command.repeatable,
                                            .timeout = brought.command.timeout});
        }
        if (component.migrate) {
            input.migrate.emplace(name, *component.migrate);
        }
    }
}

void add_differences(std::vector<std::string>& found, const engine::Target& target,
                     const base::Value& planned, const base::Value& today) {
    if (planned == today) {
        return;
    }
    std::vector<std::string> members;
    const auto look = [&](const base::Value& here, const base::Value& there) {
        for (const base::Member& member :
             here.object() == nullptr ? std::vector<base::Member>{} : here.object()->members) {
            const base::Value* other =
                there.object() == nullptr ? nullptr : there.object()->find(member.name);
            if ((other == nullptr || !(*other == member.value)) &&
                std::find(members.begin(), members.end(), member.name) == members.end()) {
                members.push_back(member.name);
            }
        }
    };
    look(planned, today);
    look(today, planned);
    for (const std::string& member : members) {
        // These two follow from the release, which is named by itself.
        if (member != "release" && member != "manifest") {
            found.push_back(fmt::format("'{}' of {}", member, target.str()));
        }
    }
}

/// An order that cannot be sent would only be found missing when its time is over.
void require_sendable(const std::vector<engine::Desired>& targets) {
    // For the order around the document: ids, times, the manifest's name.
    constexpr std::size_t around_bytes = 4096;
    constexpr std::size_t most_bytes = protocol::max_frame_bytes - around_bytes;
    for (const engine::Desired& desired : targets) {
        const std::size_t bytes =
            protocol::encode(protocol::OrderSent{base::to_json(desired.document)}).size();
        if (bytes > most_bytes) {
            throw base::Error(base::Fault::Input,
                              "packages, settings and neighbours of component '{}' on node '{}' are {} bytes "
                              "in a message, but at most {} can be sent; divide the component",
                              desired.target.component, desired.target.node, bytes, most_bytes);
        }
    }
}

base::Value done_value(const engine::RunInput& input) {
    const base::Value value = input.to_value();
    const base::Value* done = value.object()->find("done_once");
    return done == nullptr ? base::Value() : *done;
}

/// Of a target's document what budgets look at.
base::Value labels_of(const base::Value& document) {
    const base::Value* node = document.object() == nullptr ? nullptr : document.object()->find("node");
    const base::Value* labels =
        node == nullptr || node->object() == nullptr ? nullptr : node->object()->find("labels");
    return base::Object{{"node", base::Object{{"labels", labels == nullptr ? base::Object() : *labels}}}};
}

base::Value budgets_value(const engine::RunInput& input) {
    base::Array list;
    for (const engine::Budget& budget : input.budgets) {
        list.push_back(base::Array{budget.component.str(), budget.per, budget.max_unavailable.to_value()});
    }
    return list;
}

} // namespace

Composition Composer::compose(const RunRequest& request) const {
    Composition composition = request.kind == engine::RunKind::Deploy     ? deploy(request)
                              : request.kind == engine::RunKind::Rollback ? rollback(request)
                                                                          : operation(request);
    if (request.retries) {
        take_up(composition, request);
    }
    return composition;
}

std::string Composer::application_of(const RunRequest& request) const {
    if (request.kind != engine::RunKind::Deploy && request.application) {
        return base::ApplicationName(*request.application).str();
    }
    return request.release ? std::string(base::before_slash(base::ReleaseName(*request.release)))
                           : only_application(environments_, records_, request.environment);
}

Composition Composer::operation(const RunRequest& request) const {
    const EnvironmentVersion version = environments_.find(request.environment);
    const std::string application = application_of(request);
    const auto current = environments_.current(request.environment, application);
    if (!current || !current->release) {
        throw base::Error(base::Fault::NotFound,
                          "environment '{}' runs no release of '{}' yet; deploy one first",
                          request.environment, application);
    }
    // The nodes' components may be ahead of the release already, or still: they change before it does.
    const auto good = current->known_good ? environments_.known_good(*current->known_good) : std::nullopt;
    Composition composition =
        join(request, base::ReleaseName(*current->release),
             good ? with_components_of(environments_.find(request.environment, good->environment_version),
                                       version, application)
                  : version.read());
    composition.environment_version = version.version;
    return composition;
}

void Composer::take_up(Composition& composition, const RunRequest& request) const {
    const RunRecord run = records_.find(*request.retries);
    const std::vector<RunRecord> tries = records_.tries_of(run);
    refuse_overtaken(run, tries);
    keep_unfinished(composition.input, request, tries);
    spare_done(composition.input, request, tries);
}

/// What the targets have by now, and what has run once there, is another release's.
void Composer::refuse_overtaken(const RunRecord& run, const std::vector<RunRecord>& tries) const {
    const auto last = records_.last_change(run.environment, run.application);
    const bool ours =
        !last || last->epoch < tries.front().epoch ||
        std::any_of(tries.begin(), tries.end(), [&](const RunRecord& one) { return one.id == last->id; });
    if (!ours) {
        throw base::Error(
            base::Fault::Conflict, "{} came after run '{}', whose targets may be others by now; {}",
            last->str(), run.id,
            run.kind == "deploy" ? fmt::format("deploy {} again", run.release)
                                 : fmt::format("start it again with 'tiercel run start {} {} --app {}'",
                                               run.environment, run.workflow, run.application));
    }
}

/// Leaves only the targets that the run had and neither it nor another try has brought to where they should
/// be.
void Composer::keep_unfinished(engine::RunInput& input, const RunRequest& request,
                               const std::vector<RunRecord>& tries) const {
    const std::string& run = *request.retries;
    const std::optional<std::string>& only = request.retry_target;
    const std::set<engine::Target> unfinished = records_.unfinished(tries);
    std::set<engine::Target> meant;
    for (const TargetRecord& record : records_.targets(run)) {
        const engine::Target target{base::ComponentName(record.component), base::NodeName(record.node)};
        if (!only || record.node == *only || target.str() == *only) {
            meant.insert(target);
        }
    }
    const auto is_kept = [&](const engine::Desired& desired) {
        return unfinished.contains(desired.target) && meant.contains(desired.target);
    };
    const auto others = std::stable_partition(input.targets.begin(), input.targets.end(), is_kept);
    input.bystanders.assign(others, input.targets.end());
    input.targets.erase(others, input.targets.end());
    if (input.targets.empty()) {
        throw base::Error(base::Fault::Conflict, "run '{}' has left no target to be tried again{}", run,
                          only ? fmt::format(" of '{}'", *only) : "");
    }
    const std::set<base::ComponentName> kept = components_of(input);
    std::erase_if(input.bystanders,
                  [&](const engine::Desired& desired) { return !kept.contains(desired.target.component); });
    for (engine::Desired& bystander : input.bystanders) {
        bystander.document = labels_of(bystander.document);
    }
    for (auto& level : input.levels) {
        std::erase_if(level, [&](const base::ComponentName& component) { return !kept.contains(component); });
    }
    std::erase_if(input.levels, [](const auto& level) { return level.empty(); });
    const auto is_gone = [&](const auto& entry) {
        return !kept.contains(entry.first);
    };
    std::erase_if(input.migrate, is_gone);
}

/// What is done once is not done again because something else failed; and what may have been done is not done
/// again by itself.
void Composer::spare_done(engine::RunInput& input, const RunRequest& request,
                          const std::vector<RunRecord>& tries) const {
    const auto says = [](const std::vector<std::string>& list, const std::string& command) {
        return std::find(list.begin(), list.end(), command) != list.end();
    };
    std::map<std::pair<std::string, std::string>, engine::DoneOnce> done;
    for (const RunRecord& run : tries) {
        for (engine::DoneOnce& one : once_.of(run.id)) {
            one.again = says(request.again, one.command);
            one.known |= says(request.done, one.command);
            const std::pair key(one.target.component.str(), one.command);
            done.insert_or_assign(key, std::move(one));
        }
    }
    for (const auto& [key, one] : done) {
        if (!one.known && !one.again) {
            throw base::Error(
                base::Fault::Conflict,
                "nobody knows whether command '{}' of {} has succeeded in run '{}', and it is to "
                "run once; look there, and say it: 'tiercel run retry {} --done {}' when it has, "
                "'--again {}' to run it",
                one.command, one.target.str(), one.run, *request.retries, one.command, one.command);
        }
        input.done_once.push_back(one);
    }
    for (const auto& [list, option] : {std::pair(&request.again, "--again"), {&request.done, "--done"}}) {
        for (const std::string& command : *list) {
            if (std::none_of(input.done_once.begin(), input.done_once.end(),
                             [&](const engine::DoneOnce& one) { return one.command == command; })) {
                throw base::Error(
                    base::Fault::Input,
                    "command '{}' is not held back in a retry of run '{}': it has not succeeded there, or "
                    "is not one that runs once; leave it out of {}",
                    command, *request.retries, option);
            }
            if (says(request.again, command) && says(request.done, command)) {
                throw base::Error(base::Fault::Input,
                                  "command '{}' cannot be both: --again runs it once more, --done says that "
                                  "it has succeeded",
                                  command);
            }
        }
    }
}

Composition Composer::deploy(const RunRequest& request) const {
    if (!request.release) {
        throw base::Error(
            base::Fault::Input,
            std::string("'release' is missing; a deployment names what to deploy, such as 'shop/1.0'"));
    }
    const EnvironmentVersion version = environments_.find(request.environment);
    Composition composition = join(request, base::ReleaseName(*request.release), version.read());
    composition.environment_version = version.version;
    composition.settings = Environments::settings_digest(base::parse_toml(version.text, version.file)).str();
    return composition;
}

Composition Composer::rollback(const RunRequest& request) const {
    const EnvironmentVersion today = environments_.find(request.environment);
    const std::string application = application_of(request);
    const KnownGood goal =
        way_back(environments_, request.environment, application, request.release, request.undoing);
    const EnvironmentVersion then = environments_.find(request.environment, goal.environment_version);
    Composition composition = join(request, base::ReleaseName(goal.release),
                                   with_settings_of(then, with_components_of(then, today, application)));
    if (composition.manifest.str() != goal.manifest) {
        throw base::Error(
            base::Fault::Denied,
            "release '{}' has another content than when it was known to be good in environment '{}'",
            goal.release, request.environment);
    }
    if (const auto crossed = once_.crossed(request.environment, application, goal.release)) {
        throw base::Error(base::Fault::Conflict,
                          "release '{}' cannot come back in environment '{}': what is irreversible {} "
                          "succeeded since: {}; if it can live with that, deploy it: 'tiercel deploy {} {}'",
                          goal.release, request.environment, crossed->known ? "has" : "may have",
                          crossed->what, request.environment, goal.release);
    }
    composition.environment_version = goal.environment_version;
    composition.settings = goal.settings;
    composition.goal = goal.id;
    return composition;
}

Composition Composer::join(const RunRequest& request, const base::ReleaseName& release,
                           const engine::Environment& environment) const {
    const repo::SignedManifest envelope = releases_.find(release);
    const repo::Manifest manifest = envelope.verified(releases_.trusted_keys());
    if (manifest.release != release) {
        throw base::Error(base::Fault::Denied, "release '{}' is signed as '{}'", release, manifest.release);
    }
    const base::Digest digest = envelope.digest();
    const bool scripted = request.kind != engine::RunKind::Rollback;
    // A way back may do without: nodes hold what their last known-good needs.
    if (const auto away = request.kind == engine::RunKind::Deploy ? releases_.missing(manifest)
                                                                  : std::vector<base::Nevra>{};
        !away.empty()) {
        throw base::Error(
            base::Fault::NotFound,
            "release '{}' needs package '{}', which is not in the pool; add it again with 'tiercel "
            "repo add', 'tiercel repo verify' tells all that is missing",
            release, away.front().str());
    }
    const std::string application(base::before_slash(release));
    const engine::Application model =
        engine::Application::from_value(manifest.application, "release " + release.str());
    const engine::Policy policy = policies_.read(environment.name.str());
    Composition composition{
        .input = {.kind = request.kind,
                  .environment = environment.name,
                  .release = release,
                  .workflow = scripted ? request.workflow : "",
                  .workflow_source = scripted ? workflow_source(manifest, request.workflow) : "",
                  .params = scripted ? request.params : base::Object(),
                  .levels = model.levels(),
                  .targets = engine::desired(manifest, digest, environment),
                  .from = std::nullopt,
                  .epoch = 0,
                  .actor = {},
                  .commands = {},
                  .migrate = {},
                  .budgets = {},
                  .out = {}},
        .application = application,
        .envelope = envelope.json(),
        .manifest = digest,
        .environment_version = 0,
        .settings = {},
        .goal = {},
        .policy = policy,
        .workflows = request.kind == engine::RunKind::Deploy ? manifest.workflows
                                                             : std::map<std::string, std::string>{}};
    if (scripted) {
        composition.workflows.emplace(request.workflow, composition.input.workflow_source);
    }
    add_commands(composition.input, manifest, model);
    for (const engine::Budget& budget : policy.budgets) {
        // One policy may speak of several applications.
        if (base::before_slash(budget.component) == application) {
            composition.input.budgets.push_back(budget);
        }
    }
    if (const auto current = environments_.current(environment.name.str(), application);
        current && current->release) {
        composition.input.from = base::ReleaseName(*current->release);
    }
    require_sendable(composition.input.targets);
    return composition;
}

std::string Composer::workflow_text(const base::ReleaseName& release, const std::string& name) const {
    return workflow_source(releases_.find(release).verified(releases_.trusted_keys()), name);
}

std::string Composer::workflow_source(const repo::Manifest& manifest, const std::string& name) const {
    if (name == engine::rollback_name) {
        throw base::Error(
            base::Fault::Input,
            "'{}' is no script that a deployment or an operation could run; use 'tiercel rollback'", name);
    }
    if (const auto own = manifest.workflows.find(name); own != manifest.workflows.end()) {
        return own->second;
    }
    base::check_word(name, "workflow");
    const std::filesystem::path file = workflows_ / (name + ".lua");
    if (!files_.exists(file)) {
        std::vector<std::string> known;
        for (const auto& [own, source] : manifest.workflows) {
            known.push_back(own);
        }
        for (const std::string& stock : files_.list(workflows_)) {
            if (stock.ends_with(".lua")) {
                known.push_back(stock.substr(0, stock.size() - 4));
            }
        }
        throw base::Error(
            base::Fault::NotFound,
            "workflow '{}' is neither in release '{}' nor among the stock workflows; there are: {}", name,
            manifest.release, fmt::join(known, ", "));
    }
    return files_.read(file, workflow_limit_bytes);
}

std::set<base::ComponentName> components_of(const engine::RunInput& input) {
    std::set<base::ComponentName> components;
    for (const engine::Desired& desired : input.targets) {
        components.insert(desired.target.component);
    }
    return components;
}

std::vector<engine::Target> out_of_service(const engine::RunInput& input, const Standings& standings,
                                           const Fleet& fleet) {
    const std::vector<engine::Target> left = standings.out(input.environment.str());
    std::vector<engine::Target> out;
    for (const std::vector<engine::Desired>* targets : {&input.targets, &input.bystanders}) {
        for (const engine::Desired& desired : *targets) {
            if (std::binary_search(left.begin(), left.end(), desired.target) ||
                !fleet.online(desired.target.node)) {
                out.push_back(desired.target);
            }
        }
    }
    return out;
}

std::vector<std::string> moved(const engine::RunInput& planned, const engine::RunInput& today) {
    std::vector<std::string> found;
    const auto name_of = [](const std::optional<base::ReleaseName>& release) {
        return release ? release->str() : std::string("nothing");
    };
    if (planned.environment != today.environment) {
        found.push_back(fmt::format("the environment ({} was planned)", planned.environment));
    }
    if (planned.release != today.release) {
        found.push_back(fmt::format("the release ({} was planned)", planned.release));
    }
    if (planned.from != today.from) {
        found.push_back(fmt::format("the current release (it was {}, it is {})", name_of(planned.from),
                                    name_of(today.from)));
    }
    if (planned.workflow != today.workflow || planned.workflow_source != today.workflow_source) {
        found.push_back(fmt::format("the workflow '{}'", today.workflow));
    }
    if (!(base::Value(planned.params) == base::Value(today.params))) {
        found.emplace_back("the workflow's parameters");
    }
    if (!(budgets_value(planned) == budgets_value(today))) {
        found.emplace_back("the environment's budgets");
    }
    if (!(done_value(planned) == done_value(today))) {
        found.emplace_back("what has run once already");
    }
    if (planned.levels != today.levels) {
        found.emplace_back("the application's levels");
    }
    std::map<engine::Target, const base::Value*> before;
    for (const engine::Desired& desired : planned.targets) {
        before[desired.target] = &desired.document;
    }
    for (const engine::Desired& desired : today.targets) {
        const auto known = before.find(desired.target);
        if (known == before.end()) {
            found.push_back(fmt::format("target {} is new", desired.target.str()));
            continue;
        }
        add_differences(found, desired.target, *known->second, desired.document);
        before.erase(known);
    }
    for (const auto& [target, document] : before) {
        found.push_back(fmt::format("target {} is gone", target.str()));
    }
    return found;
}

} // namespace dispatcher::runs
