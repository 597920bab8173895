// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/upkeep.hpp"

#include "base/log.hpp"

#include <algorithm>

namespace ctl_client {
namespace {

void stop_if_running(Services& services, const ServiceRecord& record) {
    if (const auto process = services.running(record.definition, record.process)) {
        services.stop(record.definition, *process);
    }
}

std::string log_name(const std::string& component, const std::string& service) {
    std::string name = component + "-" + service;
    std::replace(name.begin(), name.end(), '/', '-');
    return name;
}

} // namespace

std::vector<ServiceAction> due(const ServiceRecords& records, Services& services,
                               const std::string& component, const std::optional<Generation>& generation) {
    const std::vector<ServiceRecord> known = records.of(component);
    std::vector<ServiceAction> list = actions(known, generation);
    if (records.stopped(component)) {
        return list;
    }
    for (const ServiceRecord& record : known) {
        const std::string& name = record.definition.name;
        if (std::any_of(list.begin(), list.end(),
                        [&](const ServiceAction& one) { return one.name == name; })) {
            continue;
        }
        const auto process = services.running(record.definition, record.process);
        if (!process) {
            list.push_back({ServiceAction::Kind::Start, name, "it does not run"});
        } else if (const auto other = records.started_by_another(component, *process)) {
            list.push_back(
                {ServiceAction::Kind::Restart, name, fmt::format("component '{}' has started it", *other)});
        }
    }
    return list;
}

void stop_leftover_services(ServiceRecords& records, Services& services, const std::string& component,
                            const std::optional<Generation>& generation, Upkeep& done) {
    const std::vector<ServiceRecord> known = records.of(component);
    for (const ServiceAction& action : actions(known, generation)) {
        if (action.kind != ServiceAction::Kind::Stop) {
            continue;
        }
        for (const ServiceRecord& record : known) {
            if (record.definition.name == action.name) {
                stop_if_running(services, record);
                records.forget(component, action.name);
                done.stopped.push_back(action.name);
            }
        }
    }
}

Upkeep bring_down(ServiceRecords& records, Services& services, const std::string& component,
                  const std::optional<Generation>& generation) {
    std::vector<ServiceRecord> all = records.of(component);
    for (const auto& service :
         generation ? services_of(*generation) : std::map<std::string, DefinedService>{}) {
        const bool known = std::any_of(all.begin(), all.end(), [&](const ServiceRecord& record) {
            return record.definition.name == service.first;
        });
        // Without a record it may still run: the journal is younger than the service.
        if (!known) {
            all.push_back({component, service.second.definition, {}, {}});
        }
    }
    Upkeep done;
    for (ServiceRecord& record : all) {
        // One that we stopped just before we were killed has its process in the record still.
        const bool recorded = record.process.id > 0;
        const auto process = services.running(record.definition, record.process);
        if (process) {
            services.stop(record.definition, *process);
        }
        if (recorded) {
            record.process = {};
            records.record(record);
        }
        if (recorded || process) {
            done.stopped.push_back(record.definition.name);
        }
    }
    return done;
}

Upkeep bring_up(ServiceRecords& records, Services& services, const std::string& component,
                const std::optional<Generation>& generation, bool all) {
    Upkeep done;
    stop_leftover_services(records, services, component, generation, done);
    if (!generation) {
        return done;
    }
    const std::vector<ServiceRecord> known = records.of(component);
    const std::vector<ServiceAction> todo = due(records, services, component, generation);
    for (const auto& service : services_of(*generation)) {
        const std::string& name = service.first;
        const auto& wanted = service.second;
        const auto record = std::find_if(known.begin(), known.end(), [&](const ServiceRecord& one) {
            return one.definition.name == name;
        });
        const auto action = std::find_if(todo.begin(), todo.end(),
                                         [&](const ServiceAction& one) { return one.name == name; });
        // Without a record it may still run: the journal is younger than the service.
        const ServiceRecord before =
            record != known.end() ? *record : ServiceRecord{component, wanted.definition, {}, {}};
        const auto process = services.running(before.definition, before.process);
        if (process && action == todo.end() && !all) {
            continue;
        }
        if (action != todo.end()) {
            base::log(base::LogLevel::Info, "service is changed",
                      {{"component", component}, {"service", name}, {"reason", action->reason}});
        }
        ServiceRecord after{component, wanted.definition, wanted.basis, {}};
        if (process && !all && action->kind == ServiceAction::Kind::Reload) {
            services.reload(wanted.definition, *process);
            after.process = services.running(wanted.definition, *process).value_or(*process);
            done.reloaded.push_back(name);
        } else {
            if (process) {
                services.stop(before.definition, *process);
            }
            after.process = services.start(wanted.definition, log_name(component, name));
            (process ? done.restarted : done.started).push_back(name);
        }
        records.record(after);
    }
    return done;
}

} // namespace ctl_client
