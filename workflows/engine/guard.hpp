// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>

namespace workflows::engine {

/// Every guard of the engine, by name: the conditions that stand between a run and a broken law. Each has one
/// TIERCEL_GUARD; another name does not compile. tests/sweep/mutations.cpp switches each of them off and
/// expects that the sweep sees a law break.
inline constexpr auto guards = std::to_array<std::string_view>({
    "analysis-complete",          // a batch that is measured goes on when all has been measured
    "analysis-good",              // and nothing of it was bad
    "approval-by-another",        // whoever asked for a run does not approve it
    "approval-count",             // by as many as the workflow asks for
    "approval-role",              // whose role is the one that it asks for
    "asking-holds",               // law 2: nobody starts while a failure waits for a person
    "asking-holds-commands",      // nor does a command
    "batch-barrier",              // nobody of a batch starts before the one before it is settled
    "broken-script-holds",        // nobody starts while a script that failed waits for a person
    "command-window",             // a command runs on no more at once than max_parallel
    "drain-first",                // nobody is touched in rotation
    "errors-are-not-verdicts",    // law 15: a probe that could not run pauses
    "failure-budget",             // no more failures than allowed
    "finally-undrain",            // law 5: what was drained is undrained after a failure
    "gate",                       // a batch has passed when, after its soak, all of it were probed
    "held-together",              // nobody of a batch that is held serves before all of it are well
    "irreversible",               // law 9: no way back from a step that was declared irreversible
    "known-good",                 // a release that some were not tried with is no known-good one
    "max-unavailable",            // law 4: of a component, by this run's doing
    "migration-first",            // nobody of a component starts before its migration has succeeded
    "migration-in-all-tries",     // a run that tries again what another left does not migrate again
    "migration-fail-over",        // a migration that ran, or may have run, does not run again elsewhere
    "nobody-is-no-success",       // law 1: a run that left nobody where it should be did not succeed
    "once-a-run",                 // a command that is to run once does
    "once-in-all-tries",          // nor when its run tries again what another left
    "once-fail-over",             // one that ran, or may have run, does not run again elsewhere
    "one-zone-at-a-time",         // a zone after the other, where the workflow wants that
    "outage-approved",            // law 4: only a declared outage that was approved lifts it
    "pause-holds",                // law 2: nobody starts in a pause, nor while a probe could not judge
    "policy-budget",              // law 4: what policies allow, across runs
    "preflight-complete",         // law 8: nothing before everybody has answered
    "preflight-quorum",           // law 8: nothing with too few who are ready
    "ramp",                       // a batch is no larger than its entry of the ramp
    "reverse-levels",             // law 9: back in the reverse order
    "rollback-without-a-no",      // law 8: a rollback leaves out who is away, but not who says no
    "settle",                     // nobody serves again who has not stayed healthy for so long
    "sliding-window",             // no more at once than the window is wide
    "soak",                       // nor is a batch through before it has soaked
    "soak-in-a-window",           // nor a target of a sliding window
    "standby-first",              // who stands by serves before anybody of the batch goes back
    "start-barrier",              // law 3: producers are started first
    "stop-means-stop",            // law 2: nobody else starts once a stop condition is known
    "takes-over-as-a-whole",      // nobody makes way for a batch before all of it serve
    "takes-over-where-it-serves", // nor for one of which nobody does
    "tier-barrier",               // law 3: producers are updated first
});

/// The place of `name` in `guards`. Not a constant expression, hence no program, for a name that is not
/// there.
consteval std::size_t guard_named(std::string_view name) {
    for (std::size_t index = 0; index < guards.size(); ++index) {
        if (guards[index] == name) {
            return index;
        }
    }
    throw "no guard of this name in workflows/engine/guard.hpp";
}

#ifdef TIERCEL_MUTATIONS
/// The guard that does not guard; empty: all do. Exists in the mutation tests' build only. One for each
/// thread.
inline thread_local std::string_view switched_off;
/// How often each guard was asked: one that nobody asks guards nothing.
inline thread_local std::array<std::size_t, guards.size()> times_asked{};
/// Where it stands. One name for two places would hide that no law looks at one of them.
inline thread_local std::array<std::optional<std::source_location>, guards.size()> places{};
inline thread_local std::string_view at_two_places;

/// True when guard `index` is switched off.
inline bool does_not_guard(std::size_t index,
                           std::source_location place = std::source_location::current()) noexcept {
    ++times_asked[index];
    const bool elsewhere =
        places[index] && (places[index]->line() != place.line() ||
                          places[index]->file_name() != std::string_view(place.file_name()));
    at_two_places = elsewhere ? guards[index] : at_two_places;
    places[index] = place;
    return switched_off == guards[index];
}
#endif

} // namespace workflows::engine

/// `condition`; where the mutation tests have switched the guard off, true whatever the condition says.
/// `name` is a text literal of workflows::engine::guards.
#ifdef TIERCEL_MUTATIONS
#define TIERCEL_GUARD(name, condition)                                                                       \
    (::workflows::engine::does_not_guard(::workflows::engine::guard_named(name)) || (condition))
#else
#define TIERCEL_GUARD(name, condition) (::workflows::engine::guard_named(name) < SIZE_MAX && (condition))
#endif
