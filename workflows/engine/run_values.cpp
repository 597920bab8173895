// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a run is bound to and what happens to it, as JSON documents: the journal's words.
#include "base/error.hpp"
#include "base/json.hpp"
#include "workflows/engine/run.hpp"

#include <limits>

namespace workflows::engine {
namespace {

constexpr std::int64_t any_number = std::numeric_limits<std::int64_t>::max();

base::Value levels_to_value(const std::vector<std::vector<base::ComponentName>>& levels) {
    base::Array list;
    for (const auto& level : levels) {
        base::Array names;
        for (const base::ComponentName& component : level) {
            names.push_back(component.str());
        }
        list.push_back(std::move(names));
    }
    return list;
}

std::vector<std::vector<base::ComponentName>> levels_from(const base::Fields& fields) {
    std::vector<std::vector<base::ComponentName>> levels;
    const base::Value* value = fields.any("levels");
    if (value == nullptr || value->array() == nullptr) {
        fields.fail("levels", "'levels' must be a list of lists of components");
    }
    for (const base::Value& entry : *value->array()) {
        if (entry.array() == nullptr) {
            fields.fail("levels", "'levels' must be a list of lists of components");
        }
        levels.emplace_back();
        for (const base::Value& name : *entry.array()) {
            if (name.text() == nullptr) {
                fields.fail("levels", "'levels' must be a list of lists of components");
            }
            levels.back().emplace_back(*name.text());
        }
    }
    return levels;
}

const base::Value& anything(const base::Fields& fields, std::string_view key) {
    static const base::Value nothing;
    const base::Value* value = fields.any(key);
    return value == nullptr ? nothing : *value;
}

} // namespace

base::Value RunInput::to_value() const {
    base::Array list;
    for (const Desired& desired : targets) {
        list.push_back(base::Object{{"component", desired.target.component.str()},
                                    {"node", desired.target.node.str()},
                                    {"desired", desired.document}});
    }
    return base::Object{{"kind", kind == RunKind::Deploy ? "deploy" : "rollback"},
                        {"environment", environment.str()},
                        {"release", release.str()},
                        {"workflow", workflow},
                        {"workflow_source", workflow_source},
                        {"params", params},
                        {"levels", levels_to_value(levels)},
                        {"targets", std::move(list)},
                        {"from", from ? base::Value(from->str()) : base::Value()},
                        {"epoch", epoch}};
}

RunInput RunInput::from_value(const base::Value& value) {
    const base::Fields fields(value, "run");
    const std::string kind = fields.text("kind");
    if (kind != "deploy" && kind != "rollback") {
        fields.fail("kind", "'kind' is '" + kind + "', but must be 'deploy' or 'rollback'");
    }
    RunInput input{kind == "deploy" ? RunKind::Deploy : RunKind::Rollback,
                   base::EnvironmentName(fields.text("environment")),
                   base::ReleaseName(fields.text("release")),
                   fields.text("workflow"),
                   fields.text("workflow_source"),
                   {},
                   levels_from(fields),
                   {},
                   std::nullopt,
                   fields.whole("epoch", 0, any_number)};
    if (const base::Value& params = anything(fields, "params"); params.object() != nullptr) {
        input.params = *params.object();
    }
    for (const base::Fields& record : fields.records("targets")) {
        input.targets.push_back(
            {{base::ComponentName(record.text("component")), base::NodeName(record.text("node"))},
             anything(record, "desired")});
    }
    if (const std::optional<std::string> from = fields.maybe_text("from")) {
        input.from = base::ReleaseName(*from);
    }
    return input;
}

base::Digest RunInput::hash() const {
    // The epoch says when a run may act, not what it does: a plan and its run differ in it.
    RunInput same = *this;
    same.epoch = 0;
    return base::sha256(base::to_json(same.to_value()));
}

base::Value to_value(const Event& event) {
    struct Writer {
        base::Value operator()(const Started&) const { return base::Object{{"event", "started"}}; }
        base::Value operator()(const ScriptCommand& command) const {
            return base::Object{{"event", "command"},
                                {"sequence", command.sequence},
                                {"kind", command.kind},
                                {"arguments", command.arguments}};
        }
        base::Value operator()(const ScriptEnded& ended) const {
            return base::Object{{"event", "script_ended"}, {"ok", ended.ok}, {"error", ended.error}};
        }
        base::Value operator()(const Reported& report) const {
            return base::Object{{"event", "reported"}, {"order", report.order},   {"ok", report.ok},
                                {"code", report.code}, {"reason", report.reason}, {"detail", report.detail}};
        }
        base::Value operator()(const TimerFired& fired) const {
            return base::Object{{"event", "timer"}, {"timer", fired.timer}};
        }
        base::Value operator()(const NodeSeen& seen) const {
            return base::Object{{"event", "node"}, {"node", seen.node.str()}, {"online", seen.online}};
        }
        base::Value operator()(const Signalled& signal) const {
            return base::Object{{"event", "signal"},
                                {"verb", signal.verb},
                                {"actor", signal.actor},
                                {"reason", signal.reason}};
        }
    };
    return std::visit(Writer{}, event);
}

Event event_from_value(const base::Value& value) {
    const base::Fields fields(value, "journal");
    const std::string event = fields.text("event");
    if (event == "started") {
        return Started{};
    }
    if (event == "command") {
        return ScriptCommand{fields.whole("sequence", 0, any_number), fields.text("kind"),
                             anything(fields, "arguments")};
    }
    if (event == "script_ended") {
        return ScriptEnded{fields.flag("ok", false), fields.text("error", "")};
    }
    if (event == "reported") {
        return Reported{fields.whole("order", 0, any_number), fields.flag("ok", false),
                        fields.text("code", ""), fields.text("reason", ""), anything(fields, "detail")};
    }
    if (event == "timer") {
        return TimerFired{fields.whole("timer", 0, any_number)};
    }
    if (event == "node") {
        return NodeSeen{base::NodeName(fields.text("node")), fields.flag("online", false)};
    }
    if (event == "signal") {
        return Signalled{fields.text("verb"), fields.text("actor", ""), fields.text("reason", "")};
    }
    throw base::Error(base::Fault::Corrupt, "journal: '{}' is no event of a run", event);
}

} // namespace workflows::engine
