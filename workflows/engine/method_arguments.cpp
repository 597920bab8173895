// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What may stand in the arguments and options of ctx's methods: one reader for each kind, for scripts that
// run and for those that are only read.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/name.hpp"
#include "workflows/engine/analysis.hpp"
#include "workflows/engine/failure_budget.hpp"
#include "workflows/engine/foreign_words.hpp"
#include "workflows/engine/methods.hpp"
#include "workflows/engine/ramp.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

using Complaints = std::vector<Complaint>;

// What a reader of one value throws gets the name in front.
template <class Read>
void try_reading(std::string_view name, const base::Value& value, Complaints& complaints, Read read) {
    try {
        read();
    } catch (const base::Error& error) {
        complaints.push_back({fmt::format("'{}': {}", name, error.message()), value.line});
    }
}

void mistyped(std::string_view name, const base::Value& value, std::string_view wanted,
              Complaints& complaints) {
    complaints.push_back({fmt::format("'{}' is {}, but must be {}", name, value.kind(), wanted), value.line});
}

void check_text(std::string_view name, const base::Value& value, Complaints& complaints) {
    if (value.text() == nullptr) {
        mistyped(name, value, "a string", complaints);
    } else if (value.text()->empty()) {
        complaints.push_back({fmt::format("'{}' is empty", name), value.line});
    }
}

void check_choice(const Argument& argument, const base::Value& value, Complaints& complaints) {
    std::string list;
    std::vector<std::string> words;
    for (const std::string_view choice : argument.choices) {
        const bool last = words.size() + 1 == argument.choices.size();
        list += fmt::format("{}'{}'", words.empty() ? "" : last ? " or " : ", ", choice);
        words.emplace_back(choice);
    }
    const std::string* text = value.text();
    if (text == nullptr) {
        mistyped(argument.name, value, list, complaints);
    } else if (std::ranges::find(words, *text) == words.end()) {
        complaints.push_back({fmt::format("'{}' is '{}', but must be {}{}", argument.name, *text, list,
                                          base::hint(*text, words)),
                              value.line});
    }
}

void check_duration(std::string_view name, const base::Value& value, Complaints& complaints,
                    bool positive = false) {
    if (value.text() == nullptr) {
        mistyped(name, value, "a duration such as \"30s\"", complaints);
        return;
    }
    try_reading(name, value, complaints, [&] {
        if (base::parse_duration(*value.text()) <= base::Duration::zero() && positive) {
            complaints.push_back({fmt::format("'{}' is no time at all", name), value.line});
        }
    });
}

void check_whole(std::string_view name, const base::Value& value, std::int64_t low, Complaints& complaints) {
    if (value.whole() == nullptr) {
        mistyped(name, value, "a whole number", complaints);
    } else if (*value.whole() < low) {
        complaints.push_back(
            {fmt::format("'{}' is {}, but must be at least {}", name, *value.whole(), low), value.line});
    }
}

// A count from 0, or a share.
void check_amount(std::string_view name, const base::Value& value, Complaints& complaints) {
    if (value.whole() != nullptr) {
        check_whole(name, value, 0, complaints);
    } else if (!FailureBudget::is_none(value)) {
        try_reading(name, value, complaints, [&] { Portion::read(value); });
    }
}

// Each member of a record by its own reader; a null is not known yet.
template <class Check>
void check_record(std::string_view name, const base::Value& value, const std::vector<std::string>& keys,
                  Complaints& complaints, Check check) {
    if (value.object() == nullptr) {
        mistyped(name, value, "a record", complaints);
        return;
    }
    for (const base::Member& member : value.object()->members) {
        const std::string path = name.empty() ? member.name : fmt::format("{}.{}", name, member.name);
        if (std::ranges::find(keys, member.name) == keys.end()) {
            complaints.push_back(
                {fmt::format("unknown key '{}'{}", path, instead_of_member(member.name, keys)), member.line});
        } else if (!member.value.is_null()) {
            check(path, member);
        }
    }
}

void check_budget(std::string_view name, const base::Value& value, Complaints& complaints) {
    if (value.object() == nullptr) {
        check_amount(name, value, complaints);
        return;
    }
    check_record(name, value, {"total", "batch", "component", "domain"}, complaints,
                 [&](const std::string& path, const base::Member& member) {
                     if (member.name != "domain") {
                         check_amount(path, member.value, complaints);
                         return;
                     }
                     check_record(path, member.value, {"label", "max"}, complaints,
                                  [&](const std::string& inner, const base::Member& part) {
                                      part.name == "label" ? check_text(inner, part.value, complaints)
                                                           : check_amount(inner, part.value, complaints);
                                  });
                 });
}

std::vector<std::string> names_of(const std::vector<Argument>& arguments) {
    std::vector<std::string> names;
    for (const Argument& argument : arguments) {
        names.emplace_back(argument.name);
    }
    return names;
}

void check_where(std::string_view name, const base::Value& value, Complaints& complaints) {
    const std::string* text = value.text();
    if (text == nullptr) {
        mistyped(name, value, "a string", complaints);
    } else if (const std::size_t equals = text->find('='); equals == 0 || equals == std::string::npos) {
        complaints.push_back(
            {fmt::format("'{}' is '{}', but must name a label and its value; write for example "
                         "\"rack=a\"",
                         name, *text),
             value.line});
    }
}

// What each measurement must have.
void check_measurement(const std::string& name, const base::Value& value, Complaints& complaints) {
    const base::Object* record = value.object();
    if (record == nullptr) {
        return;
    }
    for (const auto& [key, example] : {std::pair{"name", "errors"}, {"pass", "<= 0.01"}}) {
        if (record->find(key) == nullptr) {
            complaints.push_back(
                {fmt::format("'{0}.{1}' is missing; write {1} = \"{2}\"", name, key, example), value.line});
        }
    }
    const auto sources = std::ranges::count_if(record->members, [](const base::Member& member) {
        return member.name == "command" || member.name == "http" || member.name == "prometheus";
    });
    if (sources != 1) {
        complaints.push_back(
            {fmt::format("'{}' must come from one of command = \"…\", http = {{ url, path }} and prometheus "
                         "= {{ url, query }}",
                         name),
             value.line});
    }
    if (const base::Value* pass = record->find("pass"); pass != nullptr && pass->text() != nullptr) {
        if (const std::optional<std::string> objection = objection_to_condition(*pass->text())) {
            complaints.push_back({fmt::format("'{}.pass' {}", name, *objection), pass->line});
        }
    }
}

void check_analysis(std::string_view name, const base::Value& value, Complaints& complaints) {
    const bool empty = value.object() != nullptr && value.object()->empty();
    if (value.array() == nullptr && !empty) {
        mistyped(name, value, "a list of measurements", complaints);
        return;
    }
    const std::size_t count = empty ? 0 : value.array()->size();
    for (std::size_t i = 0; i < count; ++i) {
        check_measurement(fmt::format("{}[{}]", name, i), (*value.array())[i], complaints);
        check_record(fmt::format("{}[{}]", name, i), (*value.array())[i], names_of(measurement_fields()),
                     complaints, [&](const std::string& path, const base::Member& member) {
                         Argument field =
                             *std::ranges::find(measurement_fields(), member.name, &Argument::name);
                         field.name = path;
                         complain(field, member.value, complaints);
                     });
    }
}

} // namespace

void complain(const Argument& argument, const base::Value& value, Complaints& complaints) {
    if (value.is_null()) {
        return;
    }
    const std::string_view name = argument.name;
    switch (argument.slot) {
    case Slot::Level:
        if (value.object() == nullptr || value.object()->find("index") == nullptr) {
            complaints.push_back(
                {fmt::format("the first argument is {}, but must be one of ctx.levels", value.kind()),
                 value.line});
        }
        break;
    case Slot::Component:
        check_text(name, value, complaints);
        if (value.text() != nullptr) {
            try_reading(name, value, complaints, [&] { base::ComponentName checked(*value.text()); });
        }
        break;
    case Slot::Text:
        check_text(name, value, complaints);
        break;
    case Slot::Label:
        if (value.text() == nullptr) {
            mistyped(name, value, "a string", complaints);
        }
        break;
    case Slot::Where:
        check_where(name, value, complaints);
        break;
    case Slot::Choice:
        check_choice(argument, value, complaints);
        break;
    case Slot::Duration:
        check_duration(name, value, complaints);
        break;
    case Slot::Soak:
        if (value.array() == nullptr) {
            check_duration(name, value, complaints);
            break;
        }
        for (const base::Value& one : *value.array()) {
            check_duration(name, one, complaints);
        }
        break;
    case Slot::Portion:
        try_reading(name, value, complaints, [&] { Portion::read(value); });
        break;
    case Slot::Ramp:
        try_reading(name, value, complaints, [&] { read_ramp(value); });
        break;
    case Slot::Count:
        check_whole(name, value, 1, complaints);
        break;
    case Slot::Number:
        check_whole(name, value, 0, complaints);
        break;
    case Slot::Flag:
        if (value.flag() == nullptr) {
            mistyped(name, value, "true or false", complaints);
        }
        break;
    case Slot::Budget:
        check_budget(name, value, complaints);
        break;
    case Slot::Deadlines:
        check_record(name, value, deadline_steps(), complaints,
                     [&](const std::string& path, const base::Member& member) {
                         check_duration(path, member.value, complaints, true);
                     });
        break;
    case Slot::Analysis:
        check_analysis(name, value, complaints);
        break;
    case Slot::Address: {
        const std::vector<std::string> keys(argument.choices.begin(), argument.choices.end());
        check_record(name, value, keys, complaints, [&](const std::string& path, const base::Member& member) {
            check_text(path, member.value, complaints);
        });
        break;
    }
    case Slot::Record:
        if (value.object() == nullptr) {
            mistyped(name, value, "a record", complaints);
        }
        break;
    case Slot::Data:
        break;
    case Slot::Function:
        complaints.push_back(
            {fmt::format("the first argument is {}, but must be a function", value.kind()), value.line});
        break;
    }
}

void complain_of_options(const Method& method, const base::Value& options, Complaints& complaints) {
    if (options.is_null()) {
        return;
    }
    if (options.object() == nullptr) {
        complaints.push_back({fmt::format("the options are {}, but must be a record, as in {}",
                                          options.kind(), method.example),
                              options.line});
        return;
    }
    for (const base::Member& member : options.object()->members) {
        const bool is_argument =
            std::ranges::find(method.arguments, member.name, &Argument::name) != method.arguments.end();
        if (is_argument) {
            complaints.push_back({fmt::format("unknown key '{}'; it is an argument of its own, as in {}",
                                              member.name, method.example),
                                  member.line});
            continue;
        }
        const auto known = std::ranges::find(method.options, member.name, &Argument::name);
        if (known == method.options.end()) {
            complaints.push_back({fmt::format("unknown key '{}'{}", member.name,
                                              instead_of_member(member.name, names_of(method.options))),
                                  member.line});
        } else {
            complain(*known, member.value, complaints);
        }
    }
}

base::Value command_arguments(const Method& method, const std::vector<base::Value>& arguments,
                              const base::Value& options) {
    base::Object command;
    Complaints complaints;
    for (std::size_t i = 0; i < method.arguments.size(); ++i) {
        const Argument& argument = method.arguments[i];
        const base::Value& value = arguments[i];
        if (argument.slot == Slot::Level && value.is_null()) {
            complaints.push_back({"the first argument is nothing, but must be one of ctx.levels"});
        } else if (value.is_null() && argument.absent.empty() && argument.slot != Slot::Function) {
            complaints.push_back({fmt::format("'{}' is missing; write {}", argument.name, method.example)});
        } else if (argument.slot == Slot::Function) {
            // What it returned.
        } else {
            complain(argument, value, complaints);
        }
        if (!complaints.empty()) {
            break;
        }
        if (!value.is_null()) {
            command.set(std::string(argument.name),
                        argument.slot == Slot::Level ? *value.object()->find("index") : value);
        }
    }
    if (complaints.empty()) {
        complain_of_options(method, options, complaints);
    }
    if (!complaints.empty()) {
        throw base::Error(base::Fault::Input, "ctx:{}: {}", method.name, complaints[0].message);
    }
    if (options.object() != nullptr) {
        for (const base::Member& member : options.object()->members) {
            command.set(member.name, member.value);
        }
    }
    return command;
}

} // namespace workflows::engine
