// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "ctl-client/config_set.hpp"
#include "ctl-client/generation.hpp"
#include "ctl-client/service_record.hpp"

#include <optional>
#include <vector>

namespace ctl_client {

/// What becoming `candidate` would change, as a report on `prepare` and `apply` tells it: `changed`,
/// `packages`, `config` with unified diffs, and the services with their reasons (docs/protocol.md).
/// `installed`: all packages on the host. Changes nothing.
base::Object planned_changes(const Generation& candidate, const std::optional<Generation>& now,
                             const std::vector<rpm::Installed>& installed, const ConfigSet& config,
                             const std::vector<ServiceAction>& actions);

/// Adds `restart`, `reload`, `start`, `stop` and `restart_why`.
void tell_actions(base::Object& detail, const std::vector<ServiceAction>& actions);

} // namespace ctl_client
