// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/options.hpp"

#include "base/error.hpp"
#include "workflows/engine/capacity.hpp"
#include "workflows/engine/deadlines.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace workflows::engine {
namespace {

constexpr std::array<std::string_view, 4> action_words = {"update", "restart", "stop", "start"};

const std::map<std::string, OnFailure> failure_words = {
    {"ask", OnFailure::Ask},
    {"rollback-all", OnFailure::RollbackAll},
    {"rollback-batch", OnFailure::RollbackBatch},
    {"stop", OnFailure::Stop},
};

template <class Read> auto option(const base::Fields& fields, std::string_view key, Read read) {
    try {
        return read(*fields.any(key));
    } catch (const base::Error& error) {
        fields.fail(key, fmt::format("'{}': {}", key, error.message()));
    }
}

OnFailure on_failure_of(const base::Fields& fields, OnFailure absent,
                        const std::vector<std::string>& allowed) {
    const std::optional<std::string> text = fields.maybe_text("on_failure");
    if (!text) {
        return absent;
    }
    if (std::find(allowed.begin(), allowed.end(), *text) == allowed.end()) {
        std::string list;
        for (std::size_t at = 0; at < allowed.size(); ++at) {
            list += (at == 0 ? "'" : at + 1 == allowed.size() ? " or '" : ", '") + allowed[at] + "'";
        }
        fields.fail("on_failure", fmt::format("'on_failure' is '{}', but must be {}{}", *text, list,
                                              base::hint(*text, allowed)));
    }
    return failure_words.at(*text);
}

std::vector<base::Duration> soak_of(const base::Fields& fields) {
    if (!fields.has("soak")) {
        return {base::Duration{}};
    }
    if (fields.any("soak")->array() == nullptr) {
        return {fields.duration("soak", base::Duration{})};
    }
    std::vector<base::Duration> list;
    for (const std::string& text : fields.texts("soak")) {
        try {
            list.push_back(base::parse_duration(text));
        } catch (const base::Error& error) {
            fields.fail("soak", fmt::format("'soak': {}", error.message()));
        }
    }
    if (list.empty()) {
        fields.fail("soak", "'soak' is an empty list; write one duration for each entry of the ramp");
    }
    return list;
}

Where read_where(const base::Fields& fields, std::string_view key) {
    const std::optional<std::string> where = fields.maybe_text(key);
    if (!where) {
        return {};
    }
    const std::size_t equals = where->find('=');
    if (equals == 0 || equals == std::string::npos) {
        fields.fail(key, fmt::format("'{}' is '{}', but must name a label and its value; write for example "
                                     "\"rack=a\"",
                                     key, *where));
    }
    return {where->substr(0, equals), where->substr(equals + 1)};
}

void read_standby(const base::Fields& fields, ActOptions& options) {
    options.standby = read_where(fields, "standby");
    if (!options.standby.empty() && !options.hold) {
        fields.fail("standby",
                    "'standby' leaves service when a batch takes over as a whole; write hold = true, too");
    }
    const auto compares = [](const Metric& metric) {
        return metric.compare != Metric::Compare::No;
    };
    if (!options.standby.empty() && std::any_of(options.analysis.begin(), options.analysis.end(), compares)) {
        fields.fail(
            "standby",
            "'standby' leaves no peer in service that 'analysis' could compare with; judge the number "
            "itself, or leave 'standby' out");
    }
}

void read_cut(const base::Fields& fields, ActOptions& options) {
    if (fields.has("ramp")) {
        options.cut.ramp = option(fields, "ramp", read_ramp);
    }
    const std::string window = fields.text("window", "barrier");
    if (window != "barrier" && window != "sliding") {
        fields.fail("window", fmt::format("'window' is '{}', but must be 'barrier' or 'sliding'", window));
    }
    options.cut.sliding = window == "sliding";
    options.cut.zone = fields.text("zone", "");
    options.zone_soak = fields.duration("zone_soak", base::Duration{});
    options.soak = soak_of(fields);
    options.settle = fields.duration("settle", base::Duration{});
    options.analysis = Metric::read(fields, "analysis");
    options.hold = fields.flag("hold", false);
    read_standby(fields, options);
    if (options.hold && options.cut.sliding) {
        fields.fail("hold",
                    "'hold' keeps a batch together, and a sliding window has no batches; write window = "
                    "'barrier'");
    }
    if (!options.analysis.empty() && options.cut.sliding) {
        fields.fail("analysis",
                    "'analysis' judges a batch while it soaks, and a sliding window has no batches; write "
                    "window = \"barrier\"");
    }
    if (options.zone_soak > base::Duration::zero() && options.cut.zone.empty()) {
        fields.fail("zone_soak",
                    "'zone_soak' is for one zone after the other; say by which label with 'zone'");
    }
}

std::vector<std::string> names_of(const std::vector<PackagedCommand>& commands) {
    std::vector<std::string> names;
    for (const PackagedCommand& command : commands) {
        names.push_back(command.name);
    }
    return names;
}

std::vector<std::string> components_of(const RunInput& input) {
    std::vector<std::string> names;
    for (const auto& level : input.levels) {
        for (const base::ComponentName& component : level) {
            names.push_back(component.str());
        }
    }
    return names;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
    const std::optional<std::string> near = base::nearest(word, known);
    if (near) {
        return "; did you mean '" + *near + "'?";
    }
    std::string list;
    for (const std::string& one : known) {
        list += (list.empty() ? "; there are '" : "', '") + one;
    }
    return list.empty() ? "; there are none" : list + "'";
}

} // namespace

bool Where::matches(const Desired& target) const {
    return empty() || label_of(target, label) == value;
}

std::string_view word(Action action) noexcept {
    return action_words.at(static_cast<std::size_t>(action));
}

Portion read_portion(const base::Fields& fields, std::string_view key, const Portion& absent) {
    return fields.has(key) ? option(fields, key, Portion::read) : absent;
}

ActOptions read_act(Action action, const base::Value& arguments, std::size_t levels) {
    const base::Fields fields(arguments, fmt::format("ctx:{}", word(action)));
    ActOptions options;
    options.action = action;
    options.level = static_cast<std::size_t>(fields.whole("level", 0, static_cast<std::int64_t>(levels) - 1));
    if (action == Action::Update) {
        read_cut(fields, options);
        options.on_failure =
            on_failure_of(fields, OnFailure::RollbackAll, {"rollback-all", "rollback-batch", "stop", "ask"});
    } else {
        options.settle =
            action == Action::Stop ? base::Duration{} : fields.duration("settle", base::Duration{});
        options.on_failure = on_failure_of(fields, OnFailure::Stop, {"stop", "ask", "rollback-all"});
    }
    options.where = read_where(fields, "where");
    options.cut.spread = fields.text("spread", "");
    options.failures = FailureBudget::read(fields, "max_failures");
    options.max_unavailable = read_portion(fields, "max_unavailable", options.max_unavailable);
    const base::Value none = base::Object{};
    const std::optional<base::Fields> deadlines = fields.record("deadlines");
    options.deadlines = read_deadlines(deadlines ? *deadlines : base::Fields(none, fields.file()));
    fields.finish();
    return options;
}

CommandOptions read_command(const base::Value& arguments, const RunInput& input) {
    const base::Fields fields(arguments, "ctx:command");
    const std::string name = fields.text("name");
    const std::string component = fields.text("component");
    const std::vector<std::string> components = components_of(input);
    if (std::find(components.begin(), components.end(), component) == components.end()) {
        fields.fail("component", fmt::format("the run has no component '{}'{}", component,
                                             suggestion(component, components)));
    }
    CommandOptions options{
        name, base::ComponentName(component), false, Portion::all(), {}, OnFailure::Stop, {}, false, false};
    const auto brought = input.commands.find(options.component);
    const std::vector<PackagedCommand> none;
    const std::vector<PackagedCommand>& commands = brought == input.commands.end() ? none : brought->second;
    const auto command = std::find_if(commands.begin(), commands.end(),
                                      [&](const PackagedCommand& one) { return one.name == name; });
    if (command == commands.end()) {
        fields.fail("name", fmt::format("no package of component '{}' has a command '{}'{}", component, name,
                                        suggestion(name, names_of(commands))));
    }
    using namespace std::chrono_literals;
    options.once = fields.flag("once", command->once);
    options.irreversible = command->irreversible;
    options.repeatable = command->repeatable;
    options.max_parallel = read_portion(fields, "max_parallel", options.max_parallel);
    options.failures = FailureBudget::read(fields, "max_failures");
    options.on_failure = on_failure_of(fields, OnFailure::Stop, {"stop", "ask", "rollback-all"});
    // The command's own timeout, and what the way there and back may take.
    options.deadline = fields.duration("deadline", command->timeout > base::Duration{}
                                                       ? command->timeout + 1min
                                                       : default_deadline(OrderKind::Command));
    fields.finish();
    return options;
}

} // namespace workflows::engine
