// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What people say and the script asks for: what is allowed from then on.
#include "workflows/simulator/laws.hpp"

namespace workflows::simulator {

using namespace engine;

void Laws::see_signal(const Signalled& signal) {
    const std::string& verb = signal.verb;
    if (verb == "pause") {
        paused_ = !stopped_;
    } else if (verb == "approve" && approval_ && signal.actor != simulation_.run().input().actor) {
        const base::Value* role = member(signal.value, "role");
        if (approval_->role.empty() ||
            (role != nullptr && role->text() != nullptr && *role->text() == approval_->role)) {
            approval_->by.insert(signal.actor);
        }
    }
    if (verb == "retry" || verb == "skip") {
        decided_ = true;
        allowed_.failed = 0;
        allowed_.failed_in.clear();
        allowed_.failed_of.clear();
        for (Known& known : known_) {
            known.failed = false;
        }
    }
    const bool ends = verb == "cancel" || verb == "preempt";
    cancelled_ |= ends;
    if (verb == "resume" || verb == "rollback" || ends) {
        paused_ = false;
        undecided_ = 0;
        for (Known& known : known_) {
            known.waits_for_person = false;
        }
    }
}

void Laws::see_command(const ScriptCommand& command) {
    const std::string& kind = command.kind;
    deferred_ += kind == "defer" ? 1 : 0;
    if (kind == "approve" || kind == "outage") {
        const base::Value* count = member(command.arguments, "count");
        const base::Value* role = member(command.arguments, "role");
        approval_ = Approval{command.sequence,
                             kind == "outage",
                             count == nullptr || count->whole() == nullptr ? 1 : *count->whole(),
                             role == nullptr || role->text() == nullptr ? "" : *role->text(),
                             {}};
    } else if (kind == "preflight") {
        const base::Value* quorum = member(command.arguments, "quorum");
        quorum_ = quorum == nullptr ? quorum_ : Bound::read(*quorum).value_or(quorum_);
    }
    const bool is_act = kind == "update" || kind == "restart" || kind == "stop" || kind == "start";
    allowed_ = Allowance::of(kind, command.arguments);
    if (kind == "command" && member(command.arguments, "once") == nullptr) {
        for (const PackagedCommand& packaged_one :
             simulation_.run().input().commands.at(base::ComponentName(allowed_.component))) {
            allowed_.once |= packaged_one.name == allowed_.command && packaged_one.once;
        }
    }
    act_ = command.sequence;
    once_done_.clear();
    zones_under_way_.clear();
    measured_.clear();
    for (Known& known : known_) {
        known.failed = known.in_window = known.in_batch = known.soaked_in_batch = false;
    }
    for (Lane& lane : lanes_) {
        lane.cut += lane.in_batch;
        lane.in_window = lane.in_batch = lane.passed = lane.commands_out = 0;
    }
    if (is_act) {
        count_members();
        for (const base::ComponentName& component : simulation_.run().input().levels[allowed_.level]) {
            radius_.group(components_.at(component)).bound = allowed_.unavailable;
        }
        last_update_bound_ = kind == "update" ? allowed_.unavailable : last_update_bound_;
    }
}

void Laws::see_answer(const Answer& answer) {
    cleaning_ |= answer.stopped;
    if (answer.ok && answer.sequence == act_ && allowed_.kind == "update") {
        see_batch_end("the update has ended");
    }
    const bool approved = flag(answer.value, "approved", false);
    if (!approval_ || answer.sequence != approval_->sequence || !approved) {
        return;
    }
    if (static_cast<std::int64_t>(approval_->by.size()) < approval_->count) {
        break_law("approval", fmt::format("{} of {} people have agreed, and it is taken for approved",
                                          approval_->by.size(), approval_->count));
    }
    if (approval_->outage) {
        radius_.lift();
    }
    approval_.reset();
}

} // namespace workflows::simulator
