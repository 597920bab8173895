// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/environments.hpp"

namespace dispatcher::runs {

/// `now` for a release of `application` that ran on `then`, when it had other components: those that have
/// come since are left out, with their settings; one that has no node any more is on its nodes of then. An
/// external service that is not given any more is that of then. Everything else is of `now`.
workflows::engine::Environment with_components_of(const EnvironmentVersion& then,
                                                  const EnvironmentVersion& now,
                                                  const std::string& application);

/// Settings and overrides of `then`, everything else (nodes, labels, addresses, externals) of `now`.
workflows::engine::Environment with_settings_of(const EnvironmentVersion& then,
                                                const workflows::engine::Environment& now);

} // namespace dispatcher::runs
