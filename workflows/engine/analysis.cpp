// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/analysis.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace workflows::engine {
namespace {

constexpr std::int64_t any_number = std::numeric_limits<std::int64_t>::max();
constexpr std::array<std::string_view, 5> operations = {"<=", ">=", "==", "<", ">"};

struct Condition {
    std::string operation;
    double bound = 0;
};

std::optional<Condition> condition_of(std::string_view text) {
    for (const std::string_view operation : operations) {
        if (!text.starts_with(operation)) {
            continue;
        }
        const std::size_t begin = text.find_first_not_of(' ', operation.size());
        const char* first = text.data() + std::min(begin, text.size());
        const char* last = text.data() + text.size();
        double bound = 0;
        const auto [end, error] = std::from_chars(first, last, bound);
        if (error == std::errc() && end == last && std::isfinite(bound)) {
            return Condition{std::string(operation), bound};
        }
    }
    return std::nullopt;
}

std::string no_condition(std::string_view text) {
    return fmt::format("is '{}', but must compare with a number; write for example \"<= 0.01\"", text);
}

void read_condition(const base::Fields& fields, Metric& metric) {
    metric.condition = fields.text("pass");
    const std::optional<Condition> condition = condition_of(metric.condition);
    if (!condition) {
        fields.fail("pass", fmt::format("'pass' {}", no_condition(metric.condition)));
    }
    metric.operation = condition->operation;
    metric.bound = condition->bound;
}

void read_source(const base::Fields& fields, Metric& metric) {
    int sources = 0;
    base::Object spec;
    if (const std::optional<std::string> command = fields.maybe_text("command")) {
        metric.source = Metric::Source::Command;
        spec.set("command", *command);
        ++sources;
    }
    const auto address = [&](std::string_view key, std::string_view second, Metric::Source source) {
        if (const std::optional<base::Fields> record = fields.record(key)) {
            metric.source = source;
            spec.set(std::string(key),
                     base::Object{{"url", record->text("url")}, {std::string(second), record->text(second)}});
            record->finish();
            ++sources;
        }
    };
    address("http", "path", Metric::Source::Http);
    address("prometheus", "query", Metric::Source::Prometheus);
    if (sources != 1) {
        fields.fail(
            "",
            "a measurement comes from one of command = \"…\", http = { url, path } and prometheus = { url, "
            "query }");
    }
    metric.spec = std::move(spec);
}

Metric read_metric(const base::Fields& fields) {
    using namespace std::chrono_literals;
    Metric metric;
    metric.name = fields.text("name");
    read_source(fields, metric);
    read_condition(fields, metric);
    const std::string compare = fields.text("compare", "");
    if (!compare.empty() && compare != "peers" && compare != "peers-difference") {
        fields.fail("compare",
                    fmt::format("'compare' is '{}', but must be 'peers' or 'peers-difference'", compare));
    }
    metric.compare = compare.empty()      ? Metric::Compare::No
                     : compare == "peers" ? Metric::Compare::Ratio
                                          : Metric::Compare::Difference;
    metric.interval = fields.duration("interval", 30s);
    metric.initial_delay = fields.duration("initial_delay", 0s);
    metric.count = fields.whole("count", 1, any_number, 1);
    metric.failures = fields.whole("failures", 0, any_number, 0);
    metric.inconclusive = fields.whole("inconclusive", 0, any_number, 1);
    if (fields.has("consecutive_successes")) {
        metric.consecutive_successes = fields.whole("consecutive_successes", 1, metric.count);
    }
    metric.dry_run = fields.flag("dry_run", false);
    if (metric.interval <= base::Duration::zero()) {
        fields.fail("interval", "'interval' is no time at all");
    }
    fields.finish();
    return metric;
}

bool holds(const Metric& metric, double value) {
    return metric.operation == "<"    ? value < metric.bound
           : metric.operation == "<=" ? value <= metric.bound
           : metric.operation == ">"  ? value > metric.bound
           : metric.operation == ">=" ? value >= metric.bound
                                      : value == metric.bound;
}

struct Judged {
    std::optional<bool> good; ///< nothing: neither good nor bad
    std::string why;
};

Judged judge(const Metric& metric, const Reading& reading) {
    if (!reading.ok) {
        return {std::nullopt, fmt::format("{} could not be measured: {}", metric.name, reading.reason)};
    }
    if (!reading.updated || !std::isfinite(*reading.updated)) {
        return {std::nullopt, fmt::format("{} has no value", metric.name)};
    }
    if (metric.compare == Metric::Compare::No) {
        return {holds(metric, *reading.updated),
                fmt::format("{} is {}, must be {}", metric.name, *reading.updated, metric.condition)};
    }
    if (!reading.peers || !std::isfinite(*reading.peers)) {
        return {std::nullopt, fmt::format("{} has no peers to compare with", metric.name)};
    }
    const bool ratio = metric.compare == Metric::Compare::Ratio;
    if (ratio && *reading.peers == 0) {
        // Both at rest are alike; anything over nothing is no ratio.
        if (*reading.updated == 0) {
            return {holds(metric, 1), fmt::format("{} is 0, and 0 of its peers", metric.name)};
        }
        return {std::nullopt, fmt::format("{} is {}, but 0 of its peers: there is no ratio; compare with "
                                          "\"peers-difference\"",
                                          metric.name, *reading.updated)};
    }
    const double value = ratio ? *reading.updated / *reading.peers : *reading.updated - *reading.peers;
    return {holds(metric, value),
            fmt::format("{} is {}, of its peers {}: {} {}, must be {}", metric.name, *reading.updated,
                        *reading.peers, ratio ? "ratio" : "difference", value, metric.condition)};
}

} // namespace

std::vector<Metric> Metric::read(const base::Fields& options, std::string_view key) {
    std::vector<Metric> metrics;
    for (const base::Fields& fields : options.records(key)) {
        metrics.push_back(read_metric(fields));
    }
    return metrics;
}

std::optional<base::Time> Watch::due() const noexcept {
    return verdict_ == Verdict::Running ? std::optional(due_) : std::nullopt;
}

void Watch::measured(const Reading& reading, base::Time now) {
    if (verdict_ != Verdict::Running) {
        return;
    }
    const Judged judged = judge(metric_, reading);
    why_ = judged.why;
    ++taken_;
    failed_ += judged.good == false ? 1 : 0;
    unclear_ += judged.good ? 0 : 1;
    in_a_row_ = judged.good == true ? in_a_row_ + 1 : 0;
    due_ = now + metric_.interval;
    conclude();
}

void Watch::conclude() {
    if (failed_ > metric_.failures) {
        verdict_ = Verdict::Fail;
        why_ += fmt::format(" ({} of {} failed, {} may)", failed_, taken_, metric_.failures);
    } else if (unclear_ > metric_.inconclusive) {
        verdict_ = Verdict::Inconclusive;
        why_ += fmt::format(" ({} of {} without a verdict, {} may)", unclear_, taken_, metric_.inconclusive);
    } else if (metric_.consecutive_successes && in_a_row_ >= *metric_.consecutive_successes) {
        verdict_ = Verdict::Pass;
    } else if (taken_ >= metric_.count) {
        const bool enough = !metric_.consecutive_successes && unclear_ < taken_;
        verdict_ = enough ? Verdict::Pass : Verdict::Inconclusive;
        if (!enough && metric_.consecutive_successes) {
            why_ += fmt::format(" ({} good ones in a row were wanted)", *metric_.consecutive_successes);
        }
    }
}

void Watch::restart(base::Time now) {
    *this = Watch(metric_, now);
}

std::optional<double> median(std::vector<double> values) {
    if (values.empty()) {
        return std::nullopt;
    }
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::optional<std::string> objection_to_condition(std::string_view text) {
    return condition_of(text) ? std::nullopt : std::optional(no_condition(text));
}

} // namespace workflows::engine
