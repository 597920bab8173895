// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/policy.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace workflows::engine {

namespace {

constexpr std::int64_t most_approvals = 20;

/// Errors without a place get the place of `key`.
template <class Read> auto read(const base::Fields& fields, std::string_view key, Read read) {
    try {
        return read();
    } catch (const base::Error& error) {
        fields.fail(key, error.message());
    }
}

CalendarPoint point(const base::Fields& fields, std::string_view key) {
    const std::string text = fields.text(key);
    return read(fields, key, [&] { return CalendarPoint::read(text); });
}

std::optional<base::ComponentName> component(const base::Fields& fields) {
    const auto name = fields.maybe_text("component");
    return name ? std::optional(read(fields, "component", [&] { return base::ComponentName(*name); }))
                : std::nullopt;
}

/// One name, or a list of them.
std::set<base::ComponentName> components(const base::Fields& fields) {
    const base::Value* written = fields.any("component");
    std::set<base::ComponentName> names;
    if (written != nullptr && written->array() != nullptr) {
        for (const std::string& name : fields.texts("component")) {
            names.insert(read(fields, "component", [&] { return base::ComponentName(name); }));
        }
        if (names.empty()) {
            fields.fail("component", "'component' is an empty list; leave it out to freeze all components");
        }
    } else if (const auto name = component(fields)) {
        names.insert(*name);
    }
    return names;
}

Policy::Approval approval_of(const base::Fields& fields) {
    Policy::Approval approval;
    approval.count = fields.whole("count", 1, most_approvals, approval.count);
    approval.role = fields.text("role", "");
    approval.expires = fields.duration("expires", approval.expires);
    if (!approval.role.empty()) {
        read(fields, "role", [&] { base::check_word(approval.role, "role"); });
    }
    if (approval.expires <= base::Duration::zero()) {
        fields.fail("expires", "'expires' is 0s, but a wait needs time; write '24h'");
    }
    fields.finish();
    return approval;
}

Policy::Freeze freeze_of(const base::Fields& fields) {
    const std::string zone = fields.text("tz", "UTC");
    Policy::Freeze freeze{.span = {.from = point(fields, "from"),
                                   .to = point(fields, "to"),
                                   .zone_name = zone,
                                   .zone = read(fields, "tz", [&] { return base::TimeZone::named(zone); })},
                          .components = components(fields),
                          .pauses = false,
                          .reason = fields.text("reason", ""),
                          .from = fields.text("from"),
                          .to = fields.text("to")};
    const CalendarSpan& span = freeze.span;
    if (span.from.weekday.has_value() != span.to.weekday.has_value()) {
        fields.fail("to", "'from' and 'to' must both be days of the week, or both be dates");
    }
    if (!span.from.weekday && span.from.day + span.from.time.value_or(std::chrono::minutes(0)) >=
                                  span.to.day + span.to.time.value_or(std::chrono::days(1))) {
        fields.fail("to", "'to' is not after 'from'");
    }
    if (span.from.weekday && span.from.weekday == span.to.weekday && span.from.time &&
        span.from.time == span.to.time) {
        fields.fail(
            "to",
            fmt::format("'from' and 'to' are both '{}': the freeze would never end; write 'Fri' for the "
                        "day as a whole, or a later time",
                        freeze.to));
    }
    const std::string during = fields.text("during", "finish");
    if (during != "finish" && during != "pause") {
        fields.fail("during",
                    fmt::format("'during' is '{}', but must be 'finish' (a run under way goes on) or 'pause'",
                                during));
    }
    freeze.pauses = during == "pause";
    fields.finish();
    return freeze;
}

Budget budget_of(const base::Fields& fields) {
    const auto name = component(fields);
    if (!name) {
        fields.fail("component", "'component' is missing; write component = \"shop/web\"");
    }
    const base::Value* portion = fields.any("max_unavailable");
    if (portion == nullptr) {
        fields.fail("max_unavailable",
                    "'max_unavailable' is missing; write a count such as 2, or a share such as \"25%\"");
    }
    Budget budget{*name, fields.text("per", ""),
                  read(fields, "max_unavailable", [&] { return Portion::read(*portion); })};
    fields.finish();
    return budget;
}

} // namespace

std::string Policy::Freeze::str() const {
    return fmt::format("freeze {}from {} to {} ({})", reason.empty() ? "" : "'" + reason + "' ", from, to,
                       span.zone_name);
}

Policy Policy::from_value(const base::Value& document, const std::string& file) {
    const base::Fields fields(document, file);
    const std::string name = fields.text("environment");
    Policy policy{.environment = read(fields, "environment", [&] { return base::EnvironmentName(name); }),
                  .approval = {},
                  .freezes = {},
                  .budgets = {}};
    if (const auto record = fields.record("approval")) {
        policy.approval = approval_of(*record);
    }
    for (const base::Fields& record : fields.records("freeze")) {
        policy.freezes.push_back(freeze_of(record));
    }
    for (const base::Fields& record : fields.records("budget")) {
        policy.budgets.push_back(budget_of(record));
    }
    fields.finish();
    return policy;
}

std::optional<Policy::Frozen> Policy::frozen(const std::set<base::ComponentName>& components, base::Time now,
                                             bool under_way) const {
    std::optional<Frozen> frozen;
    // Each round takes a freeze that holds the moment at which the ones before it end; there are as many
    // rounds as freezes, because a week full of them has no end.
    for (std::size_t round = 0; round < freezes.size(); ++round) {
        const base::Time at = frozen ? frozen->until : now;
        for (const Freeze& freeze : freezes) {
            const bool touched = freeze.components.empty() ||
                                 std::any_of(freeze.components.begin(), freeze.components.end(),
                                             [&](const auto& one) { return components.contains(one); });
            const bool counts = touched && (!under_way || freeze.pauses);
            if (const auto span = counts ? freeze.span.around(at) : std::nullopt) {
                frozen = frozen ? Frozen{frozen->since, std::max(frozen->until, span->end), frozen->why}
                                : Frozen{span->begin, span->end, freeze.str()};
            }
        }
    }
    return frozen;
}

std::optional<base::Time> Policy::next_change(base::Time now) const {
    std::optional<base::Time> next;
    const auto take = [&](base::Time time) {
        next = next ? std::min(*next, time) : time;
    };
    for (const Freeze& freeze : freezes) {
        if (const auto span = freeze.span.around(now)) {
            take(span->end);
        }
        if (const auto begin = freeze.span.next(now)) {
            take(*begin);
        }
    }
    return next;
}

void check_names(const base::Value& policy, const std::string& file, const Environment& environment) {
    const base::Fields fields(policy, file);
    std::map<std::string, std::set<std::string>> labels; // by component
    std::vector<std::string> known;
    for (const DeclaredNode& node : environment.nodes) {
        for (const base::ComponentName& component : node.components) {
            for (const auto& [label, value] : node.labels) {
                labels[component.str()].insert(label);
            }
            labels[component.str()];
        }
    }
    for (const auto& [component, there] : labels) {
        known.push_back(component);
    }
    const auto check = [&](const base::Fields& record, const base::ComponentName& component) {
        if (!labels.contains(component.str())) {
            record.fail("component",
                        fmt::format("no node of environment '{}' has component '{}'{}", environment.name,
                                    component, base::hint(component.str(), known)));
        }
    };
    for (const base::Fields& record : fields.records("freeze")) {
        for (const base::ComponentName& one : components(record)) {
            check(record, one);
        }
    }
    for (const base::Fields& record : fields.records("budget")) {
        const base::ComponentName one = *component(record);
        check(record, one);
        const std::set<std::string>& there = labels[one.str()];
        const std::string per = record.text("per", "");
        if (!per.empty() && !there.contains(per)) {
            record.fail("per", fmt::format("no node of component '{}' has a label '{}'{}", one, per,
                                           base::hint(per, {there.begin(), there.end()})));
        }
    }
}

} // namespace workflows::engine
