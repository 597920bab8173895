// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/capacity.hpp"

#include "workflows/engine/guard.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace workflows::engine {

std::string label_of(const Desired& target, const std::string& label) {
    const base::Value* at = &target.document;
    for (const std::string_view key :
         {std::string_view("node"), std::string_view("labels"), std::string_view(label)}) {
        at = at->object() == nullptr ? nullptr : at->object()->find(key);
        if (at == nullptr) {
            return "(none)";
        }
    }
    return at->text() == nullptr ? "(none)" : *at->text();
}

Capacity::Capacity(const RunInput& input) : seats_(input.targets.size()) {
    std::map<std::pair<std::size_t, std::string>, std::size_t> domains; // budget, value → cap
    const auto domain_of = [&](const Desired& target, std::size_t which) {
        const std::string& per = input.budgets[which].per;
        return std::pair(which, per.empty() ? "" : label_of(target, per));
    };
    const std::set<Target> out(input.out.begin(), input.out.end());
    for (std::size_t at = 0; at < input.targets.size(); ++at) {
        const Desired& target = input.targets[at];
        const base::ComponentName& component = target.target.component;
        const auto [own, fresh] = own_.emplace(component, caps_.size());
        if (fresh) {
            caps_.push_back(
                {fmt::format("max_unavailable of component '{}'", component), {true, 25'000}, false});
        }
        seats_[at].caps.push_back(own->second);
        seats_[at].out_before = out.contains(target.target);
        for (std::size_t which = 0; which < input.budgets.size(); ++which) {
            const Budget& budget = input.budgets[which];
            if (budget.component != component) {
                continue;
            }
            const auto [domain, unseen] = domains.emplace(domain_of(target, which), caps_.size());
            if (unseen) {
                caps_.push_back({budget.per.empty()
                                     ? fmt::format("the policy's budget of component '{}'", component)
                                     : fmt::format("the policy's budget of component '{}' in {} '{}'",
                                                   component, budget.per, domain->first.second),
                                 budget.max_unavailable, true, !budget.per.empty()});
            }
            seats_[at].caps.push_back(domain->second);
        }
    }
    for (const Desired& bystander : input.bystanders) {
        for (std::size_t which = 0; which < input.budgets.size(); ++which) {
            const auto domain = domains.find(domain_of(bystander, which));
            if (input.budgets[which].component == bystander.target.component && domain != domains.end()) {
                ++caps_[domain->second].installed;
                caps_[domain->second].out += out.contains(bystander.target) ? 1 : 0;
            }
        }
    }
}

void Capacity::count(Seat& seat, bool out, bool ill) {
    for (const std::size_t at : seat.caps) {
        Cap& cap = caps_[at];
        cap.out -= seat.out || (cap.policy && seat.ill) ? 1 : 0;
        cap.out += out || (cap.policy && ill) ? 1 : 0;
    }
    seat.out = out;
    seat.ill = ill;
}

void Capacity::installed(std::size_t target) {
    Seat& seat = seats_[target];
    if (std::exchange(seat.installed, true)) {
        return;
    }
    if (seat.missing) { // it came late
        count_missing(seat, false);
        seat.missing.reset();
    }
    for (const std::size_t at : seat.caps) {
        ++caps_[at].installed;
    }
    count(seat, seat.out, seat.out_before);
}

void Capacity::missing(std::size_t target, bool away) {
    Seat& seat = seats_[target];
    seat.missing = away || seat.out_before;
    count_missing(seat, true);
}

void Capacity::count_missing(const Seat& seat, bool counts) {
    for (const std::size_t at : seat.caps) {
        Cap& cap = caps_[at];
        const std::size_t installed = cap.policy ? 1 : 0;
        const std::size_t out = cap.policy && *seat.missing ? 1 : 0;
        cap.installed = counts ? cap.installed + installed : cap.installed - installed;
        cap.out = counts ? cap.out + out : cap.out - out;
    }
}

std::size_t Capacity::installed(const base::ComponentName& component) const {
    const auto own = own_.find(component);
    return own == own_.end() ? 0 : caps_[own->second].installed;
}

void Capacity::limit(const base::ComponentName& component, const Portion& max_unavailable) {
    if (const auto own = own_.find(component); own != own_.end()) {
        caps_[own->second].most = max_unavailable;
    }
}

void Capacity::set_out(std::size_t target, bool out) {
    Seat& seat = seats_[target];
    if (seat.out != out) {
        count(seat, out, seat.ill);
    }
}

void Capacity::healed(std::size_t target) {
    Seat& seat = seats_[target];
    if (seat.ill) {
        count(seat, seat.out, false);
    }
}

Capacity::Room Capacity::room(std::size_t target) const noexcept {
    const Seat& seat = seats_[target];
    Room room = Room::Yes;
    if (lifted_ || seat.out) {
        return room;
    }
    for (const std::size_t at : seat.caps) {
        const Cap& cap = caps_[at];
        const bool fits = cap.policy ? TIERCEL_GUARD("policy-budget", seat.ill || !full(cap))
                                     : TIERCEL_GUARD("max-unavailable", !full(cap));
        if (!fits && !cap.domain) {
            return Room::No;
        }
        room = fits ? room : Room::NotInDomain;
    }
    return room;
}

std::string Capacity::explain(std::size_t target) const {
    for (const std::size_t at : seats_[target].caps) {
        const Cap& cap = caps_[at];
        if (full(cap) && !(cap.policy && seats_[target].ill)) {
            return fmt::format("{} is used up by targets that {} ({})", cap.what,
                               cap.policy ? "are out of service" : "failed",
                               cap.most.explain_limit(cap.installed));
        }
    }
    return "there is room";
}

} // namespace workflows::engine
