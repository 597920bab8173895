// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine {

/// What stands in an argument or option of a ctx method.
enum class Slot {
    Level,     ///< one of ctx.levels; in the command its index
    Component, ///< "shop/web"
    Text,      ///< not empty
    Label,     ///< of nodes, such as "rack"; empty: none
    Where,     ///< "rack=a"
    Choice,    ///< one of a list of words
    Duration,  ///< "30s"
    Soak,      ///< a duration, or a list of them
    Portion,   ///< 2 or "20%"
    Ramp,      ///< { 1, "20%", "100%" }
    Count,     ///< a whole number from 1
    Number,    ///< a whole number from 0
    Flag,      ///< true or false
    Budget,    ///< a whole number from 0, "20%", or { total, batch, component, domain = { label, max } }
    Deadlines, ///< { apply = "20m" }
    Analysis,  ///< a list of measurements, each with the members of measurement_fields
    Address,   ///< { url, path } or { url, query }: the choices are its members
    Record,    ///< data by name
    Data,      ///< any data
    Function
};

/// One argument or option. What a call must have stands in front; options are in the record that comes last.
struct Argument {
    std::string_view name;
    Slot slot;
    std::string_view absent;  ///< what holds without it; an argument that has none must be written
    std::string_view meaning; ///< for the documentation
    std::vector<std::string_view> choices{};
};

/// A member of a record that a script gets: of ctx, or of an answer.
struct Field {
    std::string_view name;
    std::string_view type; ///< as editors write it: "integer", "string[]"
    std::string_view meaning;
};

/// One method of ctx. This table is the language: the runtime refuses what does not stand in it, the static
/// check too, and the documentation and the annotations for editors are held to it by a test.
struct Method {
    std::string_view name;
    std::string_view command; ///< ScriptCommand::kind
    std::string_view example;
    std::string_view meaning;
    std::vector<Argument> arguments;
    std::vector<Argument> options;
    std::string_view answer; ///< its type; empty: nothing; "table": `fields`
    std::vector<Field> fields{};
    bool deferrable = false; ///< may be called in a deferred function
};

const std::vector<Method>& methods();
const Method* find_method(std::string_view name) noexcept;

/// Members of ctx that are no methods, of one of ctx.levels, of one of ctx.components.
const std::vector<Field>& context_fields();
const std::vector<Field>& level_fields();
const std::vector<Field>& component_fields();

/// Members of one entry of `analysis`.
const std::vector<Argument>& measurement_fields();
/// Keys of `deadlines`: the steps of a target.
const std::vector<std::string>& deadline_steps();

/// Something that is wrong with a value, as a sentence that begins with its name; `mark` is Value::line (or
/// Member::line) of what it is about.
struct Complaint {
    std::string message;
    int mark = 0;
};

/// What is wrong with a value for this argument. A null in it is a part that is not known yet, and right.
void complain(const Argument& argument, const base::Value& value, std::vector<Complaint>& complaints);
/// The same for the record of a call's options, with unknown keys.
void complain_of_options(const Method& method, const base::Value& options,
                         std::vector<Complaint>& complaints);

/// The arguments of the command from those of a call: null for what was not written.
/// @throws base::Error{Input} `ctx:update: 'soak': '30' is not a duration; write '30s'`, without a place.
base::Value command_arguments(const Method& method, const std::vector<base::Value>& arguments,
                              const base::Value& options);

/// Annotations of the language for editors that speak LuaLS: `workflows/annotations/tiercel.d.lua`.
std::string annotations();

} // namespace workflows::engine
