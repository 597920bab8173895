// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/environment_names.hpp"

#include "base/fields.hpp"
#include "workflows/engine/service_graph.hpp"

#include <set>

namespace workflows::engine {
namespace {

void fail_unless_known(const std::set<std::string>& known, const std::string& name,
                       const base::Fields& fields, std::string_view key, const std::string& objection) {
    if (!known.contains(name)) {
        fields.fail(key, objection + base::hint(name, {known.begin(), known.end()}));
    }
}

void check_where(const base::Fields& record, const Environment& environment) {
    std::set<std::string> names;
    std::set<std::string> labels;
    for (const DeclaredNode& node : environment.nodes) {
        names.insert(node.name.str());
        for (const auto& [label, value] : node.labels) {
            labels.insert(label);
        }
    }
    const std::string where = record.text("where");
    const std::size_t equals = where.find('=');
    const bool by_name = where.substr(0, equals) == "node";
    const std::string wanted = by_name ? where.substr(equals + 1) : where.substr(0, equals);
    fail_unless_known(by_name ? names : labels, wanted, record, "where",
                      fmt::format("{} '{}' is not in this environment", by_name ? "node" : "label", wanted));
}

// What the names below an application mean is for desired() to say, which knows a release.
void check_applications(const base::Fields& record, const Environment& environment) {
    std::set<std::string> known;
    for (const DeclaredNode& node : environment.nodes) {
        for (const base::ComponentName& component : node.components) {
            known.emplace(base::before_slash(component));
        }
    }
    if (const std::optional<base::Fields> settings = record.record("settings")) {
        for (const base::Member& application : settings->members()) {
            fail_unless_known(known, application.name, *settings, application.name,
                              fmt::format("no node of this environment has a component of application '{}'",
                                          application.name));
        }
    }
}

void check_externals(const base::Fields& fields) {
    const std::optional<base::Fields> externals = fields.record("external");
    if (!externals) {
        return;
    }
    for (const base::Member& external : externals->members()) {
        const base::Fields service = *externals->record(external.name);
        if (service.has("port")) {
            service.whole("port", 1, 65535); // what is tried from the consumers' nodes
        }
        for (const base::Member& field : service.members()) {
            check_template_name(service, field.name, "a field of a service");
        }
    }
}

} // namespace

void check_names(const Environment& environment) {
    const base::Fields fields(environment.document, environment.file);
    check_applications(fields, environment);
    for (const base::Fields& record : fields.records("override")) {
        check_where(record, environment);
        check_applications(record, environment);
    }
    check_externals(fields);
}

} // namespace workflows::engine
