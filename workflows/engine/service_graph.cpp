// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/service_graph.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <functional>

namespace workflows::engine {
namespace {

using Lines = std::map<std::string, int>;

[[noreturn]] void fail(const std::string& file, const Lines& lines, const std::string& component,
                       std::string_view what) {
    const auto line = lines.find(component);
    if (line == lines.end() || line->second == 0) {
        throw base::Error(base::Fault::Input, "{}: {}", file, what);
    }
    throw base::Error(base::Fault::Input, "{}:{}: {}", file, line->second, what);
}

/// Components of this application whose services `component` consumes.
std::vector<const Component*> producers_for(const Application& application, const Component& component) {
    std::vector<const Component*> producers;
    for (const auto& [name, consumed] : component.consumes) {
        const Component* producer = consumed.external ? nullptr : producer_of(application, consumed.service);
        if (producer != nullptr &&
            std::find(producers.begin(), producers.end(), producer) == producers.end()) {
            producers.push_back(producer);
        }
    }
    return producers;
}

std::string instead_of_service(const Application& application, const std::string& service,
                               const std::vector<std::string>& known) {
    for (const Component& component : application.components) {
        if ((component.name == service || application.full_name(component).str() == service) &&
            !component.produces.empty()) {
            return fmt::format("that is a component; it produces '{}'", component.produces.begin()->first);
        }
    }
    if (const std::optional<std::string> near = base::nearest(service, known)) {
        return fmt::format("did you mean '{}'?", *near);
    }
    return fmt::format("write external \"{}\" if the environment gives it",
                       service.substr(service.rfind('/') + 1));
}

void check_no_cycle(const Application& application, const std::string& file, const Lines& lines) {
    std::vector<const Component*> path;
    std::vector<const Component*> done;
    const std::function<void(const Component&)> visit = [&](const Component& component) {
        if (std::find(done.begin(), done.end(), &component) != done.end()) {
            return;
        }
        if (const auto first = std::find(path.begin(), path.end(), &component); first != path.end()) {
            std::string text;
            for (auto at = first; at != path.end(); ++at) {
                text += application.full_name(**at).str() + " -> ";
            }
            text += application.full_name(component).str();
            if (path.end() - first == 1) {
                text += "; write peers = true for a component that needs to know its own kind";
            }
            fail(file, lines, component.name, "components consume each other in a cycle: " + text);
        }
        path.push_back(&component);
        for (const Component* producer : producers_for(application, component)) {
            visit(*producer);
        }
        path.pop_back();
        done.push_back(&component);
    };
    for (const Component& component : application.components) {
        visit(component);
    }
}

} // namespace

const Component* producer_of(const Application& application, std::string_view service) noexcept {
    for (const Component& component : application.components) {
        if (component.produces.find(std::string(service)) != component.produces.end()) {
            return &component;
        }
    }
    return nullptr;
}

void check_services(const Application& application, const std::string& file, const Lines& lines) {
    std::map<std::string, std::string> producers;
    std::vector<std::string> services;
    for (const Component& component : application.components) {
        for (const auto& [service, fields] : component.produces) {
            services.push_back(service);
            if (const auto [first, fresh] = producers.emplace(service, component.name); !fresh) {
                fail(
                    file, lines, component.name,
                    fmt::format("service '{}' is produced by '{}' and by '{}'; give one of them another name",
                                service, first->second, component.name));
            }
        }
    }
    for (const Component& component : application.components) {
        for (const auto& [name, consumed] : component.consumes) {
            if (consumed.external || producers.contains(consumed.service)) {
                continue;
            }
            fail(file, lines, component.name,
                 fmt::format("component '{}' consumes '{}', which nobody produces; {}", component.name,
                             consumed.service, instead_of_service(application, consumed.service, services)));
        }
    }
    check_no_cycle(application, file, lines);
}

std::map<std::string, int> depths_of(const Application& application) {
    std::map<std::string, int> depths;
    const std::function<int(const Component&)> depth = [&](const Component& component) {
        if (const auto known = depths.find(component.name); known != depths.end()) {
            return known->second;
        }
        int deepest = 0;
        for (const Component* producer : producers_for(application, component)) {
            deepest = std::max(deepest, depth(*producer) + 1);
        }
        depths.emplace(component.name, deepest);
        return deepest;
    };
    for (const Component& component : application.components) {
        depth(component);
    }
    return depths;
}

void check_template_name(const base::Fields& fields, const std::string& key, std::string_view what) {
    const auto letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    const bool good = !key.empty() && letter(key[0]) && std::all_of(key.begin(), key.end(), [&](char c) {
        return letter(c) || (c >= '0' && c <= '9');
    });
    if (!good) {
        fields.fail(key,
                    fmt::format("'{}' cannot name {}: templates read letters, digits and '_'", key, what));
    }
}

} // namespace workflows::engine
