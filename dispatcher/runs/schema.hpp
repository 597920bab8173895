// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"

#include <string_view>
#include <vector>

namespace dispatcher::runs {

/// The dispatcher's tables, STATE/db, as numbered forward-only steps for base::Database. A step that was
/// released never changes.
///
/// - environments, policies: every version of every text
/// - releases: manifests' digests as first seen: a release never changes
/// - plans: inputs that somebody saw as a plan
/// - runs: one row each; `input` is what the run is bound to
/// - events: the journal: what happened to a run, in order
/// - orders: exact texts sent to nodes, and their reports
/// - notes: what followers see; one global sequence
/// - targets: where each target of a run is
/// - standings: how the last run that did something to a target left it
/// - approvals, locks: what people said about runs that wait, and about environments
/// - known_good: releases with their settings that passed
/// - current: what an environment runs
/// - nodes, certificates, tokens, counters
///
/// Times are RFC 3339 text in UTC, digests `sha256:…`, documents JSON text.
const std::vector<std::string_view>& schema();

/// Looks at a database of the version before. Runs are the replay of their journals: another engine would go
/// on with them by other rules than they began with, so that an upgrade waits for their end (law 7).
/// @throws base::Error{Input} naming one.
void require_no_run_under_way(base::Database& old);

} // namespace dispatcher::runs
