// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace workflows::engine {

/// Every guard of the engine, by name: the conditions that stand between a run and a broken law. A name is
/// listed here once and stands at one TIERCEL_GUARD or more; another name does not compile.
/// tests/mutations switches each of them off and expects that the sweep sees a law break.
inline constexpr auto guards = std::to_array<std::string_view>({
    "approval-by-another",     // whoever asked for a run does not approve it
    "approval-count",          // by as many as the workflow asks for
    "asking-holds",            // law 2: nobody starts while a failure waits for a person
    "broken-script-holds",     // nobody starts while a script that failed waits for a person
    "errors-are-not-verdicts", // law 15: a probe that could not run pauses
    "failure-budget",          // no more failures than allowed
    "finally-undrain",         // law 5: what was drained is undrained after a failure
    "held-together",           // nobody of a batch that is held serves before all of it are well
    "irreversible",            // law 9: no way back from a step that was declared irreversible
    "max-unavailable",         // law 4: of a component, by this run's doing
    "migration-first",         // nobody of a component starts before its migration has succeeded
    "migration-fail-over",     // a migration that ran, or may have run, does not run again elsewhere
    "nobody-is-no-success",    // law 1: a run that left nobody where it should be did not succeed
    "once-a-run",              // a command that is to run once does
    "once-in-all-tries",       // a run that tries again what another left does not repeat it
    "once-fail-over",          // nor does any other command that is to run once
    "pause-holds",             // law 2: nobody starts in a pause, nor while a probe could not judge
    "policy-budget",           // law 4: what policies allow, across runs
    "preflight-complete",      // law 8: nothing before everybody has answered
    "preflight-quorum",        // law 8: nothing with too few who are ready
    "reverse-levels",          // law 9: back in the reverse order
    "sliding-window",          // no more at once than the window is wide
    "start-barrier",           // law 3: producers are started first
    "stop-means-stop",         // law 2: nobody else starts once a stop condition is known
    "takes-over-as-a-whole",   // nobody makes way for a batch before all of it serve
    "tier-barrier",            // law 3: producers are updated first
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

/// True when guard `index` is switched off.
inline bool does_not_guard(std::size_t index) noexcept {
    ++times_asked[index];
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
