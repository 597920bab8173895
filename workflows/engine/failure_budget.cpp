// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/failure_budget.hpp"

#include "base/error.hpp"
#include "workflows/engine/capacity.hpp"
#include "workflows/engine/guard.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace workflows::engine {
namespace {

constexpr Portion everybody{true, 100'000};

// Unlike other portions: none may fail, too.
Portion portion(const base::Fields& fields, std::string_view key) {
    const base::Value& value = *fields.any(key);
    if (FailureBudget::is_none(value)) {
        return {false, 0};
    }
    if (value.whole() != nullptr && *value.whole() < 0) {
        fields.fail(key, fmt::format("'{}' is {}, but must be at least 0", key, *value.whole()));
    }
    try {
        return Portion::read(value);
    } catch (const base::Error& error) {
        fields.fail(key, fmt::format("'{}': {}", key, error.message()));
    }
}

std::optional<Portion> maybe(const base::Fields& fields, std::string_view key) {
    return fields.has(key) ? std::optional(portion(fields, key)) : std::nullopt;
}

} // namespace

FailureBudget FailureBudget::read(const base::Fields& fields, std::string_view key) {
    FailureBudget budget;
    if (!fields.has(key)) {
        return budget;
    }
    if (fields.any(key)->object() == nullptr) {
        budget.most_total_ = portion(fields, key);
        return budget;
    }
    const base::Fields record = *fields.record(key);
    // Who says where failures may be does not also have to say how many in all.
    budget.most_total_ = maybe(record, "total").value_or(everybody);
    budget.most_batch_ = maybe(record, "batch");
    budget.most_component_ = maybe(record, "component");
    if (const std::optional<base::Fields> domain = record.record("domain")) {
        budget.label_ = domain->text("label");
        budget.most_domain_ = maybe(*domain, "max");
        if (!budget.most_domain_) {
            domain->fail("max", "'max' is missing; write domain = { label = \"rack\", max = 1 }");
        }
        domain->finish();
    }
    record.finish();
    return budget;
}

bool FailureBudget::is_none(const base::Value& value) noexcept {
    const std::string* text = value.text();
    return (value.whole() != nullptr && *value.whole() == 0) ||
           (text != nullptr && (*text == "0" || *text == "0%"));
}

FailureBudget FailureBudget::unlimited() {
    FailureBudget budget;
    budget.most_total_ = everybody;
    return budget;
}

std::vector<std::pair<FailureBudget::Tally*, std::string>> FailureBudget::tallies(const Desired& target,
                                                                                  std::size_t batch) {
    const base::ComponentName& component = target.target.component;
    std::vector<std::pair<Tally*, std::string>> list = {{&total_, ""}};
    list.emplace_back(&batches_[batch], " in this batch");
    list.emplace_back(&components_[component], fmt::format(" in component '{}'", component));
    if (most_domain_) {
        const std::string value = label_of(target, label_);
        list.emplace_back(&domains_[value], fmt::format(" in {} '{}'", label_, value));
    }
    return list;
}

void FailureBudget::concerns(const Desired& target, std::size_t batch) {
    for (const auto& [tally, where] : tallies(target, batch)) {
        ++tally->concerned;
    }
}

void FailureBudget::failed(const Desired& target, std::size_t batch) {
    for (const auto& [tally, where] : tallies(target, batch)) {
        ++tally->failed;
    }
}

std::optional<std::string> FailureBudget::exceeded(const Desired& target, std::size_t batch) {
    const std::optional<Portion> most[] = {most_total_, most_batch_, most_component_, most_domain_};
    std::size_t which = 0;
    for (const auto& [tally, where] : tallies(target, batch)) {
        const std::optional<Portion>& limit = most[which++];
        if (!limit) {
            continue;
        }
        const auto may =
            static_cast<std::int64_t>(limit->rounded_down(static_cast<std::size_t>(tally->concerned)));
        if (!TIERCEL_GUARD("failure-budget", tally->failed <= may)) {
            return fmt::format("{} of {} failed{}, {} may", tally->failed, tally->concerned, where, may);
        }
    }
    return std::nullopt;
}

void FailureBudget::forgiven(const Desired& target, std::size_t batch) {
    for (const auto& [tally, where] : tallies(target, batch)) {
        --tally->failed;
    }
}

base::Value FailureBudget::to_value() const {
    if (!most_batch_ && !most_component_ && !most_domain_) {
        return most_total_.to_value();
    }
    base::Object record{{"total", most_total_.to_value()}};
    if (most_batch_) {
        record.set("batch", most_batch_->to_value());
    }
    if (most_component_) {
        record.set("component", most_component_->to_value());
    }
    if (most_domain_) {
        record.set("domain", base::Object{{"label", label_}, {"max", most_domain_->to_value()}});
    }
    return record;
}

} // namespace workflows::engine
