// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/script.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace workflows::engine {

/// What is different between two commands, as a sentence: `gives 'wait' as its command 3, but gave 'update'`,
/// `gives 'soak' of its command 2 ('update') as "5s", but gave "30s"`. Empty when a replay takes them for the
/// same: the record of a side effect is not compared.
std::string difference(const ScriptCommand& before, const ScriptCommand& now);

/// Whether another text of a run's workflow gives the same commands as the one that the run was started with.
struct TrialReplay {
    std::int64_t compared = 0; ///< commands
    std::string difference;    ///< empty: the run can go on with it
    std::string place;         ///< of the call that is different: "rolling.lua:12"; empty when unknown

    bool same() const noexcept { return difference.empty(); }
};

/// Each command of the script is compared with the one that the run was given, and gets the answer that was
/// given then. A script that has said all that the run knows and goes on is the same; so is one that waits
/// for an answer that the run has not got yet. Where the script failed and the run waits for a person, the
/// new text may go on. Pure. `next` is Script::resume of the new text, in this process or another.
TrialReplay trial_replay(const Said& said,
                         const std::function<Script::Step(const std::optional<Answer>&)>& next);
/// The same of a run's journal, which is replayed for it.
TrialReplay trial_replay(const RunInput& input, const std::vector<std::pair<Event, base::Time>>& journal,
                         const std::function<Script::Step(const std::optional<Answer>&)>& next);

} // namespace workflows::engine
