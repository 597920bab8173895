// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/expectations.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
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
    std::pair<std::int64_t, std::int64_t> span(std::size_t at) const {
        const std::string& component = text(at, "a component such as \"shop/web\"");
        const auto found = played.spans.find(component);
        if (found == played.spans.end()) {
            std::vector<std::string> known;
            for (const auto& [other, span] : played.spans) {
                known.push_back(other);
            }
            const std::optional<std::string> near = base::nearest(component, known);
            throw Error(Fault::Input, "component '{}' is not in the simulation; there are: {}{}", component,
                        fmt::join(known, ", "), near ? "; did you mean '" + *near + "'?" : "");
        }
        return found->second;
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
    asked.span(0); // it is there
    const std::string& component = asked.text(0, "");
    const std::optional<Bound> bound =
        asked.arguments.size() > 1 ? Bound::read(asked.arguments[1]) : std::nullopt;
    if (!bound) {
        throw Error(Fault::Input, "expect.never_below: argument 2 must be a portion such as \"75%\" or 3");
    }
    for (const BlastRadius::Group& group : asked.played.blast_radius.groups()) {
        if (group.name != component) {
            continue;
        }
        const std::size_t all = group.members;
        const std::size_t lowest = all - std::min(all, group.most_out);
        if (lowest < bound->rounded_up(all)) {
            throw Error(Fault::Input, "{} of {} targets of {} were in service at one time, not {}", lowest,
                        all, component, bound->rounded_up(all));
        }
    }
}

void order(const Asked& asked) {
    for (std::size_t at = 0; at + 1 < std::max<std::size_t>(2, asked.arguments.size()); ++at) {
        const auto first = asked.span(at);
        const auto second = asked.span(at + 1);
        if (first.first < 0) {
            throw Error(Fault::Input, "{} was never started", asked.text(at, ""));
        }
        if (second.first >= 0 && second.first < first.second) {
            throw Error(Fault::Input, "{} was started before {} was through", asked.text(at + 1, ""),
                        asked.text(at, ""));
        }
    }
}

void state(const Asked& asked) {
    const std::string& node = asked.text(0, "a node such as \"web-3\"");
    const std::string& wanted = asked.text(1, "the word of a state such as \"updated\"");
    bool found = false;
    for (const engine::TargetView& view : asked.played.targets) {
        if (view.target.node.str() != node) {
            continue;
        }
        found = true;
        if (word(view.state) != wanted) {
            throw Error(Fault::Input, "{} is {}{}, not {}", view.target.str(), word(view.state),
                        view.reason.empty() ? "" : " (" + view.reason + ")", wanted);
        }
    }
    if (!found) {
        throw Error(Fault::Input, "node '{}' is not in the simulation", node);
    }
}

void untouched(const Asked& asked) {
    const std::string& node = asked.text(0, "a node such as \"web-3\"");
    const bool there =
        std::any_of(asked.played.targets.begin(), asked.played.targets.end(),
                    [&](const engine::TargetView& view) { return view.target.node.str() == node; });
    if (!there) {
        throw Error(Fault::Input, "node '{}' is not in the simulation", node);
    }
    if (asked.played.touched.contains(node)) {
        throw Error(Fault::Input, "node '{}' was touched", node);
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
constexpr std::array<Expectation, 9> table{{{"count", number_of},
                                            {"laws", laws},
                                            {"never_below", never_below},
                                            {"order", order},
                                            {"outcome", outcome},
                                            {"reason", reason},
                                            {"state", state},
                                            {"untouched", untouched},
                                            {"within", within}}};

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

void expect(std::string_view name, const base::Array& arguments, const Played& played) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const Expectation& one) { return one.name == name; });
    if (found == table.end()) {
        const std::optional<std::string> near = base::nearest(name, expectations());
        throw Error(Fault::Input, "expect has no '{}'{}", name,
                    near ? "; did you mean '" + *near + "'?" : "");
    }
    found->judge({name, arguments, played});
}

} // namespace workflows::simulator
