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

namespace {

bool is_as_far(const engine::Said& one, const engine::Said& other) {
    const auto answered = [](const engine::Said& said) {
        return !said.commands.empty() && said.commands.back().answer;
    };
    return one.commands.size() == other.commands.size() && answered(one) == answered(other) &&
           one.ended.has_value() == other.ended.has_value();
}

} // namespace

std::int64_t check_continuation(const std::string& run, const Rollouts::Course& course,
                                const engine::Continued& text) {
    const std::vector<std::string> findings = findings_in(text.source, text.workflow);
    if (!findings.empty()) {
        throw base::Error(base::Fault::Input, "run '{}' goes on as before: {}{}", run, findings.front(),
                          findings.size() == 1 ? "" : fmt::format("; and {} more", findings.size() - 1));
    }
    ScriptStart start = course.start;
    start.source = text.source;
    start.name = text.workflow;
    PatientScript script(start);
    const engine::TrialReplay trial = engine::trial_replay(
        course.said, [&](const std::optional<engine::Answer>& answer) { return script.next(answer); });
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
    const engine::Run& under_way = found->second->run();
    if (!under_way.takes_another_text()) {
        throw base::Error(base::Fault::Conflict,
                          "run '{}' is past its workflow; see 'tiercel run explain {}'", id, id);
    }
    return {script_start(under_way.input()), under_way.input().release, under_way.said()};
}

bool Rollouts::continue_with(const std::string& id, const Course& tried, const engine::Continued& text) {
    const Course now = course(id);
    if (now.start.source != tried.start.source || !is_as_far(now.said, tried.said)) {
        return false;
    }
    executors_.at(id)->continue_with(text);
    return true;
}

} // namespace dispatcher::runs
