// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/scenario_of_test.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/simulator/fleet.hpp"
#include "workflows/simulator/selection.hpp"

#include <algorithm>
#include <limits>

namespace workflows::simulator {

using namespace engine;

namespace {

constexpr std::int64_t most_nodes = 1'000'000;
constexpr std::int64_t most = std::numeric_limits<int>::max();

/// The places of the targets that a key such as "shop/web" or "zone=a" names.
std::vector<std::size_t> targets_named(const std::string& words, const RunInput& input) {
    const Selection selection(words, input);
    if (selection.has_step()) {
        throw base::Error(base::Fault::Input, "simulate: '{}' names a step, but must name targets only",
                          words);
    }
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < input.targets.size(); ++at) {
        if (selection.has(at)) {
            places.push_back(at);
        }
    }
    return places;
}

void read_failures(const base::Fields& fields, Scenario& scenario) {
    const std::optional<base::Fields> fail = fields.record("fail");
    for (const base::Member& member : fail ? fail->members() : std::vector<base::Member>{}) {
        const std::vector<std::size_t> targets = targets_named(member.name, scenario.input);
        const base::Fields steps = *fail->record(member.name);
        for (const base::Member& step : steps.members()) {
            scenario.fail.push_back(
                {targets, step_named(step.name), static_cast<int>(steps.whole(step.name, 0, most))});
        }
    }
}

// Where two speak of a target, the one that speaks of fewer knows better.
void read_finds(const base::Fields& fields, Scenario& scenario) {
    static const std::vector<std::string> known{"nothing", "packages", "config"};
    const std::optional<base::Fields> finds = fields.record("finds");
    std::vector<std::pair<std::vector<std::size_t>, std::string>> list;
    for (const base::Member& member : finds ? finds->members() : std::vector<base::Member>{}) {
        const std::string what = finds->text(member.name);
        if (std::find(known.begin(), known.end(), what) == known.end()) {
            finds->fail(member.name, fmt::format("'{}' is '{}', but must be one of: {}", member.name, what,
                                                 fmt::join(known, ", ")));
        }
        list.emplace_back(targets_named(member.name, scenario.input), what);
    }
    std::stable_sort(list.begin(), list.end(), [](const auto& left, const auto& right) {
        return left.first.size() > right.first.size();
    });
    for (const auto& [targets, what] : list) {
        for (const std::size_t target : targets) {
            scenario.finds[target] = what;
        }
    }
}

double number(const base::Fields& fields, std::string_view key) {
    const base::Value* value = fields.any(key);
    if (value == nullptr || value->is_null()) {
        return 1;
    }
    if (value->whole() != nullptr) {
        return static_cast<double>(*value->whole());
    }
    if (value->number() == nullptr) {
        fields.fail(key, fmt::format("'{}' is {}, but must be a number", key, value->kind()));
    }
    return *value->number();
}

void read_measured(const base::Fields& fields, Scenario& scenario) {
    if (const std::optional<base::Fields> measured = fields.record("measured")) {
        scenario.measured = {number(*measured, "updated"), number(*measured, "peers")};
        measured->finish();
    }
}

void read_people(const base::Fields& fields, Scenario& scenario) {
    scenario.person = fields.maybe_text("person");
    for (const base::Fields& signal : fields.records("signals")) {
        scenario.signals.push_back({signal.duration("after", base::Duration{}),
                                    {signal.text("verb"), signal.text("actor", "somebody"),
                                     signal.text("reason", ""), std::nullopt, nullptr}});
        signal.finish();
    }
}

Fleet read_fleet(const base::Fields& fields, const TestSurroundings& surroundings) {
    const auto nodes = static_cast<std::size_t>(fields.whole("nodes", 1, most_nodes, 30));
    const std::optional<std::string> app = fields.maybe_text("app");
    const auto levels = static_cast<std::size_t>(fields.whole("levels", 1, 1000, 3));
    Fleet fleet = app ? Fleet::of(surroundings.application(*app), nodes) : Fleet::of_levels(levels, nodes);
    const std::optional<base::Fields> commands = fields.record("commands");
    for (const base::Member& member : commands ? commands->members() : std::vector<base::Member>{}) {
        const base::ComponentName component(member.name);
        const bool there = std::any_of(fleet.levels.begin(), fleet.levels.end(), [&](const auto& level) {
            return std::find(level.begin(), level.end(), component) != level.end();
        });
        if (!there) {
            commands->fail(member.name, fmt::format("component '{}' is not in the application", member.name));
        }
        std::vector<engine::PackagedCommand>& own = fleet.commands[component];
        for (const std::string& command : commands->texts(member.name)) {
            own.push_back({command, "", false, false, false, std::chrono::minutes(5)});
        }
    }
    return fleet;
}

base::Object read_params(const base::Fields& fields, const Workflow& workflow) {
    base::Object params;
    const std::optional<base::Fields> given = fields.record("params");
    for (const base::Member& member : given ? given->members() : std::vector<base::Member>{}) {
        if (workflow.kind == RunKind::Rollback) {
            given->fail(member.name, "the way back has no parameters");
        }
        params.set(member.name, member.value);
    }
    return params;
}

// The way back is what it is; what a script is for can be said otherwise.
Workflow read_workflow(const base::Fields& fields, const TestSurroundings& surroundings) {
    Workflow workflow = surroundings.workflow(fields.text("workflow"));
    if (const std::optional<std::string> kind = fields.maybe_text("kind")) {
        const bool deploy = *kind == word(RunKind::Deploy);
        if (workflow.kind == RunKind::Rollback || (!deploy && *kind != word(RunKind::Operation))) {
            fields.fail(
                "kind",
                fmt::format("'kind' is '{}', but must be 'deploy' or 'operation', of a script", *kind));
        }
        workflow.kind = deploy ? RunKind::Deploy : RunKind::Operation;
    }
    return workflow;
}

} // namespace

Scenario scenario_of_test(const base::Value& arguments, const TestSurroundings& surroundings) {
    const base::Fields fields(arguments, "simulate");
    const Workflow workflow = read_workflow(fields, surroundings);
    Scenario scenario{
        read_fleet(fields, surroundings).input(workflow, read_params(fields, workflow)),
        workflow.source,
        Faults::profile(fields.text("faults", "none")),
        static_cast<std::uint64_t>(fields.whole("seed", 0, std::numeric_limits<std::int64_t>::max(), 1)),
        {},
        {},
        {},
        std::nullopt};
    read_failures(fields, scenario);
    read_finds(fields, scenario);
    read_measured(fields, scenario);
    read_people(fields, scenario);
    fields.finish();
    return scenario;
}

} // namespace workflows::simulator
