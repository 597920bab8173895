// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/timeline.hpp"

#include "base/json.hpp"
#include "workflows/engine/transitions.hpp"

namespace workflows::simulator {

using namespace engine;

namespace {

constexpr std::size_t most_failed = 5;

std::string text_of(const base::Value& value) {
    return value.text() != nullptr ? *value.text() : base::to_json(value);
}

// "level 0, batch 1, of 3": the names are words already.
std::string text_of(const base::Object& fields) {
    std::string text;
    for (const base::Member& field : fields.members) {
        if (const std::string said = text_of(field.value); said != "\"\"" && !said.empty()) {
            text += (text.empty() ? "" : ", ") + field.name + " " + said;
        }
    }
    return text;
}

bool is_bad(TargetState state) {
    switch (state) {
    case TargetState::Failed:
    case TargetState::RollbackFailed:
    case TargetState::Unreachable:
    case TargetState::Refused:
    case TargetState::Quarantined:
    case TargetState::Lost:
        return true;
    default:
        return false;
    }
}

} // namespace

std::string clock_text(base::Duration since_start) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start).count();
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

void Timeline::say(std::string what, std::string detail) {
    lines_.push_back({at_, std::move(what), std::move(detail)});
}

void Timeline::sum_up() {
    std::string text;
    for (const auto& [state, count] : changed_) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, word(state));
    }
    if (!text.empty()) {
        say("", text);
    }
    for (const std::string& failed : failed_) {
        say("", "  " + failed);
    }
    changed_.clear();
    failed_.clear();
}

void Timeline::see(const Event& event, const std::vector<Effect>& effects, base::Duration since_start) {
    at_ = since_start;
    if (full_) {
        say("event", base::to_json(to_value(event)));
    }
    for (const Effect& effect : effects) {
        see(effect);
    }
}

void Timeline::see(const Effect& effect) {
    if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
        if (full_) {
            say(std::string(word(change->state)), change->target.str() + " " + change->reason);
        } else if (is_terminal_word(change->state) && change->state != TargetState::NotStarted) {
            ++changed_[change->state];
            if (is_bad(change->state) && failed_.size() < most_failed) {
                failed_.push_back(
                    fmt::format("{} is {}: {}", change->target.str(), word(change->state), change->reason));
            }
        }
    } else if (const Note* note = std::get_if<Note>(&effect)) {
        // Answers that come twice or too late are many, and change nothing.
        if (full_ || (!note->target && note->message != "late report")) {
            sum_up();
            say(note->message, text_of(note->fields) + (note->target ? " " + note->target->str() : ""));
        }
    } else if (const Ended* ended = std::get_if<Ended>(&effect)) {
        sum_up();
        say("run ended",
            std::string(word(ended->outcome)) + (ended->reason.empty() ? "" : ": " + ended->reason));
    } else if (const SendOrder* order = std::get_if<SendOrder>(&effect); order != nullptr && full_) {
        say("order", fmt::format("{} {} to {}", order->order, word(order->kind), order->target.str()));
    }
}

} // namespace workflows::simulator
