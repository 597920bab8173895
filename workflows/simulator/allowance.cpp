// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/allowance.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace workflows::simulator {
namespace {

std::optional<Bound> bound(const base::Value& value, std::string_view key) {
    const base::Value* found = member(value, key);
    return found == nullptr ? std::nullopt : Bound::read(*found);
}

void read_failures(const base::Value& arguments, Allowance& allowance) {
    const base::Value* written = member(arguments, "max_failures");
    if (written == nullptr || written->object() == nullptr) {
        allowance.total = written == nullptr ? Bound{false, 0} : Bound::read(*written);
        return;
    }
    allowance.total = bound(*written, "total");
    allowance.each = bound(*written, "component");
    if (const base::Value* domain = member(*written, "domain")) {
        allowance.label = text(*domain, "label");
        allowance.domain = bound(*domain, "max");
    }
}

base::Duration duration(const base::Value* value) {
    return value == nullptr || value->text() == nullptr ? base::Duration{}
                                                        : base::parse_duration(*value->text());
}

std::int64_t whole(const base::Value& value, std::string_view key, std::int64_t absent) {
    const base::Value* found = member(value, key);
    return found == nullptr || found->whole() == nullptr ? absent : *found->whole();
}

// One for all batches, or one for each entry of the ramp.
base::Duration shortest(const base::Value* soak) {
    if (soak == nullptr || soak->array() == nullptr) {
        return duration(soak);
    }
    base::Duration least = base::Duration::max();
    for (const base::Value& entry : *soak->array()) {
        least = std::min(least, duration(&entry));
    }
    return least;
}

Allowance::Metric metric(const base::Value& written) {
    Allowance::Metric metric{text(written, "name"), "", whole(written, "count", 1), std::nullopt};
    metric.count = whole(written, "consecutive_successes", metric.count);
    for (const char* kind : {"http", "prometheus"}) {
        if (const base::Value* source = member(written, kind)) {
            metric.source = text(*source, "url") + " " + text(*source, "path") + text(*source, "query");
        }
    }
    const std::string pass = text(written, "pass");
    const bool simple = member(written, "compare") == nullptr && whole(written, "failures", 0) == 0 &&
                        !flag(written, "dry_run", false);
    if (simple && pass.starts_with("<= ")) {
        metric.most = std::stod(pass.substr(3));
    }
    return metric;
}

} // namespace

std::string text(const base::Value& value, std::string_view key) {
    const base::Value* found = member(value, key);
    return found == nullptr || found->text() == nullptr ? "" : *found->text();
}

const base::Value* member(const base::Value& value, std::string_view key) {
    return value.object() == nullptr ? nullptr : value.object()->find(key);
}

bool flag(const base::Value& value, std::string_view key, bool absent) {
    const base::Value* found = member(value, key);
    return found == nullptr || found->flag() == nullptr ? absent : *found->flag();
}

Allowance Allowance::of(const std::string& kind, const base::Value& arguments) {
    Allowance allowance;
    allowance.kind = kind;
    if (const base::Value* level = member(arguments, "level");
        level != nullptr && level->whole() != nullptr) {
        allowance.level = static_cast<std::size_t>(*level->whole());
    }
    allowance.component = text(arguments, "component");
    allowance.command = text(arguments, "name");
    allowance.once = flag(arguments, "once", false);
    allowance.parallel = bound(arguments, "max_parallel").value_or(allowance.parallel);
    allowance.unavailable = bound(arguments, "max_unavailable").value_or(allowance.unavailable);
    allowance.zone = text(arguments, "zone");
    allowance.asks = text(arguments, "on_failure") == "ask";
    allowance.hold = flag(arguments, "hold", false);
    if (const std::string standby = text(arguments, "standby"); !standby.empty()) {
        allowance.standby_label = standby.substr(0, standby.find('='));
        allowance.standby_value = standby.substr(standby.find('=') + 1);
    }
    allowance.sliding = text(arguments, "window") == "sliding";
    if (const base::Value* ramp = member(arguments, "ramp"); ramp != nullptr && ramp->array() != nullptr) {
        for (const base::Value& entry : *ramp->array()) {
            allowance.ramp.push_back(Bound::read(entry).value_or(Bound{true, 100}));
        }
    }
    allowance.settle = duration(member(arguments, "settle"));
    allowance.soak = shortest(member(arguments, "soak"));
    if (const base::Value* analysis = member(arguments, "analysis");
        analysis != nullptr && analysis->array() != nullptr) {
        for (const base::Value& written : *analysis->array()) {
            allowance.analysis.push_back(metric(written));
        }
    }
    read_failures(arguments, allowance);
    return allowance;
}

std::optional<std::string> Allowance::exceeded(std::size_t targets) const {
    const auto beyond = [&](const std::optional<Bound>& may, std::size_t count,
                            std::string_view where) -> std::optional<std::string> {
        if (!may || count <= may->rounded_down(targets)) {
            return std::nullopt;
        }
        return fmt::format("{} failed{}, and {} may", count, where, may->rounded_down(targets));
    };
    std::optional<std::string> why = beyond(total, failed, "");
    for (const auto& [component_group, count] : failed_in) {
        why = why ? why : beyond(each, count, " of one component");
    }
    for (const auto& [value, count] : failed_of) {
        why = why ? why : beyond(domain, count, " in " + label + " " + value);
    }
    return why;
}

std::size_t Allowance::width(std::size_t targets, std::size_t passed) const {
    std::size_t needed = 0;
    std::size_t wide = targets;
    for (const Bound& entry : ramp) {
        wide = entry.rounded_up(targets);
        needed += wide;
        if (passed < needed) {
            break;
        }
    }
    return wide;
}

} // namespace workflows::simulator
