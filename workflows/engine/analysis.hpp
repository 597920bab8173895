// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/fields.hpp"

#include <optional>
#include <string>
#include <vector>

namespace workflows::engine {

/// A number that a batch is judged by while it soaks:
///
///   { name = "errors", prometheus = { url = "…", query = "…" }, pass = "<= 0.01", interval = "30s", count =
///   5 }
///
/// | member | default | |
/// | command | | a packaged command whose last line is the number, on each target |
/// | http = { url, path } | | a number in a JSON document; asked by the dispatcher |
/// | prometheus = { url, query } | | an instant query; asked by the dispatcher |
/// | pass | | `<`, `<=`, `>`, `>=`, `==` and a number |
/// | compare | | "peers": the ratio to targets that are not updated yet; "peers-difference": the difference |
/// | interval, initial_delay | "30s", "0s" | |
/// | count | 1 | how often it is measured |
/// | failures | 0 | how many measurements may fail; one more fails the analysis |
/// | inconclusive | 1 | how many may be without a verdict; one more asks a person |
/// | consecutive_successes | | so many in a row pass at once; never reached: inconclusive |
/// | dry_run | false | recorded, decides nothing |
struct Metric {
    enum class Source { Command, Http, Prometheus } source = Source::Command;
    enum class Compare { No, Ratio, Difference } compare = Compare::No;
    std::string name;
    base::Value spec; ///< {command} or {http} or {prometheus}, as written
    std::string condition;
    std::string operation;
    double bound = 0;
    base::Duration interval{};
    base::Duration initial_delay{};
    std::int64_t count = 1;
    std::int64_t failures = 0;
    std::int64_t inconclusive = 1;
    std::optional<std::int64_t> consecutive_successes;
    bool dry_run = false;

    /// @throws base::Error{Input} `ctx:update: 'analysis[0].pass' …`.
    static std::vector<Metric> read(const base::Fields& options, std::string_view key);
};

/// One measurement: what was read, of targets that are new and of their peers.
struct Reading {
    bool ok = false;
    std::optional<double> updated;
    std::optional<double> peers;
    std::string reason; ///< why it could not be measured
};

/// One metric over a soak: counts verdicts by the rules of Metric. A measurement that failed to be made is
/// neither good nor bad (law 15); failing dominates.
class Watch {
public:
    enum class Verdict { Running, Pass, Fail, Inconclusive };

    Watch(Metric metric, base::Time start)
        : metric_(std::move(metric)), due_(start + metric_.initial_delay) {}

    const Metric& metric() const noexcept { return metric_; }
    /// When it is to be measured next; nothing once there is a verdict.
    std::optional<base::Time> due() const noexcept;
    void measured(const Reading& reading, base::Time now);
    Verdict verdict() const noexcept { return verdict_; }
    /// With the numbers: "errors: 0.08, peers 0.01: ratio 8, must be <= 1.5 (2 of 5 failed, 1 may)".
    const std::string& why() const noexcept { return why_; }
    /// From the beginning: a person wants it judged again.
    void restart(base::Time now);

private:
    void conclude();

    Metric metric_;
    base::Time due_;
    Verdict verdict_ = Verdict::Running;
    std::string why_;
    std::int64_t taken_ = 0;
    std::int64_t failed_ = 0;
    std::int64_t unclear_ = 0;
    std::int64_t in_a_row_ = 0;
};

/// The middle of several; of an even number the mean of the two in the middle. Nothing of nothing.
std::optional<double> median(std::vector<double> values);

/// Why the text of `pass` compares with no number, or nothing.
std::optional<std::string> objection_to_condition(std::string_view text);

} // namespace workflows::engine
