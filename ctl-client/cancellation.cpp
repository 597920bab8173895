// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/cancellation.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"

namespace ctl_client {

bool carry_out_cancels(Journal& journal, Interruption& interruption) {
    bool any = false;
    for (const Journal::Entry& cancel : journal.open_cancels()) {
        if (journal.cancel(cancel)) {
            any = true;
            continue;
        }
        const std::string named =
            base::Fields(cancel.order.body, "order '" + cancel.order.id + "'", "body").text("order");
        const Interruption::Asked asked = interruption.ask(named);
        if (asked.answer == Interruption::Answer::Whole) {
            dispatcher::protocol::Report report;
            report.order = cancel.order.id;
            report.order_digest = base::sha256(cancel.text);
            report.code = "refused";
            report.reason =
                fmt::format("order '{}' cannot be cancelled now: {} is not cut; it goes on to its end", named,
                            asked.part);
            journal.finish(report);
            any = true;
        }
    }
    return any;
}

} // namespace ctl_client
