// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/node.hpp"

#include <algorithm>

namespace workflows::simulator {

using engine::OrderKind;

Behaviour::Journaled* Behaviour::find(std::int64_t order) noexcept {
    const auto found = std::find_if(journal.rbegin(), journal.rend(),
                                    [&](const Journaled& entry) { return entry.order == order; });
    return found == journal.rend() ? nullptr : &*found;
}

base::Duration Behaviour::takes(OrderKind kind) const noexcept {
    const auto found = slow.find(kind);
    return found == slow.end() ? base::Duration(std::chrono::seconds(1)) : found->second;
}

engine::Reported Behaviour::carry_out(std::int64_t order, OrderKind kind, const std::string& name) {
    if (const auto refusal = refuses.find(kind); refusal != refuses.end() && refusal->second.times > 0) {
        --refusal->second.times;
        base::Value detail;
        if (kind == OrderKind::Command && refusal->second.code == "failed") {
            ran.push_back(name); // it ran, and did not end well
            detail = base::Object{{"exit_code", 1}, {"changed", false}, {"output", ""}};
        }
        return {order, false, refusal->second.code, refusal->second.reason, std::move(detail)};
    }
    did.push_back(kind);
    if (kind == OrderKind::Probe && down) {
        return {order, false, "failed", "its services are stopped", nullptr};
    }
    base::Object detail;
    switch (kind) {
    case OrderKind::Prepare:
        detail = {{"changed", changed}, {"installed", installed}, {"present", "sha256:present"}};
        if (!differs.empty()) {
            detail.set(differs, base::Array{base::Object{}});
        }
        break;
    case OrderKind::Drain:
        drained = drains;
        detail = {{"drained", drains}};
        break;
    case OrderKind::Apply:
        release = "new";
        break;
    case OrderKind::Restart:
        down = false;
        running = release;
        break;
    case OrderKind::Undrain:
        detail = {{"undrained", drained}};
        drained = false;
        break;
    case OrderKind::Undo:
        std::erase_if(refuses, [](const auto& one) { return one.second.of_release; });
        down = false;
        release = running = installed ? "old" : "none";
        break;
    case OrderKind::Stop:
        down = true;
        detail = {{"stopped", base::Array{"service"}}};
        break;
    case OrderKind::Start:
        down = false;
        running = release;
        detail = {{"started", base::Array{"service"}}};
        break;
    case OrderKind::Command:
        ran.push_back(name);
        detail = {{"exit_code", 0}, {"changed", changed}, {"output", ""}, {"duration", "1s"}};
        break;
    case OrderKind::Cancel:
        detail = {{"ended", base::Array{}}};
        break;
    case OrderKind::Measure:
        detail = {{"value", running == "new" ? measures_new : measures_old}};
        break;
    case OrderKind::Probe:
    case OrderKind::Settle:
        break;
    }
    base::Value said = std::move(detail);
    if (lies) {
        said = base::Array{1, "nonsense", nullptr};
    }
    return {order, true, "", "", std::move(said)};
}

} // namespace workflows::simulator
