// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Another text takes over a run: tried on its course first.
#include "dispatcher/runs/continuation.hpp"

#include "base/error.hpp"
#include "dispatcher/runs/patient_script.hpp"
#include "dispatcher/runs/vm_lines.hpp"
#include "workflows/engine/trial_replay.hpp"

namespace dispatcher::runs {

namespace engine = workflows::engine;

std::int64_t check_continuation(const std::string& run, const Rollouts::Course& course,
                                const engine::Continued& text) {
    const std::vector<std::string> findings = findings_in(text.source, text.workflow);
    if (!findings.empty()) {
        throw base::Error(base::Fault::Input, "run '{}' goes on as before: {}{}", run, findings.front(),
                          findings.size() == 1 ? "" : fmt::format("; and {} more", findings.size() - 1));
    }
    ScriptStart start = script_start(course.input);
    start.source = text.source;
    start.name = text.workflow;
    PatientScript script(start);
    const engine::TrialReplay trial =
        engine::trial_replay(course.input, course.journal, [&](const std::optional<engine::Answer>& answer) {
            return script.next(answer);
        });
    if (!trial.same()) {
        throw base::Error(base::Fault::Input, "run '{}' goes on as before: {} {}", run,
                          trial.place.empty() ? text.workflow : trial.place, trial.difference);
    }
    return trial.compared;
}

Rollouts::Course Rollouts::course(const std::string& id) const {
    const RunRecord run = records_.find(id);
    const auto found = executors_.find(id);
    if (run.state != "running" || found == executors_.end()) {
        throw base::Error(base::Fault::Conflict,
                          "run '{}' is not under way; only then can another text take it over", id);
    }
    if (!found->second->run().wants_script()) {
        throw base::Error(base::Fault::Conflict,
                          "run '{}' is past its workflow; see 'tiercel run explain {}'", id, id);
    }
    Course course{engine::RunInput::from_value(records_.input(id)), {}, found->second->last_event()};
    for (const JournalEntry& entry : journal_.entries(id)) {
        course.journal.emplace_back(engine::event_from_value(entry.event), entry.time);
    }
    return course;
}

bool Rollouts::continue_with(const std::string& id, std::int64_t last_event, const engine::Continued& text) {
    (void)course(id);
    const std::shared_ptr<RunExecutor> executor = executors_.at(id);
    if (executor->last_event() != last_event) {
        return false;
    }
    executor->continue_with(text);
    return true;
}

} // namespace dispatcher::runs
