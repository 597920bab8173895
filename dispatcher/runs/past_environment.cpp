// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/past_environment.hpp"

#include "base/toml.hpp"

#include <algorithm>
#include <set>

namespace dispatcher::runs {

namespace {

using Names = std::set<std::string, std::less<>>;

base::Array& list_in(base::Object& record, std::string_view key) {
    if (record.find(key) == nullptr) {
        record.set(std::string(key), base::Array{});
    }
    return *record.find(key)->array();
}

base::Object& record_in(base::Object& record, std::string_view key) {
    if (record.find(key) == nullptr) {
        record.set(std::string(key), base::Object{});
    }
    return *record.find(key)->object();
}

/// Components of the application that have a node.
Names placed(base::Object& document, const std::string& application) {
    Names names;
    for (base::Value& node : list_in(document, "nodes")) {
        for (const base::Value& component : list_in(*node.object(), "components")) {
            if (component.text()->starts_with(application + "/")) {
                names.insert(*component.text());
            }
        }
    }
    return names;
}

void leave_out(base::Object& document, const std::string& application, const Names& kept) {
    const auto is_gone = [&](std::string_view component) {
        return component.starts_with(application + "/") && !kept.contains(component);
    };
    for (base::Value& node : list_in(document, "nodes")) {
        std::erase_if(list_in(*node.object(), "components"),
                      [&](const base::Value& component) { return is_gone(*component.text()); });
    }
    const auto forget_settings = [&](base::Object& record) {
        std::erase_if(
            record_in(record_in(record, "settings"), application).members,
            [&](const base::Member& component) { return is_gone(application + "/" + component.name); });
    };
    forget_settings(document);
    for (base::Value& rule : list_in(document, "override")) {
        forget_settings(*rule.object());
    }
}

base::Array& components_on(base::Object& document, const base::Value& declared) {
    base::Array& nodes = list_in(document, "nodes");
    const base::Value& name = *declared.object()->find("name");
    auto node = std::find_if(nodes.begin(), nodes.end(),
                             [&](const base::Value& one) { return *one.object()->find("name") == name; });
    if (node == nodes.end()) {
        node = nodes.insert(nodes.end(), declared);
        list_in(*node->object(), "components").clear();
    }
    return list_in(*node->object(), "components");
}

} // namespace

workflows::engine::Environment with_components_of(const EnvironmentVersion& then,
                                                  const EnvironmentVersion& now,
                                                  const std::string& application) {
    base::Value past = base::parse_toml(then.text, then.file);
    base::Value present = base::parse_toml(now.text, now.file);
    base::Object& document = *present.object();
    leave_out(document, application, placed(*past.object(), application));
    const Names there = placed(document, application);
    for (base::Value& node : list_in(*past.object(), "nodes")) {
        for (const base::Value& component : list_in(*node.object(), "components")) {
            if (component.text()->starts_with(application + "/") && !there.contains(*component.text())) {
                components_on(document, node).push_back(component);
            }
        }
    }
    base::Object& externals = record_in(document, "external");
    for (const base::Member& external : record_in(*past.object(), "external").members) {
        if (externals.find(external.name) == nullptr) {
            externals.set(external.name, external.value);
        }
    }
    return workflows::engine::Environment::from_value(present, now.file);
}

workflows::engine::Environment with_settings_of(const EnvironmentVersion& then,
                                                const workflows::engine::Environment& now) {
    base::Value document = now.document;
    const base::Value old = base::parse_toml(then.text, then.file);
    for (const std::string_view name : settings_members) {
        auto& members = document.object()->members;
        std::erase_if(members, [&](const base::Member& member) { return member.name == name; });
        if (const base::Value* value = old.object()->find(name)) {
            document.object()->set(std::string(name), *value);
        }
    }
    return workflows::engine::Environment::from_value(document, now.file);
}

} // namespace dispatcher::runs
