// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What people say to a run: pause, resume, cancel, decide about failures, approve.
#include "base/error.hpp"
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/script.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

// About a failure that waits for a person.
bool is_decision(const std::string& verb) {
    return verb == "retry" || verb == "skip" || verb == "rollback";
}

} // namespace

void Run::check(const Signalled& signal) const {
    const State& state = *state_;
    if (signal.verb == "approve" || signal.verb == "reject") {
        if (state.phase != State::Phase::ScriptWaiting || !state.approval) {
            throw base::Error(base::Fault::Conflict,
                              std::string("the run waits for no approval now; see 'tiercel run explain'"));
        }
        if (const std::string objection = state.objection_to(signal);
            signal.verb == "approve" && !objection.empty()) {
            throw base::Error(base::Fault::Denied, objection);
        }
    } else if (is_decision(signal.verb)) {
        if (const std::string objection = state.objection_to_decision(signal); !objection.empty()) {
            throw base::Error(base::Fault::Conflict, objection);
        }
    } else if (const std::string objection = state.objection_to(signal.verb); !objection.empty()) {
        throw base::Error(base::Fault::Conflict, objection);
    }
}

// Why this word would change nothing now; empty: it would.
std::string Run::State::objection_to(const std::string& verb) const {
    const bool over = phase == Phase::Settling || phase == Phase::Cleaning;
    if ((verb == "pause" || verb == "cancel") && over) {
        return "the run has come to its end; see 'tiercel run explain'";
    }
    if (verb == "pause" && stopped) {
        return "the run starts nobody any more: " + stopped->reason;
    }
    if (verb == "cancel" && stopped && undecided == 0 && !has_command_to_end()) {
        return "the run is stopping already: " + stopped->reason;
    }
    if (verb == "resume" && !paused) {
        return broken ? fmt::format(
                            "the run is not paused: {}; say 'tiercel run continue' with another text of it, "
                            "'rollback-now' or 'cancel'",
                            *broken)
                      : "the run is not paused; see 'tiercel run explain'";
    }
    return {};
}

void Run::State::on(const Signalled& signal) {
    const std::string by = signal.reason.empty() ? signal.actor : signal.actor + ": " + signal.reason;
    base::Object fields{{"verb", signal.verb}, {"actor", signal.actor}, {"reason", signal.reason}};
    if (signal.target) {
        fields.set("target", signal.target->str());
    }
    note("signal", std::move(fields));
    const bool over = phase == Phase::Settling || phase == Phase::Cleaning;
    if (signal.verb == "resume") {
        resume();
    } else if (signal.verb == "preempt") {
        give_way(by);
    } else if (over) {
        note("too late", {{"verb", signal.verb}});
    } else if (signal.verb == "cancel") {
        cancel(by);
    } else if (signal.verb == "pause" && !stopped) {
        paused = "paused by " + by;
        const base::Value* until =
            signal.value.object() == nullptr ? nullptr : signal.value.object()->find("until");
        paused_until = until == nullptr || until->text() == nullptr
                           ? std::nullopt
                           : std::optional(base::from_rfc3339(*until->text()));
        asked_of_people.clear(); // who pauses it again is asked once more
    } else if (signal.verb == "approve") {
        approve(signal);
    } else if (signal.verb == "reject" && phase == Phase::ScriptWaiting && approval) {
        end_approval(false, "rejected by " + by);
    } else if (signal.verb == "signal") {
        signal_came(signal);
    } else if (is_decision(signal.verb)) {
        decide(signal, by);
    } else {
        note("too late", {{"verb", signal.verb}});
    }
}

// The commands of the old text are the new one's: it is replayed, and gets the answers that were given.
void Run::State::on(const Continued& continued) {
    if (is_rollback() || (script_over && !broken)) {
        note("too late", {{"verb", "continue"}});
        return;
    }
    base::Object fields{{"workflow", continued.workflow},
                        {"text", base::sha256(continued.source).str()},
                        {"before", base::sha256(input.workflow_source).str()},
                        {"actor", continued.actor}};
    if (!continued.reason.empty()) {
        fields.set("reason", continued.reason);
    }
    note("workflow continued with another text", std::move(fields));
    input.workflow = continued.workflow;
    input.workflow_source = continued.source;
    if (std::exchange(broken, std::nullopt)) {
        script_over = false;
        said.ended.reset();
        if (!said.commands.empty() && is_failure(said.commands.back().command)) {
            said.commands.pop_back(); // the new text says something else there
        }
    }
}

void Run::State::decide(const Signalled& signal, const std::string& by) {
    if (const std::string objection = objection_to_decision(signal); !objection.empty()) {
        note("decision does not count", {{"verb", signal.verb}, {"reason", objection}});
    } else if (signal.verb == "rollback") {
        stop_as(OnFailure::RollbackAll, by + " decided to roll back");
    } else if (signal.verb == "retry") {
        retry(signal.target);
    } else {
        skip(signal.target, by);
    }
}

void Run::State::cancel(const std::string& by) {
    if (!stopped) {
        // A rollback that is cancelled does not go forward again: those under way come to their end, the rest
        // stays.
        stop(is_rollback() ? Stop::How::Finish : Stop::How::Cancel, Outcome::Cancelled, "cancelled by " + by);
        if (!is_rollback()) {
            const std::map<std::int64_t, OpenOrder> open = orders;
            for (const auto& [id, order] : open) {
                send_cancel(id, order);
            }
            return;
        }
    }
    // The stop goes its way, but for commands that hang.
    const std::map<std::int64_t, OpenOrder> open = orders;
    for (const auto& [id, order] : open) {
        if (order.kind == OrderKind::Command && !order.cancelled) {
            send_cancel(id, order);
        }
    }
    give_up_waiting(by);
}

bool Run::State::has_command_to_end() const {
    return std::any_of(orders.begin(), orders.end(), [](const auto& order) {
        return order.second.kind == OrderKind::Command && !order.second.cancelled;
    });
}

// What waits for a person is given up.
void Run::State::give_up_waiting(const std::string& by) {
    const bool given_up = give_up_undecided("its probe could not judge, and " + by + " cancelled");
    paused.reset();
    note(given_up ? "given up" : "already stopping", {{"by", by}});
}

bool Run::State::give_up_undecided(const std::string& why) {
    bool given_up = false;
    for (Progress& target : targets) {
        if (!target.inconclusive) {
            continue;
        }
        given_up = true;
        target.inconclusive = false;
        --undecided;
        if (target.state == TargetState::UndoProbing) {
            give_up_back(target, why);
        } else {
            step_failed(target, OrderKind::Probe, TargetState::Failed, why);
        }
    }
    return given_up;
}

// Law 10: nobody waits for a person for ever. Another question gets another time.
void Run::State::keep_patience() {
    const bool over = phase == Phase::Settling || phase == Phase::Cleaning || phase == Phase::Over;
    const bool waits = !over && (paused || broken || !asked().empty());
    if (!waits && !has_patience) {
        return; // as after nearly every event: nobody looks through all timers
    }
    const std::string question = fmt::format("{}\n{}\n{}", paused.value_or(""), asked(), broken.value_or(""));
    const auto timer = std::find_if(timers.begin(), timers.end(), [](const auto& each) {
        return each.second.kind == OpenTimer::Kind::Patience;
    });
    if (waits && timer != timers.end() && question == asked_of_people) {
        return;
    }
    if (timer != timers.end()) {
        timers.erase(timer);
    }
    has_patience = waits;
    if (waits) {
        asked_of_people = question;
        set_timer(OpenTimer::Kind::Patience, std::max(now, paused_until.value_or(now)) + patience,
                  "the word of a person");
    }
}

// What works is left as it is. Who stands between two steps with a probe that could not judge goes back.
void Run::State::lose_patience(base::Time at) {
    const std::string question = broken ? *broken : asked().empty() ? paused.value_or("") : asked();
    const std::string why = fmt::format("nobody has answered by {}", base::to_rfc3339(at));
    const bool stops = !stopped;
    if (stops) {
        stop(undecided > 0 && !is_rollback() ? Stop::How::Cancel : Stop::How::Finish, Outcome::NeedsPerson,
             question + "; " + why);
    }
    if (!stops || !stopped->halts()) {
        give_up_undecided("its probe could not judge, and " + why);
    }
    paused.reset();
}

void Run::State::resume() {
    paused.reset();
    paused_until.reset();
    judge_again(false);
    for (Progress& target : targets) {
        if (target.inconclusive) {
            target.inconclusive = false;
            --undecided;
            send(target, OrderKind::Probe);
        }
    }
}

} // namespace workflows::engine
