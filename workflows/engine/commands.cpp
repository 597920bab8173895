// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a script may ask for. Arguments are checked before anything happens; what is wrong with them goes back
// to the script as an error at the line of its call.
#include "base/error.hpp"
#include "base/json.hpp"
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/script.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

// What a script may still do when its run has stopped and it runs what it deferred.
bool is_for_cleaning(const std::string& kind) {
    static const std::set<std::string> kinds = {"command", "probe", "wait", "log", "now"};
    return kinds.contains(kind);
}

// 64 bits out of what the run is bound to and the command's place in it: the same at every replay, different
// for each command and each run.
std::uint64_t chance(const RunInput& input, std::int64_t sequence) {
    const base::Digest digest =
        base::sha256(fmt::format("{} {} {} {}", input.epoch, input.environment, input.release, sequence));
    return std::stoull(digest.str().substr(digest.str().find(':') + 1, 16), nullptr, 16);
}

} // namespace

void Run::State::on(const ScriptCommand& command) {
    if (is_rollback() || script_over || (stopped && deferred == 0)) {
        note("command of a script that has no say any more",
             {{"sequence", command.sequence}, {"kind", command.kind}});
        return;
    }
    if (command.sequence <= static_cast<std::int64_t>(said.commands.size())) {
        note("command given twice", {{"sequence", command.sequence}, {"kind", command.kind}});
        return;
    }
    const bool listening = phase == Phase::Idle || phase == Phase::Cleaning || (stopped && deferred > 0);
    if (!listening || command.sequence != static_cast<std::int64_t>(said.commands.size()) + 1 ||
        (!said.commands.empty() && !said.commands.back().answer)) {
        note("command out of turn", {{"sequence", command.sequence}, {"kind", command.kind}});
        effects.emplace_back(
            Answer{command.sequence, false, nullptr,
                   fmt::format("command {} came before the answer to the one before it", command.sequence)});
        return;
    }
    said.commands.push_back({command, std::nullopt});
    note("command",
         {{"sequence", command.sequence}, {"kind", command.kind}, {"arguments", command.arguments}});
    if (stopped && phase != Phase::Cleaning) {
        return; // it is answered when everything is back
    }
    try {
        if (phase == Phase::Cleaning) {
            if (!told_to_clean) {
                tell_to_clean();
                return;
            }
            if (!is_for_cleaning(command.kind)) {
                throw base::Error(
                    base::Fault::Input,
                    "ctx:{}: the run has stopped; what is deferred may only use command, probe, "
                    "wait, log and now",
                    command.kind);
            }
        }
        carry_out(command);
    } catch (const base::Error& error) {
        if (error.fault() != base::Fault::Input && error.fault() != base::Fault::Conflict) {
            throw;
        }
        refuse_command(error.message(), error.fault() == base::Fault::Conflict);
    }
}

void Run::State::carry_out(const ScriptCommand& command) {
    const base::Value& arguments = command.arguments;
    using Handler = void (*)(State&, const base::Value&);
    static const std::map<std::string_view, Handler> handlers = {
        {"preflight",
         [](State& run, const base::Value& given) {
             const base::Fields fields(given, "ctx:preflight");
             const Portion wanted = read_portion(fields, "quorum", Portion::all());
             const base::Duration deadline =
                 fields.duration("deadline", default_deadline(OrderKind::Prepare));
             fields.finish();
             if (run.prepared) {
                 throw base::Error(base::Fault::Input,
                                   "ctx:preflight: everything is prepared already; call it once");
             }
             run.begin_preflight(wanted, deadline);
         }},
        {"update",
         [](State& run, const base::Value& given) {
             run.begin_act(read_act(Action::Update, given, run.input.levels.size()));
         }},
        {"restart",
         [](State& run, const base::Value& given) {
             run.begin_act(read_act(Action::Restart, given, run.input.levels.size()));
         }},
        {"stop",
         [](State& run, const base::Value& given) {
             run.begin_act(read_act(Action::Stop, given, run.input.levels.size()));
         }},
        {"start",
         [](State& run, const base::Value& given) {
             run.begin_act(read_act(Action::Start, given, run.input.levels.size()));
         }},
        {"probe",
         [](State& run, const base::Value& given) {
             run.begin_survey(given);
         }},
        {"command",
         [](State& run, const base::Value& given) {
             // First of all: the component may have no target left in this run.
             const DoneOnce* done = run.done_once(given);
             if (!TIERCEL_GUARD("once-in-all-tries", done == nullptr)) {
                 run.answer_from_before(*done);
             } else {
                 run.begin_command(read_command(given, run.input));
             }
         }},
        {"wait",
         [](State& run, const base::Value& given) {
             run.begin_wait(given);
         }},
        {"await",
         [](State& run, const base::Value& given) {
             run.begin_await(given);
         }},
        {"approve",
         [](State& run, const base::Value& given) {
             run.begin_approval(given, false);
         }},
        {"outage",
         [](State& run, const base::Value& given) {
             run.begin_approval(given, true);
         }},
        {"now",
         [](State& run, const base::Value&) {
             run.answer(base::to_rfc3339(run.now));
         }},
        {"random",
         [](State& run, const base::Value&) {
             run.give_number();
         }},
        {"uuid",
         [](State& run, const base::Value&) {
             run.give_uuid();
         }},
        {"record",
         [](State& run, const base::Value& given) {
             const base::Value* value = given.object() == nullptr ? nullptr : given.object()->find("value");
             run.answer(value == nullptr ? base::Value() : *value);
         }},
        {"log",
         [](State& run, const base::Value& given) {
             const base::Fields fields(given, "ctx:log");
             const std::string message = fields.text("message");
             base::Object more{{"text", message}};
             if (const auto record = fields.record("fields")) {
                 more.set("fields", base::Value(*fields.any("fields")));
                 record->members();
             }
             fields.finish();
             run.note("script says", std::move(more));
             run.answer(nullptr);
         }},
        {"defer",
         [](State& run, const base::Value&) {
             ++run.deferred;
             run.answer(nullptr);
         }},
        {"fail",
         [](State& run, const base::Value& given) {
             run.script_failed(base::Fields(given, "the workflow's failure").text("error"));
         }},
    };
    const auto handler = handlers.find(command.kind);
    if (handler == handlers.end()) {
        throw base::Error(base::Fault::Input, "'{}' is no command of a workflow", command.kind);
    }
    handler->second(*this, arguments);
}

void Run::State::answer(base::Value value) {
    Said::Command& current = said.commands.back();
    current.answer = Answer{current.command.sequence, true, std::move(value), ""};
    effects.emplace_back(*current.answer);
    phase = stopped ? Phase::Cleaning : Phase::Idle;
}

void Run::State::refuse_command(std::string error, bool early) {
    Said::Command& current = said.commands.back();
    current.answer = Answer{current.command.sequence, false, nullptr, std::move(error), false, early};
    effects.emplace_back(*current.answer);
}

// The script unwinds and runs what it deferred; when no command of it is open, the next one gets this answer.
void Run::State::tell_to_clean() {
    if (said.commands.empty() || said.commands.back().answer) {
        return;
    }
    Said::Command& current = said.commands.back();
    current.answer = Answer{current.command.sequence, false, nullptr, stopped->reason, true};
    effects.emplace_back(*current.answer);
    told_to_clean = true;
}

// Its script is gone, and with it what only the script could have called.
void Run::State::tell_uncalled(const std::string& error) {
    const bool stands_ready = !said.commands.empty() && is_failure(said.commands.back().command);
    if (deferred > 0 && !stands_ready) {
        note("what was deferred is not called", {{"error", error}});
    }
}

void Run::State::on(const ScriptEnded& ended) {
    if (is_rollback() || script_over) {
        return;
    }
    if (stopped) {
        script_over = deferred > 0;
        if (told_to_clean && !ended.ok) {
            note("what was deferred failed", {{"error", ended.error}});
        } else if (!ended.ok) {
            tell_uncalled(ended.error);
        }
        return; // the run ends when what a deferred function has begun is over
    }
    script_over = true;
    if (!ended.ok) {
        script_failed(ended.error);
        return;
    }
    said.ended = ended;
    if (phase != Phase::Idle) {
        stop(Stop::How::Finish, Outcome::NeedsPerson, "the workflow ended before its command was answered");
    } else {
        end_by_script();
    }
}

// Whatever it has done so far stays, and what is under way comes to its end; a person may give it another
// text.
void Run::State::script_failed(const std::string& error) {
    const std::string reason = "the workflow failed: " + error;
    if (!acted) {
        said.ended = ScriptEnded{false, error};
        stop(Stop::How::Finish, is_operation() ? Outcome::Stopped : Outcome::Refused, reason);
        return;
    }
    if (broken) {
        return;
    }
    broken = reason;
    note("the workflow waits for a person",
         {{"reason", reason}, {"until", base::to_rfc3339(now + patience)}});
}

std::string Run::State::wish_for_mending() const {
    std::size_t out = 0;
    const Progress* first = nullptr;
    for (const Progress& target : targets) {
        if (target.out()) {
            first = out++ == 0 ? &target : first;
        }
    }
    return fmt::format("a person, to continue with another text of the workflow, roll back or cancel: {}{}",
                       *broken,
                       out == 0 ? ""
                                : fmt::format("; out of service meanwhile: {} targets, the first is {}", out,
                                              name(*first).str()));
}

// Nobody starts, but those under way go on to their end.
bool Run::State::holds() const {
    return !TIERCEL_GUARD("pause-holds", !paused) || !TIERCEL_GUARD("broken-script-holds", !broken);
}

void Run::State::begin_wait(const base::Value& arguments) {
    const base::Fields fields(arguments, "ctx:wait");
    const base::Duration duration = fields.duration("duration", base::Duration(-1));
    fields.finish();
    if (duration < base::Duration::zero()) {
        throw base::Error(base::Fault::Input, "ctx:wait: 'duration' is missing; write ctx:wait(\"30s\")");
    }
    acts.push_back({"wait", base::to_text(duration), batches.size()});
    set_timer(OpenTimer::Kind::ScriptWait, now + duration, "the workflow waits " + base::to_text(duration));
    phase = Phase::ScriptWaiting;
}

void Run::State::begin_await(const base::Value& arguments) {
    const base::Fields fields(arguments, "ctx:await");
    awaited = fields.text("signal");
    const base::Duration timeout = fields.duration("timeout", base::Duration(-1));
    fields.finish();
    if (timeout < base::Duration::zero()) {
        throw base::Error(base::Fault::Input,
                          "ctx:await: 'timeout' is missing; write ctx:await(\"{}\", \"10m\")", awaited);
    }
    acts.push_back({"await", awaited, batches.size()});
    const auto early = std::find_if(signals.begin(), signals.end(),
                                    [&](const Signalled& signal) { return signal.reason == awaited; });
    if (early != signals.end()) {
        const Signalled signal = *early;
        signals.erase(early);
        phase = Phase::ScriptWaiting;
        signal_came(signal);
        return;
    }
    set_timer(OpenTimer::Kind::Await, now + timeout, fmt::format("the workflow awaits signal '{}'", awaited));
    phase = Phase::ScriptWaiting;
}

void Run::State::signal_came(const Signalled& signal) {
    if (phase != Phase::ScriptWaiting || awaited.empty() || signal.reason != awaited) {
        signals.push_back(signal);
        return;
    }
    awaited.clear();
    std::erase_if(timers, [](const auto& timer) { return timer.second.kind == OpenTimer::Kind::Await; });
    answer(base::Object{{"received", true}, {"by", signal.actor}, {"value", signal.value}});
}

void Run::State::give_number() {
    const std::uint64_t bits = chance(input, said.commands.back().command.sequence);
    answer(static_cast<double>(bits >> 11) / 9007199254740992.0);
}

void Run::State::give_uuid() {
    // RFC 9562 §5.8, version 8: bits of our own.
    const std::uint64_t high = chance(input, said.commands.back().command.sequence);
    const std::uint64_t low = chance(input, -said.commands.back().command.sequence);
    answer(fmt::format("{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                       high & 0xfff, 0x8000 | ((low >> 48) & 0x3fff), low & 0xffffffffffff));
}

} // namespace workflows::engine
