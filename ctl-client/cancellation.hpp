// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/interruption.hpp"
#include "ctl-client/journal.hpp"

namespace ctl_client {

/// Carries out all cancel orders in the journal. One whose order is under way waits for that order's end,
/// which comes soon and answers it; one whose order is in a part that is not cut is refused, and that order
/// goes on. Thread: the journal's; may run beside the worker, whose journal is another.
bool carry_out_cancels(Journal& journal, Interruption& interruption);

} // namespace ctl_client
