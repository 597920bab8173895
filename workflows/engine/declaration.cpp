// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/declaration.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/foreign_words.hpp"
#include "workflows/engine/parameters.hpp"

namespace workflows::engine {
namespace {

using syntax::Chunk;
using syntax::Expression;
using syntax::Place;
using syntax::Statement;
using syntax::TableField;
using Kind = Expression::Kind;

class Reader {
public:
    Reader(const Chunk& chunk, Literals& literals, std::vector<Finding>& findings)
        : chunk_(chunk), literals_(literals), findings_(findings) {}

    Declaration read() {
        find_workflow();
        return std::move(declaration_);
    }

private:
    void add(Place place, std::string message) { findings_.push_back({place, std::move(message)}); }

    static bool is_workflow_call(const Expression& expression) noexcept {
        return expression.kind == Kind::Call && expression.parts[0]->kind == Kind::Global &&
               expression.parts[0]->text == "workflow";
    }

    void collect_workflows(const Expression& expression, std::vector<const Expression*>& calls) const {
        if (is_workflow_call(expression)) {
            calls.push_back(&expression);
        }
        for (const auto& part : expression.parts) {
            collect_workflows(*part, calls);
        }
        for (const TableField& field : expression.fields) {
            collect_workflows(*field.value, calls);
        }
    }

    void find_workflow() {
        std::vector<const Expression*> calls;
        bool returned = false;
        for (const Statement& statement : chunk_.statements) {
            for (const auto& value : statement.values) {
                collect_workflows(*value, calls);
            }
            returned = returned || (statement.kind == Statement::Kind::Return && statement.function == 0);
        }
        if (calls.empty() || !returned) {
            if (chunk_.errors.empty()) {
                add(calls.empty() ? Place{} : calls[0]->place, "not a workflow; write return workflow { … }");
            }
        }
        for (std::size_t i = 1; i < calls.size(); ++i) {
            add(calls[i]->place, "'workflow' is written twice; one file describes one workflow");
        }
        if (!calls.empty()) {
            if (calls[0]->parts.size() < 2 || calls[0]->parts[1]->kind != Kind::Table) {
                add(calls[0]->place,
                    "'workflow' takes a record; write workflow { run = function(ctx, params) "
                    "… end }");
            } else {
                read_workflow(*calls[0], *calls[0]->parts[1]);
            }
        }
    }

    void read_workflow(const Expression& call, const Expression& table) {
        bool run = false;
        for (const TableField& field : table.fields) {
            const std::string* key = constant_key(field);
            if (!field.key) {
                add(field.value->place, "a workflow has summary, params and run, not a list");
            } else if (key == nullptr) {
                continue;
            } else if (*key == "run") {
                run = true;
                read_run(*field.value);
            } else if (*key == "params") {
                read_params(*field.value);
            } else if (*key == "summary") {
                const base::Value value = literals_.read(*field.value);
                if (!value.is_null() && value.text() == nullptr) {
                    add(field.value->place,
                        fmt::format("'summary' is {}, but must be a string", value.kind()));
                }
            } else {
                add(field.key->place, fmt::format("unknown key '{}'{}", *key,
                                                  instead_of_member(*key, {"summary", "params", "run"})));
            }
        }
        if (!run && chunk_.errors.empty()) {
            add(call.place, "'run' is missing; write run = function(ctx, params) … end");
        }
    }

    // The function itself, or a local one by its name.
    void read_run(const Expression& written) {
        const Expression* function = &written;
        if (written.kind == Kind::Local) {
            for (const Statement& statement : chunk_.statements) {
                if (statement.kind == Statement::Kind::Local && statement.variables.size() == 1 &&
                    statement.variables[0] == written.variable && statement.values.size() == 1) {
                    function = statement.values[0].get();
                }
            }
        }
        if (function->kind == Kind::Function) {
            declaration_.run = function;
        } else if (!literals_.read(written).is_null()) {
            add(written.place, fmt::format("'run' is {}, but must be a function; write run = function(ctx, "
                                           "params) … end",
                                           literals_.read(written).kind()));
        }
    }

    void read_params(const Expression& written) {
        if (written.kind != Kind::Table) {
            return;
        }
        bool complete = true;
        for (const TableField& field : written.fields) {
            const std::string* key = constant_key(field);
            if (key == nullptr) {
                complete = false;
                continue;
            }
            const Expression& value = *field.value;
            const bool typed = value.kind == Kind::Call && value.parts[0]->kind == Kind::Global &&
                               is_parameter_type(value.parts[0]->text);
            if (typed) {
                declaration_.parameters[*key] = value.parts[0]->text;
                check_default(*key, value);
            } else {
                declaration_.parameters[*key];
                if (!literals_.read(value).is_null()) {
                    add(value.place, untyped_parameter(*key));
                }
            }
        }
        declaration_.complete = complete;
    }

    void check_default(const std::string& name, const Expression& call) {
        if (call.parts.size() < 2) {
            add(call.place, fmt::format("parameter '{}' has no default; write one behind '{}'", name,
                                        call.parts[0]->text));
            return;
        }
        const base::Value value = literals_.read(*call.parts[1]);
        if (!value.is_null()) {
            try {
                parameter_value(call.parts[0]->text, value);
            } catch (const base::Error& error) {
                add(call.parts[1]->place, fmt::format("parameter '{}': {}", name, error.message()));
            }
        }
    }

    const Chunk& chunk_;
    Literals& literals_;
    std::vector<Finding>& findings_;
    Declaration declaration_;
};

} // namespace

Declaration read_declaration(const Chunk& chunk, Literals& literals, std::vector<Finding>& findings) {
    return Reader(chunk, literals, findings).read();
}

} // namespace workflows::engine
