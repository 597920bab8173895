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

base::Value target_to_value(const Target& target) {
    return base::Object{{"component", target.component.str()}, {"node", target.node.str()}};
}

Target target_from(const base::Fields& fields) {
    return {base::ComponentName(fields.text("component")), base::NodeName(fields.text("node"))};
}

base::Value targets_to_value(const std::vector<Desired>& targets) {
    base::Array list;
    for (const Desired& desired : targets) {
        list.push_back(base::Object{{"component", desired.target.component.str()},
                                    {"node", desired.target.node.str()},
                                    {"desired", desired.document}});
    }
    return list;
}

std::vector<Desired> targets_from(const base::Fields& fields, std::string_view key) {
    std::vector<Desired> targets;
    for (const base::Fields& record : fields.records(key)) {
        targets.push_back({target_from(record), anything(record, "desired")});
    }
    return targets;
}

base::Value commands_to_value(const std::map<base::ComponentName, std::vector<PackagedCommand>>& commands) {
    base::Object record;
    for (const auto& [component, list] : commands) {
        base::Array entries;
        for (const PackagedCommand& command : list) {
            entries.push_back(base::Object{{"name", command.name},
                                           {"package", command.package},
                                           {"once", command.once},
                                           {"irreversible", command.irreversible},
                                           {"repeatable", command.repeatable},
                                           {"timeout", base::to_text(command.timeout)}});
        }
        record.set(component.str(), std::move(entries));
    }
    return record;
}

base::Value done_to_value(const std::vector<DoneOnce>& done) {
    base::Array list;
    for (const DoneOnce& one : done) {
        list.push_back(base::Object{{"component", one.target.component.str()},
                                    {"node", one.target.node.str()},
                                    {"command", one.command},
                                    {"exit_code", one.exit_code},
                                    {"run", one.run},
                                    {"irreversible", one.irreversible},
                                    {"again", one.again},
                                    {"known", one.known}});
    }
    return list;
}

void read_additions(const base::Fields& fields, RunInput& input) {
    input.actor = fields.text("actor", "");
    if (const auto commands = fields.record("commands")) {
        for (const base::Member& member : commands->members()) {
            std::vector<PackagedCommand>& list = input.commands[base::ComponentName(member.name)];
            for (const base::Fields& entry : commands->records(member.name)) {
                list.push_back({entry.text("name"), entry.text("package"), entry.flag("once", false),
                                entry.flag("irreversible", false), entry.flag("repeatable", false),
                                entry.duration("timeout", base::Duration{})});
            }
        }
    }
    if (const auto migrations = fields.record("migrate")) {
        for (const base::Member& member : migrations->members()) {
            input.migrate.emplace(member.name, migrations->text(member.name));
        }
    }
    for (const base::Fields& entry : fields.records("budgets")) {
        input.budgets.push_back({base::ComponentName(entry.text("component")), entry.text("per", ""),
                                 Portion::read(anything(entry, "max_unavailable"))});
    }
    for (const base::Fields& entry : fields.records("out")) {
        input.out.push_back(target_from(entry));
    }
    for (const base::Fields& entry : fields.records("done_once")) {
        input.done_once.push_back({target_from(entry), entry.text("command"),
                                   entry.whole("exit_code", -any_number, any_number), entry.text("run"),
                                   entry.flag("irreversible", false), entry.flag("again", false),
                                   entry.flag("known", true)});
    }
}

RunKind kind_from(const base::Fields& fields) {
    const std::string kind = fields.text("kind");
    for (const RunKind each : {RunKind::Deploy, RunKind::Rollback, RunKind::Operation}) {
        if (word(each) == kind) {
            return each;
        }
    }
    fields.fail("kind", "'kind' is '" + kind + "', but must be 'deploy', 'rollback' or 'operation'");
}

base::Value maybe(const std::optional<double>& number) {
    return number ? base::Value(*number) : base::Value();
}

std::optional<double> maybe_number(const base::Fields& fields, std::string_view key) {
    const base::Value& value = anything(fields, key);
    if (value.whole() != nullptr) {
        return static_cast<double>(*value.whole());
    }
    return value.number() == nullptr ? std::nullopt : std::optional(*value.number());
}

} // namespace

base::Value RunInput::to_value() const {
    base::Object migrations;
    for (const auto& [component, command] : migrate) {
        migrations.set(component.str(), command);
    }
    base::Array caps;
    for (const Budget& budget : budgets) {
        caps.push_back(base::Object{{"component", budget.component.str()},
                                    {"per", budget.per},
                                    {"max_unavailable", budget.max_unavailable.to_value()}});
    }
    base::Array absent;
    for (const Target& target : out) {
        absent.push_back(target_to_value(target));
    }
    base::Object members{{"kind", word(kind)},
                         {"environment", environment.str()},
                         {"release", release.str()},
                         {"workflow", workflow},
                         {"workflow_source", workflow_source},
                         {"params", params},
                         {"levels", levels_to_value(levels)},
                         {"targets", targets_to_value(targets)},
                         {"from", from ? base::Value(from->str()) : base::Value()},
                         {"epoch", epoch},
                         {"actor", actor},
                         {"commands", commands_to_value(commands)},
                         {"migrate", std::move(migrations)},
                         {"budgets", std::move(caps)},
                         {"out", std::move(absent)}};
    if (!done_once.empty()) { // the hash of all other runs stays what it was
        members.set("done_once", done_to_value(done_once));
    }
    if (!bystanders.empty()) {
        members.set("bystanders", targets_to_value(bystanders));
    }
    return members;
}

RunInput RunInput::from_value(const base::Value& value) {
    const base::Fields fields(value, "run");
    RunInput input{kind_from(fields),
                   base::EnvironmentName(fields.text("environment")),
                   base::ReleaseName(fields.text("release")),
                   fields.text("workflow"),
                   fields.text("workflow_source"),
                   {},
                   levels_from(fields),
                   {},
                   std::nullopt,
                   fields.whole("epoch", 0, any_number),
                   {},
                   {},
                   {},
                   {},
                   {}};
    read_additions(fields, input);
    if (const base::Value& params = anything(fields, "params"); params.object() != nullptr) {
        input.params = *params.object();
    }
    input.targets = targets_from(fields, "targets");
    input.bystanders = targets_from(fields, "bystanders");
    if (const std::optional<std::string> from = fields.maybe_text("from")) {
        input.from = base::ReleaseName(*from);
    }
    return input;
}

base::Digest RunInput::hash() const {
    // When a run may act, who asked and who is ill just now is not what it does: a plan and its run differ in
    // it.
    RunInput same = *this;
    same.epoch = 0;
    same.actor.clear();
    same.out.clear();
    same.bystanders.clear();
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
                                {"reason", signal.reason},
                                {"target", signal.target ? target_to_value(*signal.target) : base::Value()},
                                {"value", signal.value}};
        }
        base::Value operator()(const Continued& continued) const {
            return base::Object{{"event", "continued"},
                                {"workflow", continued.workflow},
                                {"source", continued.source},
                                {"actor", continued.actor},
                                {"reason", continued.reason}};
        }
        base::Value operator()(const Measured& measured) const {
            return base::Object{{"event", "measured"},
                                {"measurement", measured.measurement},
                                {"ok", measured.ok},
                                {"updated", maybe(measured.updated)},
                                {"peers", maybe(measured.peers)},
                                {"reason", measured.reason}};
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
        Signalled signal{fields.text("verb"), fields.text("actor", ""), fields.text("reason", ""),
                         std::nullopt, anything(fields, "value")};
        if (anything(fields, "target").object() != nullptr) {
            signal.target = target_from(*fields.record("target"));
        }
        return signal;
    }
    if (event == "continued") {
        return Continued{fields.text("workflow"), fields.text("source"), fields.text("actor"),
                         fields.text("reason", "")};
    }
    if (event == "measured") {
        return Measured{fields.whole("measurement", 0, any_number), fields.flag("ok", false),
                        maybe_number(fields, "updated"), maybe_number(fields, "peers"),
                        fields.text("reason", "")};
    }
    throw base::Error(base::Fault::Corrupt, "journal: '{}' is no event of a run", event);
}

} // namespace workflows::engine
