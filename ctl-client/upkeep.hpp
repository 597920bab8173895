// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/service_record.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ctl_client {

/// What was done to services, by name.
struct Upkeep {
    std::vector<std::string> stopped;
    std::vector<std::string> restarted;
    std::vector<std::string> reloaded;
    std::vector<std::string> started;
};

/// What `bring_up` would do and why: the actions, the start of what should run and does not, and the
/// restart of what another component has started. Of a component that was stopped on purpose only the
/// actions.
std::vector<ServiceAction> due(const ServiceRecords& records, Services& services,
                               const std::string& component, const std::optional<Generation>& generation);

/// Stops what `generation` does not have, with the definitions that started it; nothing else.
void stop_leftover_services(ServiceRecords& records, Services& services, const std::string& component,
                            const std::optional<Generation>& generation, Upkeep& done);

/// Stops what runs of a component, with the definitions that started it, and leaves its records: what is due
/// is due when it is started again.
Upkeep bring_down(ServiceRecords& records, Services& services, const std::string& component,
                  const std::optional<Generation>& generation);

/// Makes the running services of a component those of `generation`: stops, restarts, reloads, and starts what
/// does not run; `all`: restarts also what has no reason to be. May be repeated after a crash. @throws
/// base::Error{Unavailable} for the first service that does not start; those before it stay as they are now.
Upkeep bring_up(ServiceRecords& records, Services& services, const std::string& component,
                const std::optional<Generation>& generation, bool all = false);

} // namespace ctl_client
