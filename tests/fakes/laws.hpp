// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fakes/fleet.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace tests {

/// Watches a fleet's run from outside, by events and effects alone, and writes down every law of
/// docs/architecture.md that it sees broken. Shares no bookkeeping with the engine.
class Laws {
public:
    /// `limits`: how many of a component may be out of service at once.
    Laws(Fleet& fleet, std::map<base::ComponentName, std::size_t> limits);
    /// To be called after the run: what holds at the end only.
    void at_end();

    std::vector<std::string> broken;

private:
    struct Known {
        std::size_t level = 0;
        bool prepared = false; ///< answered, or given up
        bool started = false;
        bool drain_sent = false;
        bool undrained_since = true;
        bool apply_sent = false;
        bool undo_sent = false;
        bool proven = true;
        bool installed = true;
        bool back = false;
        bool waits_for_person = false;
        TargetState state = TargetState::NotStarted;
        bool out() const {
            return installed && ((drain_sent && !undrained_since) || (apply_sent && !proven));
        }
    };
    void see(const Event& event, const std::vector<workflows::engine::Effect>& effects);
    void see_report(const workflows::engine::Reported& report);
    void see_order(const SendOrder& order);
    void break_law(int law, const std::string& how);

    Fleet& fleet_;
    std::map<base::ComponentName, std::size_t> limits_;
    std::map<Target, Known> known_;
    std::map<std::int64_t, SendOrder> open_;
    std::set<std::int64_t> ids_;
    bool stopped_ = false;
    bool rollback_;
    std::size_t lowest_back_ = 1'000'000;
    std::set<Target> allowed_to_judge_;
};

} // namespace tests
