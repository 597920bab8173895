// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script_check.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/declaration.hpp"
#include "workflows/engine/foreign_words.hpp"
#include "workflows/engine/literals.hpp"
#include "workflows/engine/methods.hpp"
#include "workflows/engine/sandbox.hpp"
#include "workflows/engine/script.hpp"
#include "workflows/engine/script_roles.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

namespace workflows::engine {
namespace {

using syntax::Chunk;
using syntax::Expression;
using syntax::Place;
using syntax::Statement;
using syntax::TableField;
using Kind = Expression::Kind;

std::vector<std::string> names_of(const std::vector<Field>& fields) {
    std::vector<std::string> names;
    for (const Field& field : fields) {
        names.emplace_back(field.name);
    }
    return names;
}

// `a.b` or `a["b"]`.
const std::string* member_name(const Expression& expression) noexcept {
    return expression.kind == Kind::Index && expression.parts[1]->kind == Kind::String
               ? &expression.parts[1]->text
               : nullptr;
}

// May a parameter of this type stand there? Texts can hold most things.
bool fits(const std::string& type, Slot slot) {
    static const std::map<std::string, std::set<Slot>> slots{
        {"ramp", {Slot::Ramp}},
        {"duration", {Slot::Duration, Slot::Soak}},
        {"count", {Slot::Count, Slot::Number, Slot::Portion, Slot::Budget}},
        {"text",
         {Slot::Text, Slot::Label, Slot::Where, Slot::Choice, Slot::Component, Slot::Duration, Slot::Soak,
          Slot::Portion, Slot::Budget, Slot::Ramp}},
        {"flag", {Slot::Flag}}};
    return slot == Slot::Data || slots.at(type).contains(slot);
}

class Checker {
public:
    explicit Checker(const Chunk& chunk) : chunk_(chunk) {}

    std::vector<Finding> check() {
        for (const syntax::SyntaxError& error : chunk_.errors) {
            add(error.place, error.message);
        }
        learn_names();
        declaration_ = read_declaration(chunk_, literals_, findings_);
        roles_.emplace(chunk_, declaration_.run);
        for (const Statement& statement : chunk_.statements) {
            for (const auto& target : statement.targets) {
                check_target(*target);
            }
            for (const auto& value : statement.values) {
                walk(*value);
            }
        }
        std::stable_sort(findings_.begin(), findings_.end(),
                         [](const Finding& a, const Finding& b) { return a.place < b.place; });
        return std::move(findings_);
    }

private:
    void add(Place place, std::string message) { findings_.push_back({place, std::move(message)}); }

    // ---- what there is ----

    void learn_names() {
        globals_ = Sandbox().names();
        for (const std::string& word : workflow_words()) {
            globals_[word];
        }
        globals_["_ENV"];
        for (const Statement& statement : chunk_.statements) {
            for (const auto& target : statement.targets) {
                if (target->kind == Kind::Global) {
                    globals_[target->text].clear(); // the script's own from here on
                }
            }
        }
        for (const auto& [name, members] : globals_) {
            names_.push_back(name);
        }
    }

    Role role(const Expression& expression) const { return roles_->of(expression).role; }

    // ---- expressions ----

    void check_target(const Expression& target) {
        if (target.kind != Kind::Index) {
            return;
        }
        if (role(*target.parts[0]) == Role::Context) {
            add(target.member, "ctx cannot be written to; use a local variable");
            walk(*target.parts[1]);
            return;
        }
        walk(*target.parts[0]);
        walk(*target.parts[1]);
    }

    void walk(const Expression& expression) {
        switch (expression.kind) {
        case Kind::Global:
            if (!globals_.contains(expression.text)) {
                add(expression.place, fmt::format("unknown name '{}'{}", expression.text,
                                                  instead_of_name(expression.text, names_)));
            }
            return;
        case Kind::Index:
            check_member(expression);
            break;
        case Kind::Call:
            check_dot_call(expression);
            break;
        case Kind::Method:
            if (role(*expression.parts[0]) == Role::Context) {
                check_method(expression);
            }
            break;
        default:
            break;
        }
        for (const auto& part : expression.parts) {
            walk(*part);
        }
        for (const TableField& field : expression.fields) {
            if (field.key) {
                walk(*field.key);
            }
            if (constant_key(field) == nullptr && role(*field.value) == Role::Context) {
                add(field.value->place,
                    "ctx stands in a list, where its calls cannot be checked; hand it on by name, as in "
                    "{ ctx = ctx }, or as an argument");
            }
            walk(*field.value);
        }
    }

    void check_member(const Expression& expression) {
        const std::string* name = member_name(expression);
        if (name == nullptr) {
            return;
        }
        const Expression& object = *expression.parts[0];
        if (object.kind == Kind::Global) {
            const auto library = globals_.find(object.text);
            if (library != globals_.end() && !library->second.empty()) {
                check_known(expression, object.text + " has no", library->second, object.text);
            }
            return;
        }
        switch (role(object)) {
        case Role::Context: {
            std::vector<std::string> known = names_of(context_fields());
            for (const Method& method : methods()) {
                known.emplace_back(method.name);
            }
            check_known(expression, "ctx has no", known);
            break;
        }
        case Role::Params:
            if (declaration_.complete) {
                std::vector<std::string> known;
                for (const auto& [parameter, type] : declaration_.parameters) {
                    known.push_back(parameter);
                }
                check_known(expression, "the workflow has no parameter", known);
            }
            break;
        case Role::Level:
            check_known(expression, "a level has no", names_of(level_fields()));
            break;
        case Role::Component:
            check_known(expression, "a component has no", names_of(component_fields()));
            break;
        case Role::Answer: {
            const Method& method = *roles_->of(object).method;
            check_known(expression, fmt::format("the answer of ctx:{} has no", method.name),
                        names_of(method.fields));
            break;
        }
        case Role::Unknown:
        case Role::Levels:
        case Role::Components:
            break;
        }
    }

    void check_known(const Expression& index, std::string_view complaint,
                     const std::vector<std::string>& known, std::string_view library = {}) {
        const std::string& name = *member_name(index);
        if (std::ranges::find(known, name) == known.end()) {
            add(index.member,
                fmt::format("{} '{}'{}", complaint, name, instead_of_member(name, known, library)));
        }
    }

    // ctx.update(level)
    void check_dot_call(const Expression& call) {
        const Expression& function = *call.parts[0];
        const std::string* name = member_name(function);
        if (name == nullptr || role(*function.parts[0]) != Role::Context || find_method(*name) == nullptr) {
            return;
        }
        if (call.parts.size() < 2 || role(*call.parts[1]) != Role::Context) {
            add(function.member, fmt::format("write ctx:{}(…), with a colon", *name));
        }
    }

    // ---- calls of ctx's methods ----

    void check_method(const Expression& call) {
        const Method* method = find_method(call.text);
        if (method == nullptr) {
            const auto fields = names_of(context_fields());
            std::vector<std::string> known;
            for (const Method& one : methods()) {
                known.emplace_back(one.name);
            }
            add(call.member,
                std::ranges::find(fields, call.text) != fields.end()
                    ? fmt::format("'{0}' is no method; write ctx.{0}", call.text)
                    : fmt::format("ctx has no '{}'{}", call.text, instead_of_member(call.text, known)));
            return;
        }
        const std::size_t written = call.parts.size() - 1;
        const std::size_t most = method->arguments.size() + (method->options.empty() ? 0 : 1);
        const Kind last = call.parts.back()->kind;
        const bool open = written > 0 && (last == Kind::Call || last == Kind::Method || last == Kind::Vararg);
        if (written > most) {
            add(call.parts[most + 1]->place,
                fmt::format("ctx:{} takes at most {} arguments", method->name, most));
        }
        for (std::size_t i = 0; i < method->arguments.size(); ++i) {
            const Argument& argument = method->arguments[i];
            if (i < written) {
                check_argument(*method, argument, *call.parts[i + 1]);
            } else if (argument.absent.empty() && !open) {
                add(call.member,
                    argument.slot == Slot::Level
                        ? fmt::format("ctx:{}: the first argument is nothing, but must be one of "
                                      "ctx.levels",
                                      method->name)
                        : fmt::format("ctx:{}: '{}' is missing; write {}", method->name, argument.name,
                                      method->example));
                break;
            }
        }
        if (written == most && !method->options.empty()) {
            check_options(*method, *call.parts[most]);
        }
    }

    void check_argument(const Method& method, const Argument& argument, const Expression& written) {
        if (written.kind == Kind::Function) {
            if (argument.slot != Slot::Function) {
                add(written.place, "a function stands where data is expected");
            }
            return;
        }
        check_parameter_type(method, argument, written);
        std::vector<Complaint> complaints;
        if (argument.slot == Slot::Component && role(written) == Role::Component) {
            add(written.place,
                fmt::format("ctx:{}: '{}' is a whole component; write its name, as in component.name",
                            method.name, argument.name));
        }
        if (const char* other = no_level(role(written)); argument.slot == Slot::Level && other != nullptr) {
            add(written.place, fmt::format("ctx:{}: the first argument is {}, but must be one of ctx.levels",
                                           method.name, other));
        }
        const base::Value value = literals_.read(written);
        // A level that is written out is none.
        if (written.kind != Kind::Table || argument.slot != Slot::Level) {
            complain(argument, value, complaints);
        }
        report(method, complaints);
    }

    static const char* no_level(Role role) noexcept {
        switch (role) {
        case Role::Context:
            return "ctx";
        case Role::Params:
            return "the parameters";
        case Role::Levels:
            return "the list of all levels";
        case Role::Components:
            return "the list of all components";
        case Role::Component:
            return "a component";
        case Role::Answer:
            return "an answer";
        case Role::Level:
        case Role::Unknown:
            break;
        }
        return nullptr;
    }

    void check_options(const Method& method, const Expression& written) {
        for (const TableField& field : written.fields) {
            if (field.value->kind == Kind::Function) {
                add(field.value->place, "a function stands where data is expected");
            }
            const std::string* key = constant_key(field);
            const auto option = key == nullptr ? method.options.end()
                                               : std::ranges::find(method.options, *key, &Argument::name);
            if (option != method.options.end()) {
                check_parameter_type(method, *option, *field.value);
            }
        }
        std::vector<Complaint> complaints;
        complain_of_options(method, literals_.read(written), complaints);
        report(method, complaints);
    }

    // `soak = params.max_failures`
    void check_parameter_type(const Method& method, const Argument& argument, const Expression& written) {
        const std::string* name = member_name(written);
        if (name == nullptr || role(*written.parts[0]) != Role::Params) {
            return;
        }
        const auto type = declaration_.parameters.find(*name);
        if (type != declaration_.parameters.end() && !type->second.empty() &&
            !fits(type->second, argument.slot)) {
            add(written.place, fmt::format("ctx:{}: '{}' cannot be the {} '{}'", method.name, argument.name,
                                           type->second, *name));
        }
    }

    void report(const Method& method, const std::vector<Complaint>& complaints) {
        for (const Complaint& complaint : complaints) {
            add(literals_.place(complaint.mark), fmt::format("ctx:{}: {}", method.name, complaint.message));
        }
    }

    const Chunk& chunk_;
    std::map<std::string, std::vector<std::string>> globals_;
    std::vector<std::string> names_;
    std::optional<Roles> roles_;
    Literals literals_;
    Declaration declaration_;
    std::vector<Finding> findings_;
};

// What Lua says: `script:12: message`.
Finding finding_of(std::string_view message) {
    Finding finding{{}, std::string(message)};
    constexpr std::string_view prefix = "script:";
    if (message.starts_with(prefix)) {
        message.remove_prefix(prefix.size());
        const auto [end, error] =
            std::from_chars(message.data(), message.data() + message.size(), finding.place.line);
        if (error == std::errc()) {
            message.remove_prefix(static_cast<std::size_t>(end - message.data()) + 1);
        }
        finding.message = message.substr(std::min(message.find_first_not_of(' '), message.size()));
    }
    return finding;
}

} // namespace

std::string Finding::str(std::string_view file) const {
    return fmt::format("{}:{}:{}: {}", file, place.line, place.column, message);
}

base::Value Finding::to_value(std::string_view file) const {
    return base::Object{{"file", file}, {"line", place.line}, {"column", place.column}, {"message", message}};
}

std::vector<Finding> check_script(std::string_view source) {
    if (source.size() > Limits{}.source_bytes) {
        return {{{},
                 fmt::format("the script has {} bytes, but at most {} are allowed", source.size(),
                             Limits{}.source_bytes)}};
    }
    const Chunk chunk = syntax::parse(source);
    std::vector<Finding> findings = Checker(chunk).check();
    if (findings.empty()) {
        try {
            Script(source, "script", {}, {});
        } catch (const base::Error& error) {
            findings.push_back(finding_of(error.message()));
        }
    }
    return findings;
}

} // namespace workflows::engine
