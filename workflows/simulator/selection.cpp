// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/selection.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/capacity.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace workflows::simulator {

using namespace engine;
using base::Error;
using base::Fault;

namespace {

const std::vector<std::string>& step_words() {
    static const std::vector<std::string> words = [] {
        std::vector<std::string> list;
        for (int kind = 0; kind <= static_cast<int>(OrderKind::Measure); ++kind) {
            list.emplace_back(word(static_cast<OrderKind>(kind)));
        }
        return list;
    }();
    return words;
}

std::optional<OrderKind> find_step(std::string_view name) {
    const auto& words = step_words();
    const auto found = std::find(words.begin(), words.end(), name);
    return found == words.end() ? std::nullopt : std::optional(static_cast<OrderKind>(found - words.begin()));
}

std::vector<std::string> words_in(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> words;
    for (std::string one; stream >> one;) {
        words.push_back(std::move(one));
    }
    return words;
}

} // namespace

OrderKind step_named(std::string_view name) {
    if (const std::optional<OrderKind> kind = find_step(name)) {
        return *kind;
    }
    throw Error(Fault::Input, "'{}' is no step; there are: {}{}", name, fmt::join(step_words(), ", "),
                base::hint(name, step_words()));
}

Selection::Selection(std::string_view words, const RunInput& input)
    : words_(words), targets_(input.targets.size(), true) {
    const std::vector<std::string> list = words_in(words);
    if (list.empty()) {
        throw Error(
            Fault::Input,
            "'{}' names nothing; write a step, a component, a node or a label, such as 'stop shop/db'",
            words);
    }
    for (std::size_t at = read_step(list, input); at < list.size(); ++at) {
        if (list[at] != "on") { // 'shop/web on web-3', as targets are written everywhere
            narrow(list[at], input);
        }
    }
    if (targets() == 0) {
        throw Error(Fault::Input, "no target of the simulation is '{}'", words);
    }
}

/// How many words it takes.
std::size_t Selection::read_step(const std::vector<std::string>& words, const RunInput& input) {
    kind_ = find_step(words.front());
    if (kind_ != OrderKind::Command) {
        return kind_ ? 1 : 0;
    }
    if (words.size() == 1) {
        throw Error(Fault::Input, "'command' must be followed by the command's name");
    }
    command_ = words[1];
    std::set<std::string> known;
    for (const auto& [component, commands] : input.commands) {
        for (const PackagedCommand& command : commands) {
            known.insert(command.name);
        }
    }
    if (!known.contains(command_)) {
        const std::vector<std::string> list(known.begin(), known.end());
        throw Error(Fault::Input, "no component has a command '{}'; there are: {}{}", command_,
                    fmt::join(list, ", "), base::hint(command_, list));
    }
    return 2;
}

/// False when none of all targets is to be kept.
template <class Keep> bool Selection::keep(const RunInput& input, Keep keep) {
    bool any = false;
    for (std::size_t at = 0; at < targets_.size(); ++at) {
        const bool kept = keep(input.targets[at]);
        any |= kept;
        targets_[at] = targets_[at] && kept;
    }
    return any;
}

void Selection::narrow(const std::string& word, const RunInput& input) {
    if (word.find('=') != std::string::npos) {
        narrow_to_label(word, input);
        return;
    }
    const bool component = word.find('/') != std::string::npos;
    const auto name = [&](const Desired& desired) -> const std::string& {
        return component ? desired.target.component.str() : desired.target.node.str();
    };
    if (keep(input, [&](const Desired& desired) { return name(desired) == word; })) {
        return;
    }
    std::set<std::string> known;
    for (const Desired& desired : input.targets) {
        known.insert(name(desired));
    }
    if (component) {
        const std::vector<std::string> list(known.begin(), known.end());
        throw Error(Fault::Input, "component '{}' is not in the simulation; there are: {}{}", word,
                    fmt::join(list, ", "), base::hint(word, list));
    }
    if (!kind_) {
        known.insert(step_words().begin(), step_words().end());
    }
    throw Error(Fault::Input, "{}'{}' is not in the simulation{}", kind_ ? "node " : "step or node ", word,
                base::hint(word, {known.begin(), known.end()}));
}

void Selection::narrow_to_label(const std::string& word, const RunInput& input) {
    const std::string label = word.substr(0, word.find('='));
    const std::string value = word.substr(label.size() + 1);
    if (keep(input, [&](const Desired& desired) { return label_of(desired, label) == value; })) {
        return;
    }
    std::set<std::string> known;
    for (const Desired& desired : input.targets) {
        known.insert(label + "=" + label_of(desired, label));
    }
    throw Error(Fault::Input, "no node of the simulation has the label '{}'; there are: {}", word,
                fmt::join(known, ", "));
}

bool Selection::has(const Step& step) const noexcept {
    return targets_[step.target] &&
           (kind_ ? step.kind == *kind_ && (kind_ != OrderKind::Command || step.command == command_)
                  : step.changes_something());
}

std::size_t Selection::targets() const noexcept {
    return static_cast<std::size_t>(std::count(targets_.begin(), targets_.end(), true));
}

void Selection::leave_out_narrower(const Selection& other) {
    const auto in_both = [&](std::size_t at) {
        return targets_[at] && other.targets_[at];
    };
    std::size_t shared = 0;
    for (std::size_t at = 0; at < targets_.size(); ++at) {
        shared += in_both(at) ? 1 : 0;
    }
    if (shared != other.targets() || shared == targets()) {
        return;
    }
    for (std::size_t at = 0; at < targets_.size(); ++at) {
        targets_[at] = targets_[at] && !other.targets_[at];
    }
}

} // namespace workflows::simulator
