// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a script may ask for: preflight, update, wait. Arguments are checked here, before anything happens;
// what is wrong with them goes back to the script as an error at the line of its call.
#include "base/error.hpp"
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/run_state.hpp"

#include <algorithm>
#include <limits>

namespace workflows::engine {
namespace {

const std::map<std::string, UpdateOptions::OnFailure> failure_words = {
    {"rollback-all", UpdateOptions::OnFailure::RollbackAll},
    {"rollback-batch", UpdateOptions::OnFailure::RollbackBatch},
    {"stop", UpdateOptions::OnFailure::Stop},
};

// A portion or ramp; what is wrong with it gets the name of the option.
template <class Read> auto option(const base::Fields& fields, std::string_view key, Read read) {
    try {
        return read(*fields.any(key));
    } catch (const base::Error& error) {
        fields.fail(key, fmt::format("'{}': {}", key, error.message()));
    }
}

UpdateOptions::OnFailure on_failure_of(const base::Fields& fields) {
    const std::string text = fields.text("on_failure", "rollback-all");
    const auto known = failure_words.find(text);
    if (known == failure_words.end()) {
        std::vector<std::string> words;
        for (const auto& [one, meaning] : failure_words) {
            words.push_back(one);
        }
        const std::optional<std::string> near = base::nearest(text, words);
        fields.fail(
            "on_failure",
            fmt::format("'on_failure' is '{}', but must be 'rollback-all', 'rollback-batch' or 'stop'{}",
                        text, near ? "; did you mean '" + *near + "'?" : ""));
    }
    return known->second;
}

UpdateOptions update_options(const base::Value& arguments, std::size_t levels) {
    const base::Fields fields(arguments, "ctx:update");
    UpdateOptions options;
    options.level = static_cast<std::size_t>(fields.whole("level", 0, static_cast<std::int64_t>(levels) - 1));
    if (fields.has("ramp")) {
        options.ramp = option(fields, "ramp", read_ramp);
    }
    options.soak = fields.duration("soak", options.soak);
    options.max_failures = fields.whole("max_failures", 0, std::numeric_limits<std::int64_t>::max(), 0);
    if (fields.has("max_unavailable")) {
        options.max_unavailable = option(fields, "max_unavailable", Portion::read);
    }
    options.on_failure = on_failure_of(fields);
    const base::Value none = base::Object{};
    const std::optional<base::Fields> deadlines = fields.record("deadlines");
    options.deadlines = read_deadlines(deadlines ? *deadlines : base::Fields(none, fields.file()));
    fields.finish();
    return options;
}

} // namespace

void Run::State::on(const ScriptCommand& command) {
    if (is_rollback() || script_over || stopped) {
        note("command of a script that has no say any more",
             {{"sequence", command.sequence}, {"kind", command.kind}});
        return;
    }
    if (command.sequence <= static_cast<std::int64_t>(commands.size())) {
        note("command given twice", {{"sequence", command.sequence}, {"kind", command.kind}});
        return;
    }
    if (phase != Phase::Idle || command.sequence != static_cast<std::int64_t>(commands.size()) + 1) {
        note("command out of turn", {{"sequence", command.sequence}, {"kind", command.kind}});
        effects.emplace_back(
            Answer{command.sequence, false, nullptr,
                   fmt::format("command {} came before the answer to the one before it", command.sequence)});
        return;
    }
    commands.push_back({command, std::nullopt});
    note("command",
         {{"sequence", command.sequence}, {"kind", command.kind}, {"arguments", command.arguments}});
    try {
        if (command.kind == "preflight") {
            const base::Fields fields(command.arguments, "ctx:preflight");
            const Portion wanted =
                fields.has("quorum") ? option(fields, "quorum", Portion::read) : Portion::all();
            const base::Duration deadline = fields.duration("deadline", default_deadline(OrderKind::Prepare));
            fields.finish();
            if (prepared) {
                throw base::Error(base::Fault::Input,
                                  "ctx:preflight: everything is prepared already; call it once");
            }
            begin_preflight(wanted, deadline);
        } else if (command.kind == "update") {
            UpdateOptions options = update_options(command.arguments, input.levels.size());
            if (!prepared) {
                throw base::Error(base::Fault::Input,
                                  "ctx:update: nothing is prepared yet; call ctx:preflight() first");
            }
            for (const Progress& target : targets) {
                if (target.level < options.level && target.state == TargetState::Ready) {
                    throw base::Error(base::Fault::Input,
                                      "ctx:update: level {} cannot start before level {} is through: '{}' "
                                      "has not been updated",
                                      options.level, target.level, name(target).str());
                }
            }
            begin_update(std::move(options));
        } else if (command.kind == "wait") {
            const base::Fields fields(command.arguments, "ctx:wait");
            const base::Duration duration = fields.duration("duration", base::Duration(-1));
            fields.finish();
            if (duration < base::Duration::zero()) {
                throw base::Error(base::Fault::Input,
                                  "ctx:wait: 'duration' is missing; write ctx:wait(\"30s\")");
            }
            set_timer(OpenTimer::Kind::ScriptWait, now + duration,
                      "the workflow waits " + base::to_text(duration));
            phase = Phase::ScriptWaiting;
        } else {
            throw base::Error(base::Fault::Input, "'{}' is no command of a workflow", command.kind);
        }
    } catch (const base::Error& error) {
        if (error.fault() != base::Fault::Input) {
            throw;
        }
        refuse_command(error.message());
    }
}

void Run::State::answer(base::Value value) {
    Command& current = commands.back();
    current.answer = Answer{current.command.sequence, true, std::move(value), ""};
    effects.emplace_back(*current.answer);
    phase = Phase::Idle;
}

void Run::State::refuse_command(std::string error) {
    Command& current = commands.back();
    current.answer = Answer{current.command.sequence, false, nullptr, std::move(error)};
    effects.emplace_back(*current.answer);
}

void Run::State::on(const ScriptEnded& ended) {
    if (is_rollback() || script_over || stopped) {
        return;
    }
    script_over = true;
    if (!ended.ok) {
        const bool touched = std::any_of(targets.begin(), targets.end(),
                                         [](const Progress& target) { return target.batched; });
        stop(Stop::How::Finish, touched ? Outcome::NeedsPerson : Outcome::Refused,
             "the workflow failed: " + ended.error);
    } else if (phase != Phase::Idle) {
        stop(Stop::How::Finish, Outcome::NeedsPerson, "the workflow ended before its command was answered");
    } else {
        end_by_script();
    }
}

} // namespace workflows::engine
