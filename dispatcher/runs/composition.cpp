// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/composition.hpp"

#include "base/error.hpp"
#include "base/toml.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/desired.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::size_t workflow_limit_bytes = 1U << 20;

/// The only application that the environment runs or ran, when nobody named one.
std::string only_application(const Environments& environments, const std::string& environment) {
    const auto all = environments.current(environment);
    if (all.empty()) {
        throw base::Error(base::Fault::NotFound,
                          "environment '{}' has nothing to go back to: nothing was deployed there yet",
                          environment);
    }
    if (all.size() > 1) {
        std::vector<std::string> names;
        for (const auto& [name, current] : all) {
            names.push_back(name);
        }
        throw base::Error(base::Fault::Input,
                          "environment '{}' runs several applications ({}); name one with --app", environment,
                          fmt::join(names, ", "));
    }
    return all.front().first;
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

} // namespace

Composition Composer::compose(const RunRequest& request) const {
    return request.kind == engine::RunKind::Deploy ? deploy(request) : rollback(request);
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
    const std::string application = request.application ? base::ApplicationName(*request.application).str()
                                    : request.release
                                        ? std::string(base::before_slash(base::ReleaseName(*request.release)))
                                        : only_application(environments_, request.environment);
    const KnownGood goal = way_back(environments_, request.environment, application, request.release,
                                    request.preempts.has_value());
    const EnvironmentVersion then = environments_.find(request.environment, goal.environment_version);
    Composition composition = join(request, base::ReleaseName(goal.release), with_settings_of(then, today));
    if (composition.manifest.str() != goal.manifest) {
        throw base::Error(
            base::Fault::Denied,
            "release '{}' has another content than when it was known to be good in environment '{}'",
            goal.release, request.environment);
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
    const bool scripted = request.kind == engine::RunKind::Deploy;
    // A way back may do without: nodes hold what their last known-good needs.
    if (const auto away = scripted ? releases_.missing(manifest) : std::vector<base::Nevra>{};
        !away.empty()) {
        throw base::Error(
            base::Fault::NotFound,
            "release '{}' needs package '{}', which is not in the pool; add it again with 'tiercel "
            "repo add', 'tiercel repo verify' tells all that is missing",
            release, away.front().str());
    }
    const std::string application(base::before_slash(release));
    Composition composition{
        .input = {.kind = request.kind,
                  .environment = environment.name,
                  .release = release,
                  .workflow = scripted ? request.workflow : "",
                  .workflow_source = scripted ? workflow_source(manifest, request.workflow) : "",
                  .params = scripted ? request.params : base::Object(),
                  .levels = engine::Application::from_value(manifest.application, "release " + release.str())
                                .levels(),
                  .targets = engine::desired(manifest, digest, environment),
                  .from = std::nullopt,
                  .epoch = 0},
        .application = application,
        .envelope = envelope.json(),
        .manifest = digest,
        .environment_version = 0,
        .settings = {},
        .goal = {}};
    if (const auto current = environments_.current(environment.name.str(), application);
        current && current->release) {
        composition.input.from = base::ReleaseName(*current->release);
    }
    return composition;
}

std::string Composer::workflow_source(const repo::Manifest& manifest, const std::string& name) const {
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
