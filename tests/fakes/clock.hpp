// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <chrono>

namespace fakes {

/// Time that stands still until it is set or advanced. Backwards works too: a machine's clock does that.
/// Thread: any.
class Clock final : public base::Clock {
public:
    explicit Clock(base::Time start = base::from_rfc3339("2026-01-01T00:00:00Z")) : now_(start) {}
    base::Time now() const override { return now_; }
    void set(base::Time time) { now_ = time; }
    void advance(std::chrono::milliseconds by) { now_ = now_.load() + by; }

private:
    std::atomic<base::Time> now_;
};

} // namespace fakes
