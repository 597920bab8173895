// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/deadlines.hpp"

namespace workflows::engine {

base::Duration default_deadline(OrderKind kind) noexcept {
    using namespace std::chrono_literals;
    switch (kind) {
    case OrderKind::Prepare: // downloads
        return 10min;
    case OrderKind::Apply:
    case OrderKind::Undo:
        return 10min;
    case OrderKind::Drain: // the package's own wait is inside
    case OrderKind::Restart:
    case OrderKind::Probe:
    case OrderKind::Stop:
    case OrderKind::Start:
        return 5min;
    case OrderKind::Undrain:
    case OrderKind::Cancel:
    case OrderKind::Measure:
        return 1min;
    case OrderKind::Command: // with its own timeout where it has one
        return 10min;
    case OrderKind::Settle:
        return 30s;
    }
    return 10min;
}

std::map<OrderKind, base::Duration> read_deadlines(const base::Fields& fields) {
    std::map<OrderKind, base::Duration> deadlines;
    for (const OrderKind kind : {OrderKind::Drain, OrderKind::Apply, OrderKind::Restart, OrderKind::Probe,
                                 OrderKind::Undrain, OrderKind::Undo}) {
        // Those that are not written get the default back: each update says its own.
        const base::Duration duration = fields.duration(word(kind), default_deadline(kind));
        if (duration <= base::Duration::zero()) {
            fields.fail(word(kind), fmt::format("'deadlines.{}' is no time at all", word(kind)));
        }
        deadlines.emplace(kind, duration);
    }
    fields.finish();
    return deadlines;
}

} // namespace workflows::engine
