// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The script's process, and people.
#include "workflows/simulator/simulation.hpp"

#include "base/error.hpp"

#include <utility>

namespace workflows::simulator {

using namespace engine;
using namespace std::chrono_literals;

namespace {

/// A person who has been asked so often gives up.
constexpr std::int64_t patience = 60;

} // namespace

void Simulation::restart_script() {
    script_ = std::make_unique<Script>(source_, settings_.script_name, run_->input().params,
                                       ScriptModel::of(run_->input()));
}

void Simulation::script_dies(base::Duration after) {
    due_.at(start_ + after, Event(ScriptEnded{false, "the process of the workflow's script died 3 times"}));
}

void Simulation::step_script() {
    script_can_go_on_ = false;
    std::optional<Answer> answer = std::exchange(answer_, std::nullopt);
    if (!run_->wants_script()) {
        script_.reset();
        return;
    }
    if (!script_ || (answer && chance_.happens(settings_.script_crash))) {
        restart_script();
        answer.reset();
    }
    while (true) {
        const Script::Step step = script_->resume(answer);
        if (const ScriptEnded* ended = std::get_if<ScriptEnded>(&step)) {
            script_.reset();
            feed(*ended);
            return;
        }
        const ScriptCommand& command = std::get<ScriptCommand>(step);
        Run::Replayed before{};
        try {
            before = run_->replayed(command);
        } catch (const base::Error& error) {
            broken.push_back("law 7: " + error.message());
            script_.reset();
            feed(ScriptEnded{false, error.message()});
            return;
        }
        if (before.answer) {
            answer = before.answer;
            continue;
        }
        awaited_ = command.sequence;
        if (!before.known) {
            feed(command);
            if (chance_.happens(settings_.script_death)) {
                script_dies(now_ - start_ + chance_.between({}, 10min));
            }
        }
        return;
    }
}

bool Simulation::person_acts() {
    if (!person || person_acted_ >= patience + 10 || (!due_.empty() && due_.next() <= now_ + 10min)) {
        return false;
    }
    std::vector<Waiting> waiting = run_->waiting();
    std::erase_if(waiting, [](const Waiting& one) { return !one.person; });
    if (waiting.empty()) {
        return false;
    }
    const std::optional<Signalled> said =
        person_acted_ < patience ? person(waiting)
                                 : Signalled{"cancel", "a person", "enough", std::nullopt, nullptr};
    if (!said) {
        return false;
    }
    ++person_acted_;
    now_ += 10min;
    if (said->verb == "continue") {
        feed(Continued{settings_.script_name, mended.empty() ? source_ : mended, said->actor, said->reason});
    } else {
        feed(*said);
    }
    return true;
}

} // namespace workflows::simulator
