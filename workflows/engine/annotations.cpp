// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/methods.hpp"

#include <fmt/format.h>

namespace workflows::engine {
namespace {

// The type of a slot as LuaLS writes it.
std::string type_of(const Argument& argument) {
    switch (argument.slot) {
    case Slot::Level:
        return "tiercel.Level";
    case Slot::Component:
    case Slot::Text:
    case Slot::Label:
    case Slot::Where:
        return "string";
    case Slot::Choice: {
        std::string list;
        for (const std::string_view choice : argument.choices) {
            list += fmt::format("{}\"{}\"", list.empty() ? "" : "|", choice);
        }
        return list;
    }
    case Slot::Duration:
        return "tiercel.Duration";
    case Slot::Soak:
        return "tiercel.Duration|tiercel.Duration[]";
    case Slot::Portion:
        return "tiercel.Portion";
    case Slot::Ramp:
        return "tiercel.Portion[]";
    case Slot::Count:
    case Slot::Number:
        return "integer";
    case Slot::Flag:
        return "boolean";
    case Slot::Budget:
        return "tiercel.Portion|tiercel.Budget";
    case Slot::Deadlines:
        return "tiercel.Deadlines";
    case Slot::Analysis:
        return "tiercel.Measurement[]";
    case Slot::Address:
        return fmt::format("{{ {}: string, {}: string }}", argument.choices[0], argument.choices[1]);
    case Slot::Record:
        return "table<string, any>";
    case Slot::Data:
        return "any";
    case Slot::Function:
        return argument.name == "fn" ? "fun(outcome: \"succeeded\"|\"failed\"|\"stopped\")" : "fun(): any";
    }
    return "any";
}

std::string options_text(std::string_view name, const std::vector<Argument>& options) {
    std::string text = fmt::format("---@class tiercel.{}\n", name);
    for (const Argument& option : options) {
        text += fmt::format("---@field {}? {} {}{}\n", option.name, type_of(option), option.meaning,
                            option.absent.empty() ? "" : fmt::format("; {} without it", option.absent));
    }
    return text + "\n";
}

std::string class_text(std::string_view name, const std::vector<Field>& fields) {
    std::string text = fmt::format("---@class tiercel.{}\n", name);
    for (const Field& field : fields) {
        text += fmt::format("---@field {} {} {}\n", field.name, field.type, field.meaning);
    }
    return text + "\n";
}

constexpr std::string_view head = R"(---@meta
-- Copyright the Tiercel authors
-- SPDX-License-Identifier: Apache-2.0
-- The language of workflows, for editors that speak LuaLS ("workspace.library"). docs/workflows.md explains it.

---@alias tiercel.Duration string `"30s"`, `"1h30m"`
---@alias tiercel.Portion integer|string a count of targets (2) or a share of them ("20%")

---@class tiercel.Budget
---@field total? tiercel.Portion of the call
---@field batch? tiercel.Portion of each batch
---@field component? tiercel.Portion of each component
---@field domain? { label: string, max: tiercel.Portion } of each value of a label

---@class tiercel.Workflow
---@field summary? string one line of text
---@field params? table<string, tiercel.Parameter>
---@field run fun(ctx: tiercel.Context, params: table<string, any>)

---@class tiercel.Parameter

---@param fields tiercel.Workflow
---@return tiercel.Workflow
function workflow(fields) end

---@param default tiercel.Portion[]
---@return tiercel.Parameter
function ramp(default) end

---@param default tiercel.Duration
---@return tiercel.Parameter
function duration(default) end

---@param default integer
---@return tiercel.Parameter
function count(default) end

---@param default string
---@return tiercel.Parameter
function text(default) end

---@param default boolean
---@return tiercel.Parameter
function flag(default) end

)";

} // namespace

std::string annotations() {
    std::string text(head);
    text += class_text("Level", level_fields());
    text += class_text("Component", component_fields());
    text += "---@class tiercel.Deadlines\n";
    for (const std::string& step : deadline_steps()) {
        text += fmt::format("---@field {}? tiercel.Duration\n", step);
    }
    text += "\n" + options_text("Measurement", measurement_fields());
    std::string functions;
    for (const Method& method : methods()) {
        std::string parameters;
        std::string about = fmt::format("---{}\n", method.meaning);
        for (const Argument& argument : method.arguments) {
            about += fmt::format("---@param {}{} {} {}\n", argument.name, argument.absent.empty() ? "" : "?",
                                 type_of(argument), argument.meaning);
            parameters += fmt::format("{}{}", parameters.empty() ? "" : ", ", argument.name);
        }
        if (!method.options.empty()) {
            text += options_text(fmt::format("{}_options", method.name), method.options);
            about += fmt::format("---@param options? tiercel.{}_options\n", method.name);
            parameters += parameters.empty() ? "options" : ", options";
        }
        if (method.answer == "table") {
            text += class_text(fmt::format("{}_answer", method.name), method.fields);
            about += fmt::format("---@return tiercel.{}_answer\n", method.name);
        } else if (!method.answer.empty()) {
            about += fmt::format("---@return {}\n", method.answer);
        }
        functions += fmt::format("{}function Context:{}({}) end\n\n", about, method.name, parameters);
    }
    text += class_text("Context", context_fields());
    text.pop_back();
    return text + "local Context = {}\n\n" + functions.substr(0, functions.size() - 1);
}

} // namespace workflows::engine
