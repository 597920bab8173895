// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/expectations.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/transitions.hpp"
#include "workflows/simulator/selection.hpp"
#include "workflows/simulator/timeline.hpp"

#include <algorithm>
#include <array>

namespace workflows::simulator {
namespace {

using base::Error;
using base::Fault;

struct Asked {
    std::string_view name;
    const base::Array& arguments;
    const engine::RunInput& input;
    const Played& played;

    const std::string& text(std::size_t at, std::string_view what) const {
        if (at >= arguments.size() || arguments[at].text() == nullptr) {
            throw Error(Fault::Input, "expect.{}: argument {} must be {}", name, at + 1, what);
        }
        return *arguments[at].text();
    }
    std::int64_t whole(std::size_t at, std::string_view what) const {
        if (at >= arguments.size() || arguments[at].whole() == nullptr) {
            throw Error(Fault::Input, "expect.{}: argument {} must be {}", name, at + 1, what);
        }
        return *arguments[at].whole();
    }
    Bound portion(std::size_t at) const {
        const std::optional<Bound> bound = at < arguments.size() ? Bound::read(arguments[at]) : std::nullopt;
        if (!bound) {
            throw Error(Fault::Input, "expect.{}: argument {} must be a portion such as \"75%\" or 3", name,
                        at + 1);
        }
        return *bound;
    }
    Selection steps(std::size_t at) const {
        return Selection(text(at, "steps such as \"stop shop/db\", a component, a node or a label"), input);
    }
    /// Some targets, without a step.
    Selection places(std::size_t at) const {
        Selection selection(text(at, "a component, a node or a label such as \"zone=a\""), input);
        if (selection.has_step()) {
            throw Error(Fault::Input, "expect.{}: '{}' names a step, but must name targets only", name,
                        selection.str());
        }
        return selection;
    }
    std::string target(std::size_t at) const { return input.targets[at].target.str(); }
    /// "'drain' of shop/web on web-3 at 0:00:10"
    std::string told(const Step& step) const {
        return fmt::format("'{}{}{}' of {} at {}", word(step.kind), step.command.empty() ? "" : " ",
                           step.command, target(step.target), clock_text(step.began.at));
    }
};

std::string counts_of(const Played& played) {
    std::string text;
    for (const auto& [state, count] : played.counts) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, state);
    }
    return text;
}

void outcome(const Asked& asked) {
    const std::string& wanted = asked.text(0, "an outcome such as \"succeeded\"");
    if (asked.played.outcome != wanted) {
        throw Error(Fault::Input, "the outcome is {}{}, not {}", asked.played.outcome,
                    asked.played.reason.empty() ? "" : " (" + asked.played.reason + ")", wanted);
    }
}

void reason(const Asked& asked) {
    const std::string& wanted = asked.text(0, "a part of the reason");
    if (asked.played.reason.find(wanted) == std::string::npos) {
        throw Error(Fault::Input, "the reason is '{}', without '{}'", asked.played.reason, wanted);
    }
}

void laws(const Asked& asked) {
    if (!asked.played.broken.empty()) {
        throw Error(Fault::Input, "{}", asked.played.broken.front());
    }
}

void number_of(const Asked& asked) {
    const std::string& state = asked.text(0, "the word of a state such as \"updated\"");
    const std::int64_t wanted = asked.whole(1, "a number");
    const auto found = asked.played.counts.find(state);
    if (const auto there = found == asked.played.counts.end() ? 0 : static_cast<std::int64_t>(found->second);
        there != wanted) {
        throw Error(Fault::Input, "{} targets are {}, not {}: {}", there, state, wanted,
                    counts_of(asked.played));
    }
}

void never_below(const Asked& asked) {
    const Selection component = asked.places(0);
    const Bound bound = asked.portion(1);
    const auto& groups = asked.played.blast_radius.groups();
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const BlastRadius::Group& one) {
        return one.name == component.str();
    });
    if (group == groups.end()) {
        throw Error(Fault::Input, "expect.never_below: argument 1 must be a component such as \"shop/web\"");
    }
    const std::size_t lowest = group->members - std::min(group->members, group->most_out);
    if (lowest < bound.rounded_up(group->members)) {
        throw Error(Fault::Input, "{} of {} targets of {} were in service at one time, not {}", lowest,
                    group->members, component.str(), bound.rounded_up(group->members));
    }
}

void times(const Asked& asked) {
    const Selection selection = asked.steps(0);
    const std::int64_t wanted = asked.whole(1, "a number");
    const auto there = std::count_if(asked.played.steps.begin(), asked.played.steps.end(),
                                     [&](const Step& step) { return selection.has(step); });
    if (there != wanted) {
        throw Error(Fault::Input, "'{}' happened {} times, not {}", selection.str(), there, wanted);
    }
}

void only(const Asked& asked) {
    std::vector<Selection> selections{asked.steps(0)};
    std::string named = "'" + selections.front().str() + "'";
    for (std::size_t at = 1; at < asked.arguments.size(); ++at) {
        selections.push_back(asked.steps(at));
        named += ", '" + selections.back().str() + "'";
    }
    for (const Step& step : asked.played.steps) {
        const bool meant = std::any_of(selections.begin(), selections.end(),
                                       [&](const Selection& selection) { return selection.has(step); });
        if (step.changes_something() && !meant) {
            throw Error(Fault::Input, "there was {}, which is not among {}", asked.told(step), named);
        }
    }
}

/// One of the things that come one after the other.
struct Stretch {
    Selection selection;
    base::Duration gap{}; ///< at least so long after the one before it
    const Step* first = nullptr;
    const Step* last = nullptr; ///< the one that was over last
};

bool is_over_before(const Step& left, const Step& right) {
    return left.over && left.over->event <= right.began.event;
}

// Nodes may be called "10-1", but hardly "10m".
bool is_duration(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789msdh") == std::string::npos &&
           text.front() >= '0' && text.front() <= '9' && text.back() > '9';
}

std::vector<Stretch> stretches(const Asked& asked) {
    std::vector<Stretch> list;
    base::Duration gap{};
    for (std::size_t at = 0; at < asked.arguments.size(); ++at) {
        const std::string& text = asked.text(at, "steps such as \"stop shop/db\", or a duration");
        if (is_duration(text) && at > 0 && at + 1 < asked.arguments.size()) {
            gap = base::parse_duration(text);
            continue;
        }
        list.push_back({asked.steps(at), std::exchange(gap, {})});
    }
    if (list.size() < 2) {
        throw Error(Fault::Input, "expect.order: argument 2 must be steps such as \"start shop/db\"");
    }
    return list;
}

// After "web-1", "shop/web" means its others.
void leave_out_narrower(std::vector<Stretch>& list) {
    for (std::size_t at = 0; at < list.size(); ++at) {
        for (std::size_t before = 0; before < at; ++before) {
            list[at].selection.leave_out_narrower(list[before].selection);
        }
    }
}

void fill(std::vector<Stretch>& list, const std::vector<Step>& steps) {
    for (const Step& step : steps) {
        for (Stretch& stretch : list) {
            if (!stretch.selection.has(step)) {
                continue;
            }
            if (stretch.first == nullptr) {
                stretch.first = &step;
            }
            if (stretch.last == nullptr ||
                (stretch.last->over && (!step.over || *stretch.last->over < *step.over))) {
                stretch.last = &step;
            }
        }
    }
}

void order(const Asked& asked) {
    std::vector<Stretch> list = stretches(asked);
    leave_out_narrower(list);
    fill(list, asked.played.steps);
    for (std::size_t at = 0; at < list.size(); ++at) {
        const Stretch& now = list[at];
        if (now.first == nullptr) {
            throw Error(Fault::Input, "'{}' never happened", now.selection.str());
        }
        if (at == 0) {
            continue;
        }
        const Stretch& before = list[at - 1];
        if (!is_over_before(*before.last, *now.first)) {
            throw Error(Fault::Input, "there was {}, before '{}' was over with {}", asked.told(*now.first),
                        before.selection.str(), asked.told(*before.last));
        }
        if (const base::Duration between = now.first->began.at - before.last->over->at; between < now.gap) {
            throw Error(Fault::Input, "{} lie between '{}' and '{}', not {}", base::to_text(between),
                        before.selection.str(), now.selection.str(), base::to_text(now.gap));
        }
    }
}

void most_at_once(const Asked& asked) {
    const Selection selection = asked.steps(0);
    const std::size_t wanted = asked.portion(1).of(selection.targets());
    std::map<std::int64_t, int> changes; // a step that ends at an event makes room for one that it causes
    for (const Step& step : asked.played.steps) {
        if (selection.has(step)) {
            ++changes[step.began.event];
            if (step.over) {
                --changes[step.over->event];
            }
        }
    }
    int now = 0;
    int most = 0;
    for (const auto& [event, change] : changes) {
        most = std::max(most, now += change);
    }
    if (static_cast<std::size_t>(most) != wanted) {
        throw Error(Fault::Input, "'{}' was under way {} times at once, not {}", selection.str(), most,
                    wanted);
    }
}

void state(const Asked& asked) {
    const Selection selection = asked.places(0);
    const std::string& wanted = asked.text(1, "the word of a state such as \"updated\"");
    for (std::size_t at = 0; at < asked.played.targets.size(); ++at) {
        const engine::TargetView& view = asked.played.targets[at];
        if (selection.has(at) && word(view.state) != wanted) {
            throw Error(Fault::Input, "{} is {}{}, not {}", view.target.str(), word(view.state),
                        view.reason.empty() ? "" : " (" + view.reason + ")", wanted);
        }
    }
}

void untouched(const Asked& asked) {
    const Selection selection = asked.places(0);
    for (const Step& step : asked.played.steps) {
        if (selection.has(step)) {
            throw Error(Fault::Input, "'{}' was touched: there was {}", selection.str(), asked.told(step));
        }
    }
}

void within(const Asked& asked) {
    const std::string& text = asked.text(0, "a duration such as \"20m\"");
    if (asked.played.lasted > base::parse_duration(text)) {
        throw Error(Fault::Input, "it took {}, more than {}", clock_text(asked.played.lasted), text);
    }
}

struct Expectation {
    std::string_view name;
    void (*judge)(const Asked&);
};
constexpr std::array<Expectation, 12> table{{{"count", number_of},
                                             {"laws", laws},
                                             {"most_at_once", most_at_once},
                                             {"never_below", never_below},
                                             {"only", only},
                                             {"order", order},
                                             {"outcome", outcome},
                                             {"reason", reason},
                                             {"state", state},
                                             {"times", times},
                                             {"untouched", untouched},
                                             {"within", within}}};

const Expectation& find(std::string_view name) {
    const auto* const found =
        std::find_if(table.begin(), table.end(), [&](const Expectation& one) { return one.name == name; });
    if (found == table.end()) {
        throw Error(Fault::Input, "expect has no '{}'{}", name, base::hint(name, expectations()));
    }
    return *found;
}

} // namespace

const std::vector<std::string>& expectations() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const Expectation& expectation : table) {
            list.emplace_back(expectation.name);
        }
        return list;
    }();
    return names;
}

void expect(std::string_view name, const base::Array& arguments, const engine::RunInput& input,
            const Played& played) {
    find(name).judge({name, arguments, input, played});
}

void find_expectation(std::string_view name) {
    find(name);
}

} // namespace workflows::simulator
