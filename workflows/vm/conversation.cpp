// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/vm/conversation.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "workflows/engine/script_check.hpp"

#include <limits>

namespace workflows::vm {
namespace {

using base::Object;

base::Value description_of(const engine::Script& script) {
    base::Array parameters;
    for (const engine::Script::Parameter& parameter : script.parameters()) {
        parameters.push_back(
            Object{{"name", parameter.name}, {"type", parameter.type}, {"default", parameter.absent}});
    }
    return Object{
        {"description", Object{{"summary", script.summary()}, {"parameters", std::move(parameters)}}}};
}

engine::Answer answer_from(const base::Fields& fields) {
    const base::Value* value = fields.any("value");
    return {fields.whole("sequence", 1, std::numeric_limits<std::int64_t>::max()), fields.flag("ok", false),
            value == nullptr ? base::Value() : *value, fields.text("error", ""),
            fields.flag("stopped", false)};
}

} // namespace

base::Value Conversation::next(const std::optional<engine::Answer>& answer) {
    const engine::Script::Step step = script_->resume(answer);
    if (const engine::ScriptCommand* command = std::get_if<engine::ScriptCommand>(&step)) {
        return Object{{"command", Object{{"sequence", command->sequence},
                                         {"kind", command->kind},
                                         {"arguments", command->arguments}}}};
    }
    const engine::ScriptEnded& ended = std::get<engine::ScriptEnded>(step);
    Object said{{"ok", ended.ok}, {"error", ended.error}};
    if (ended.misused) {
        said.set("misused", true);
    }
    return Object{{"ended", std::move(said)}};
}

base::Value Conversation::answer_to(const base::Value& message) {
    const base::Fields fields(message, "message");
    if (const std::optional<base::Fields> describe = fields.record("describe")) {
        return description_of(
            engine::Script(describe->text("source"), describe->text("name"), {}, {}, limits_));
    }
    if (const std::optional<base::Fields> check = fields.record("check")) {
        const std::string file = check->text("name");
        base::Array findings;
        for (const engine::Finding& finding : engine::check_script(check->text("source"))) {
            findings.push_back(finding.to_value(file));
        }
        return Object{{"findings", std::move(findings)}};
    }
    if (const std::optional<base::Fields> start = fields.record("start")) {
        if (script_) {
            throw base::Error(base::Fault::Conflict, "a workflow is running here already");
        }
        const base::Value* params = start->any("params");
        const base::Value* model = start->any("model");
        script_ = std::make_unique<engine::Script>(
            start->text("source"), start->text("name"),
            params == nullptr || params->object() == nullptr ? Object{} : *params->object(),
            engine::ScriptModel::from_value(model == nullptr ? base::Value() : *model), limits_);
        return next(std::nullopt);
    }
    if (const std::optional<base::Fields> answer = fields.record("answer")) {
        if (!script_) {
            throw base::Error(base::Fault::Conflict, "no workflow is running here");
        }
        return next(answer_from(*answer));
    }
    fields.finish();
    fields.fail("", "one of 'start', 'answer', 'describe' and 'check' is needed");
}

std::string Conversation::handle(std::string_view line) {
    try {
        return base::to_json(answer_to(base::parse_json(line, "message")));
    } catch (const base::Error& error) {
        return base::to_json(
            Object{{"refused", Object{{"fault", base::word(error.fault())}, {"message", error.message()}}}});
    }
}

} // namespace workflows::vm
