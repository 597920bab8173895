// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/transitions.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace workflows::engine {
namespace {

using enum TargetState;

struct Row {
    TargetState state;
    std::string_view word;
    bool terminal;
    std::vector<TargetState> next;
};

// How a step can end badly. The way back may begin from each of them: a node that was lost in the middle was
// touched, too. Or it cannot begin: nobody waits for the node.
const std::vector<TargetState> way_back = {UndoDraining, Undoing, UndoUndraining, RollbackFailed};

std::vector<TargetState> operator+(std::vector<TargetState> left, const std::vector<TargetState>& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

const std::vector<TargetState> bad_ends = {Failed,      Lost,           Unreachable, Refused,
                                           Quarantined, RollbackFailed, Cancelled};

// What may become of a failed target beside that: a person skips it; tried again where everything is stopped,
// there is nothing to do; there turns out to be no way back for it, and it is undrained.
const std::vector<TargetState> after_failure = {Skipped, Stopped, Undraining};

// What an action of a workflow may begin with. A workflow may have several for one target (stop, install,
// start), so that a word which a target ends with may be followed by another action; what counts is the last
// one.
const std::vector<TargetState> first_steps = {Draining, Applying, Commanding, Restarting,
                                              Stopping, Starting, Probing};

const std::vector<Row>& table() {
    static const std::vector<Row> rows = {
        // On the way. `Undraining` after a failure is the "finally" of law 5: its end is the failure's own
        // word.
        {NotStarted, "not_started", true,
         std::vector<TargetState>{Preparing, Cancelled, Unchanged, Failed, Skipped} + first_steps},
        {Preparing,
         "preparing",
         false,
         {Ready, NotStarted, Refused, Quarantined, Unreachable, Lost, Cancelled}},
        {Ready, "ready", false,
         std::vector<TargetState>{Unchanged, NotStarted, Cancelled, Skipped} + first_steps},
        {Draining, "draining", false,
         std::vector<TargetState>{Applying, Commanding, Restarting, Stopping, Standby, Undraining,
                                  NotStarted} +
             bad_ends + way_back},
        {Applying, "applying", false,
         std::vector<TargetState>{Commanding, Restarting, Stopped, Undraining} + bad_ends + way_back},
        {Commanding, "commanding", false,
         std::vector<TargetState>{Restarting, Stopped, Standby, Updated, Unchanged, NotStarted, Ready,
                                  Undraining} +
             bad_ends + way_back},
        {Restarting, "restarting", false,
         std::vector<TargetState>{Probing, Undraining} + bad_ends + way_back},
        {Stopping, "stopping", false, std::vector<TargetState>{Stopped, Undraining} + bad_ends + way_back},
        {Stopped, "stopped", false,
         std::vector<TargetState>{Applying, Commanding, Starting, Updated} + bad_ends + way_back},
        {Standby, "standby", false,
         std::vector<TargetState>{Draining, Applying, Commanding, Undraining, NotStarted} + bad_ends +
             way_back},
        {Starting, "starting", false, std::vector<TargetState>{Probing, Undraining} + bad_ends + way_back},
        {Probing, "probing", false,
         std::vector<TargetState>{Restarting, Proving, Undraining, Soaking} + bad_ends + way_back},
        {Proving, "proving", false,
         std::vector<TargetState>{Undraining, Soaking, Updated} + bad_ends + way_back},
        {Undraining, "undraining", false,
         std::vector<TargetState>{Soaking, NotStarted} + bad_ends + way_back},
        {Soaking, "soaking", false, std::vector<TargetState>{Updated, RolledBack} + bad_ends + way_back},
        // On the way back.
        {UndoDraining, "undo_draining", false, {Undoing, UndoUndraining, RollbackFailed}},
        {Undoing, "undoing", false, {UndoProbing, UndoUndraining, RolledBack, RollbackFailed}},
        {UndoProbing, "undo_probing", false, {UndoUndraining, RolledBack, RollbackFailed}},
        {UndoUndraining, "undo_undraining", false,
         std::vector<TargetState>{RolledBack, NotStarted} + bad_ends},
        // Words that a target may end with. `failed` and its like may be tried again when a person says so.
        {Updated, "updated", true, way_back + first_steps},
        {Unchanged, "unchanged", true, first_steps},
        {Failed, "failed", true, after_failure + way_back + first_steps},
        {RolledBack, "rolled_back", true, {}},
        {RollbackFailed, "rollback_failed", true, {}},
        {Skipped, "skipped", true, way_back},
        {Unreachable, "unreachable", true,
         std::vector<TargetState>{Preparing} + after_failure + way_back + first_steps},
        {Refused, "refused", true, after_failure + way_back + first_steps},
        {Quarantined, "quarantined", true, after_failure + way_back + first_steps},
        {Lost, "lost", true, after_failure + way_back + first_steps},
        {Cancelled, "cancelled", true, {}},
    };
    return rows;
}

const Row& row(TargetState state) noexcept {
    return *std::find_if(table().begin(), table().end(), [&](const Row& one) { return one.state == state; });
}

constexpr std::array<std::string_view, 3> kind_words = {"deploy", "rollback", "operation"};
constexpr std::array<std::string_view, 13> order_words = {"prepare", "drain",  "apply",  "restart", "probe",
                                                          "undrain", "undo",   "settle", "stop",    "start",
                                                          "command", "cancel", "measure"};

struct OutcomeRow {
    Outcome outcome;
    std::string_view word;
    int exit_code;
};
constexpr std::array<OutcomeRow, 8> outcomes{{
    {Outcome::Succeeded, "succeeded", 0},
    {Outcome::SucceededWithLeftOut, "succeeded_with_left_out", 11},
    {Outcome::Stopped, "stopped", 3},
    {Outcome::RolledBack, "rolled_back", 4},
    {Outcome::RollbackFailed, "rollback_failed", 8},
    {Outcome::Cancelled, "cancelled", 9},
    {Outcome::NeedsPerson, "needs_person", 5},
    {Outcome::Refused, "refused", 6},
}};

// In any other state a target is probed.
constexpr std::array<std::pair<OrderKind, TargetState>, 7> steps{{{OrderKind::Drain, Draining},
                                                                  {OrderKind::Apply, Applying},
                                                                  {OrderKind::Command, Commanding},
                                                                  {OrderKind::Restart, Restarting},
                                                                  {OrderKind::Stop, Stopping},
                                                                  {OrderKind::Start, Starting},
                                                                  {OrderKind::Undrain, Undraining}}};

} // namespace

TargetState state_of(OrderKind kind) noexcept {
    const auto found =
        std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.first == kind; });
    return found == steps.end() ? Probing : found->second;
}

OrderKind step_of(TargetState state) noexcept {
    const auto found =
        std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.second == state; });
    return found == steps.end() ? OrderKind::Probe : found->first;
}

bool may_follow(TargetState before, TargetState after) noexcept {
    const std::vector<TargetState>& next = row(before).next;
    return std::find(next.begin(), next.end(), after) != next.end();
}

bool is_under_way(TargetState state) noexcept {
    return !row(state).terminal && state != Preparing && state != Ready && state != Soaking &&
           state != Stopped && state != Standby;
}

TargetState failure_state(std::string_view code) noexcept {
    if (code == "refused" || code == "stale" || code == "expired") {
        return Refused;
    }
    return code == "quarantined"   ? Quarantined
           : code == "unreachable" ? Unreachable
           : code == "lost"        ? Lost
                                   : Failed;
}

std::string_view word(TargetState state) noexcept {
    return row(state).word;
}

bool is_terminal_word(TargetState state) noexcept {
    return row(state).terminal;
}

TargetState target_state_from(std::string_view text) {
    for (const Row& one : table()) {
        if (one.word == text) {
            return one.state;
        }
    }
    throw base::Error(base::Fault::Corrupt, "'{}' is no state of a target", text);
}

std::string_view word(RunKind kind) noexcept {
    return kind_words.at(static_cast<std::size_t>(kind));
}

std::string_view word(OrderKind kind) noexcept {
    return order_words.at(static_cast<std::size_t>(kind));
}

std::string_view word(Outcome outcome) noexcept {
    return outcomes.at(static_cast<std::size_t>(outcome)).word;
}

int exit_code(Outcome outcome) noexcept {
    return outcomes.at(static_cast<std::size_t>(outcome)).exit_code;
}

} // namespace workflows::engine
