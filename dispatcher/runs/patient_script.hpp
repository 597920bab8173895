// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/composition.hpp"
#include "dispatcher/runs/seams.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// One script, spoken with in the calling thread, which waits for it at most half a minute in all. For plans
/// and checks; runs use ScriptHosts.
class PatientScript {
public:
    explicit PatientScript(const ScriptStart& start);
    ~PatientScript();
    PatientScript(const PatientScript&) = delete;
    PatientScript& operator=(const PatientScript&) = delete;
    /// @throws base::Error{Unavailable} when the process dies or is silent.
    workflows::engine::Script::Step next(const std::optional<workflows::engine::Answer>& answer);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What is wrong with a text, as sentences with the place; empty: nothing. In the calling thread, as
/// PatientScript: no foreign text is run in the dispatcher itself.
std::vector<std::string> findings_in(const std::string& source, const std::string& name);

/// Whether the workflows that a release brings, and the one that is asked for, can run as they are written;
/// the latter is taken to its first command with its parameters. In the calling thread, as PatientScript.
/// @throws base::Error{Input} with what is wrong first, and where.
void check_workflows(const Composition& composition);

/// Whether the workflow that is asked for can go all its way, as a plan would take it. In the calling thread.
/// @throws base::Error{Input} with the call of ctx that cannot be, and where.
void try_workflow(const Composition& composition, base::Time now);

} // namespace dispatcher::runs
