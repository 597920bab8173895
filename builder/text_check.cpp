// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/text_check.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "templates/template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace builder {
namespace {

const std::vector<std::string> variables{"node",    "environment", "application", "component",
                                         "release", "settings",    "consumes",    "peers"};
const std::string candidate = "file"; // in `validate` alone

int line_of_use(const templates::Template& parsed, const std::string& name) {
    for (const auto& use : parsed.uses()) {
        if (use.path == name || use.path.starts_with(name + ".")) {
            return use.line;
        }
    }
    return 0;
}

std::string unknown_variable(const std::string& name, bool validates) {
    std::vector<std::string> known = variables;
    if (validates) {
        known.push_back(candidate);
    }
    return fmt::format("'{}' is no variable; {}", name, base::hint_or_list(name, known));
}

std::optional<std::string> first_unknown(const templates::Template& parsed, bool validates) {
    for (const std::string& name : parsed.names()) {
        const bool known = std::find(variables.begin(), variables.end(), name) != variables.end();
        if (!known && !(validates && name == candidate)) {
            return name;
        }
    }
    return std::nullopt;
}

/// The texts of one part of package.toml, each with the line where it stands.
class Texts {
public:
    Texts(const std::string& file, bool validates) : file_(file), validates_(validates) {}

    void check(const base::Value* value) const {
        if (value == nullptr) {
            return;
        }
        if (const std::string* text = value->text()) {
            check_one(*text, value->line);
        } else if (const base::Array* items = value->array()) {
            std::for_each(items->begin(), items->end(), [this](const base::Value& item) { check(&item); });
        }
    }

private:
    void check_one(const std::string& text, int line) const {
        const std::string place = fmt::format("{}:{}", file_, line);
        // The template's own place is inside the text, whose first line is the one in the file.
        const std::string name = "text";
        try {
            if (const auto unknown = first_unknown(templates::Template::parse(text, name), validates_)) {
                throw base::Error(base::Fault::Input, "{}", unknown_variable(*unknown, validates_));
            }
        } catch (const base::Error& error) {
            throw base::Error(base::Fault::Input, "{}: in '{}': {}", place, text,
                              without_place(error.message(), name));
        }
    }

    static std::string without_place(const std::string& message, const std::string& name) {
        const std::size_t end = message.find(": ");
        return message.starts_with(name + ":") && end != std::string::npos ? message.substr(end + 2)
                                                                           : message;
    }

    const std::string& file_;
    bool validates_;
};

const base::Value* member(const base::Value& record, std::string_view key) {
    return record.object() != nullptr ? record.object()->find(key) : nullptr;
}

template <class Each> void each_record(const base::Value* list_or_record, Each each) {
    if (list_or_record == nullptr) {
        return;
    }
    if (const base::Array* items = list_or_record->array()) {
        std::for_each(items->begin(), items->end(), each);
    } else if (const base::Object* record = list_or_record->object()) {
        for (const base::Member& one : record->members) {
            each(one.value);
        }
    }
}

} // namespace

void check_texts(const base::Value& recipe, const std::string& file) {
    const Texts texts(file, false);
    each_record(member(recipe, "services"), [&](const base::Value& service) {
        for (const std::string_view key : {"start", "pid_file", "stop", "reload"}) {
            texts.check(member(service, key));
        }
    });
    each_record(member(recipe, "health"), [&](const base::Value& probe) {
        for (const std::string_view key : {"http", "tcp", "exec"}) {
            texts.check(member(probe, key));
        }
    });
    if (const base::Value* drain = member(recipe, "drain")) {
        texts.check(member(*drain, "marker"));
    }
    for (const std::string_view list : {"commands", "hooks"}) {
        each_record(member(recipe, list),
                    [&](const base::Value& program) { texts.check(member(program, "run")); });
    }
    const Texts validation(file, true);
    each_record(member(recipe, "templates"),
                [&](const base::Value& part) { validation.check(member(part, "validate")); });
}

void check_template(std::string_view text, const std::string& name, const Recipe& recipe,
                    std::vector<std::string>& notes) {
    const auto parsed = templates::Template::parse(text, name);
    if (const auto unknown = first_unknown(parsed, false)) {
        const int line = line_of_use(parsed, *unknown);
        throw base::Error(base::Fault::Input, "{}{}: {}", name, line == 0 ? "" : fmt::format(":{}", line),
                          unknown_variable(*unknown, false));
    }
    std::vector<std::string> declared;
    for (const rpm::Setting& setting : recipe.about.settings) {
        declared.push_back("settings." + setting.name);
    }
    std::set<std::string> seen;
    for (const auto& use : parsed.uses()) {
        if (!use.path.starts_with("settings.")) {
            continue;
        }
        const std::string path = use.path.substr(0, use.path.find('.', use.path.find('.') + 1));
        if (std::find(declared.begin(), declared.end(), path) != declared.end() ||
            !seen.insert(path).second) {
            continue;
        }
        const auto meant = base::nearest(path, declared);
        notes.push_back(fmt::format("{}:{}: '{}' is no setting of package '{}'; {}", name, use.line, path,
                                    recipe.name,
                                    meant ? fmt::format("did you mean '{}'?", *meant)
                                          : "another package of its component must bring it"));
    }
}

} // namespace builder
