// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What holds when it is over: every target has one word, and the word is true.
#include "workflows/simulator/laws.hpp"

#include <algorithm>

namespace workflows::simulator {

using namespace engine;

namespace {

bool is_good(TargetState state) {
    return state == TargetState::Updated || state == TargetState::Unchanged ||
           state == TargetState::RolledBack;
}

} // namespace

void Laws::at_end() {
    if (!simulation_.run().ended()) {
        break_law("law 10", "the run has not ended");
        return;
    }
    const std::vector<TargetView> views = simulation_.run().targets();
    if (views.size() != known_.size()) {
        break_law("law 1", fmt::format("{} targets began, {} ended", known_.size(), views.size()));
        return;
    }
    const Outcome outcome = *simulation_.run().outcome();
    std::size_t good = 0;
    std::size_t bad = 0;
    for (const TargetView& view : views) {
        judge(view, outcome);
        good += is_good(view.state) ? 1 : 0;
        // By the word of a person, who answers for it in an operation.
        const bool excused = kind_ == RunKind::Operation && view.state == TargetState::Skipped &&
                             view.reason.find("skipped by") != std::string::npos;
        const bool not_meant = kind_ == RunKind::Operation && view.state == TargetState::NotStarted;
        bad += is_good(view.state) || not_meant || excused ? 0 : 1;
    }
    const bool success = outcome == Outcome::Succeeded || outcome == Outcome::SucceededWithLeftOut;
    if (success && good == 0 && bad > 0) {
        break_law("law 1", "a run succeeded, and none of its targets is where it should be");
    }
    judge_once();
    if (outcome == Outcome::Refused && !stopped_ && not_answered_ > 0 && !known_.empty()) {
        break_law("law 8", fmt::format("the run was refused before {} targets had answered", not_answered_));
    }
}

void Laws::judge(const TargetView& view, Outcome outcome) {
    const Known& known = known_[simulation_.place(view.target)];
    const Behaviour& node = simulation_.at(view.target);
    const std::string who = view.target.str();
    const bool left_out = view.reason.find("left out of rotation") != std::string::npos;
    if (!is_terminal_word(view.state)) {
        break_law("law 1", fmt::format("{} ends as {}", who, word(view.state)));
    }
    if (view.state != known.state) {
        break_law("law 1", fmt::format("{} ends as {}, and followers heard {}", who, word(view.state),
                                       word(known.state)));
    }
    const bool failed = view.state == TargetState::Failed || view.state == TargetState::Lost ||
                        view.state == TargetState::Refused || view.state == TargetState::Quarantined;
    if (known.late && failed && view.reason.find("came late") == std::string::npos) {
        break_law("law 1", who + " came late and failed, and its reason does not say so: " + view.reason);
    }
    if ((known.drained || (node.drained && !node.lies)) && !left_out) {
        break_law("law 5", who + " stays drained and nobody says so");
    }
    if ((known.down || (node.down && !node.lies)) && !left_out) {
        break_law("law 5", who + " stays stopped and nobody says so");
    }
    const bool should_run = view.state == TargetState::Updated && known.touched && !known.down;
    if (should_run && !node.lies && node.running != "new") {
        break_law("law 6", who + " is called updated and runs " + node.running);
    }
    if (view.state == TargetState::RolledBack && kind_ != RunKind::Rollback && !node.lies &&
        node.release == "new") {
        break_law("law 9", who + " is called rolled back and has " + node.release);
    }
    if (view.state == TargetState::NotStarted && node.release == "new") {
        break_law("law 1", who + " is called not started and was changed");
    }
    if (outcome == Outcome::RolledBack && known.touched && !known.undone) {
        break_law("law 9", who + " was touched and did not go back");
    }
    if (outcome == Outcome::RolledBack && view.state == TargetState::Updated && known.touched) {
        break_law("law 9", who + " is updated in a run that was rolled back");
    }
    if (outcome == Outcome::Refused && (known.touched || known.drained || known.down)) {
        break_law("law 8", who + " was touched by a run that was refused");
    }
    const bool not_meant = kind_ == RunKind::Operation && view.state == TargetState::NotStarted;
    if (outcome == Outcome::Succeeded && !is_good(view.state) && !not_meant) {
        break_law("law 1", fmt::format("{} is {} in a run that succeeded", who, word(view.state)));
    }
}

// By what the nodes really did.
void Laws::judge_once() {
    const RunInput& input = simulation_.run().input();
    std::map<std::pair<std::size_t, std::string>, std::size_t> times;
    for (const Known& known : known_) {
        const auto migration = input.migrate.find(input.targets[place(known)].target.component);
        for (const std::string& command : simulation_.behaviours()[place(known)].ran) {
            const PackagedCommand* known_command = packaged(known, command);
            const bool once = (known_command != nullptr && known_command->once) ||
                              (migration != input.migrate.end() && migration->second == command);
            const bool repeatable = known_command != nullptr && known_command->repeatable;
            if (once && !repeatable && !decided_ && ++times[{known.component, command}] == 2) {
                break_law("once", fmt::format("'{}' ran twice, the second time on {}", command,
                                              input.targets[place(known)].target.str()));
            }
        }
    }
}

} // namespace workflows::simulator
