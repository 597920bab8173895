// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a package lets be run on its node: `[[commands]]` by workflows, `[[hooks]]` around orders.
#include "rpm/about.hpp"
#include "rpm/about_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rpm {
namespace {

std::vector<int> read_exit_codes(const base::Fields& fields, std::string_view key) {
    std::vector<int> codes;
    const base::Value* value = fields.any(key);
    const base::Array* items = value == nullptr ? nullptr : value->array();
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        const std::int64_t* code = (*items)[i].whole();
        if (code == nullptr || *code < 0 || *code > 255) {
            items = nullptr;
            break;
        }
        codes.push_back(static_cast<int>(*code));
    }
    if (items == nullptr) {
        fields.fail(key, fmt::format("'{}' must be a list of exit codes between 0 and 255", key));
    }
    return codes;
}

base::Array list_of(const std::vector<int>& codes) {
    return base::Array(codes.begin(), codes.end());
}

bool contains(const std::vector<int>& codes, int code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

} // namespace

PackagedCommand PackagedCommand::read(const base::Fields& fields) {
    PackagedCommand command;
    command.name = read_filled(fields, "name");
    command.run = read_argv(fields, "run");
    if (fields.has("ok")) {
        command.ok = read_exit_codes(fields, "ok");
        if (command.ok.empty()) {
            fields.fail("ok", "'ok' must be a list of exit codes between 0 and 255");
        }
    }
    if (fields.has("changed")) {
        command.changed = read_exit_codes(fields, "changed");
        for (const int code : *command.changed) {
            if (!contains(command.ok, code)) {
                fields.fail("changed", fmt::format("'changed' has the exit code {}, which is not in 'ok'; "
                                                   "write it into both, or into none",
                                                   code));
            }
        }
    }
    command.once = fields.flag("once", command.once);
    command.irreversible = fields.flag("irreversible", command.irreversible);
    command.repeatable = fields.flag("repeatable", command.repeatable);
    command.timeout = read_positive(fields, "timeout", command.timeout);
    fields.finish();
    return command;
}

bool PackagedCommand::is_ok(int exit_code) const {
    return contains(ok, exit_code);
}

bool PackagedCommand::has_changed(int exit_code) const {
    return is_ok(exit_code) && (!changed || contains(*changed, exit_code));
}

base::Value PackagedCommand::to_value() const {
    base::Object record{{"name", name}, {"run", run}, {"ok", list_of(ok)}, {"once", once}};
    // What says nothing is left out, so that a package without it has the bytes that it always had.
    if (changed) {
        record.set("changed", list_of(*changed));
    }
    if (irreversible) {
        record.set("irreversible", true);
    }
    if (repeatable) {
        record.set("repeatable", true);
    }
    record.set("timeout", base::to_text(timeout));
    return record;
}

const std::vector<std::string>& Hook::points() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> points;
        for (const char* step : {"drain", "apply", "restart", "stop", "start", "undrain", "undo"}) {
            points.push_back(std::string("before-") + step);
            points.push_back(std::string("after-") + step);
        }
        return points;
    }();
    return all;
}

Hook Hook::read(const base::Fields& fields) {
    Hook hook;
    hook.at = base::one_of(fields, "at", fields.text("at"), points(), "point for a hook");
    hook.run = read_argv(fields, "run");
    hook.timeout = read_positive(fields, "timeout", hook.timeout);
    hook.warns = base::one_of(fields, "on_failure", fields.text("on_failure", "fail"), {"fail", "warn"},
                              "'on_failure'") == "warn";
    fields.finish();
    return hook;
}

base::Value Hook::to_value() const {
    return base::Object{{"at", at},
                        {"run", run},
                        {"timeout", base::to_text(timeout)},
                        {"on_failure", warns ? "warn" : "fail"}};
}

} // namespace rpm
