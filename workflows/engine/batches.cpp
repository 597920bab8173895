// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/batches.hpp"

#include "workflows/engine/capacity.hpp"
#include "workflows/engine/guard.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace workflows::engine {
namespace {

// The candidates of one component in one zone.
struct Share {
    base::ComponentName component;
    std::vector<std::size_t> pending;
    std::set<std::size_t> ill;
    std::size_t total = 0; ///< those taken before included
    std::size_t taken = 0;
};

struct Zone {
    std::string name;
    std::vector<Share> shares; ///< by their first candidate
    std::size_t targets = 0;
};

std::vector<Zone> zones_of(const std::vector<Desired>& targets, const std::vector<Candidate>& candidates,
                           const std::string& label) {
    std::map<std::string, Zone> zones;
    for (const Candidate& candidate : candidates) {
        const Desired& target = targets[candidate.place];
        const bool together = TIERCEL_GUARD("one-zone-at-a-time", label.empty());
        const std::string name = together ? "" : label_of(target, label);
        Zone& zone = zones.try_emplace(name, Zone{name, {}, 0}).first->second;
        ++zone.targets;
        auto share = std::find_if(zone.shares.begin(), zone.shares.end(),
                                  [&](const Share& one) { return one.component == target.target.component; });
        if (share == zone.shares.end()) {
            share = zone.shares.insert(zone.shares.end(), Share{target.target.component, {}, {}, 0, 0});
        }
        ++share->total;
        if (candidate.taken) {
            ++share->taken;
        } else {
            share->pending.push_back(candidate.place);
            if (candidate.ill) {
                share->ill.insert(candidate.place);
            }
        }
    }
    std::vector<Zone> list;
    for (auto& [name, zone] : zones) {
        list.push_back(std::move(zone));
    }
    std::stable_sort(list.begin(), list.end(),
                     [](const Zone& left, const Zone& right) { return left.targets < right.targets; });
    return list;
}

// One of each value in turn, values by name.
std::vector<std::size_t> by_turns(const std::vector<Desired>& targets, const std::vector<std::size_t>& places,
                                  const std::string& label) {
    std::map<std::string, std::vector<std::size_t>> domains;
    for (const std::size_t place : places) {
        domains[label_of(targets[place], label)].push_back(place);
    }
    std::vector<std::size_t> order;
    for (std::size_t turn = 0; order.size() < places.size(); ++turn) {
        for (const auto& [value, members] : domains) {
            if (turn < members.size()) {
                order.push_back(members[turn]);
            }
        }
    }
    return order;
}

std::string explain(const Share& share, const Portion& entry, bool several) {
    return (several ? share.component.str() + ": " : "") + entry.explain_up(share.total);
}

void append(std::string& text, const std::string& more) {
    text += (text.empty() ? "" : "; ") + more;
}

CutBatch window_over(const Zone& zone, const Cut& how, bool several) {
    CutBatch batch;
    batch.zone = zone.name;
    for (const Share& share : zone.shares) {
        if (share.pending.empty()) {
            continue;
        }
        batch.members.insert(batch.members.end(), share.pending.begin(), share.pending.end());
        std::string widths;
        for (const Portion& entry : how.ramp) {
            widths += (widths.empty() ? "a window of " : ", then ") + entry.explain_up(share.total);
        }
        append(batch.arithmetic, (several ? share.component.str() + ": " : "") + widths);
    }
    return batch;
}

} // namespace

std::vector<CutBatch> cut(const std::vector<Desired>& targets, const std::vector<Candidate>& candidates,
                          const Cut& how) {
    std::vector<CutBatch> batches;
    for (Zone& zone : zones_of(targets, candidates, how.zone)) {
        const std::size_t before = batches.size();
        const bool several = zone.shares.size() > 1;
        if (!how.spread.empty()) {
            for (Share& share : zone.shares) {
                share.pending = by_turns(targets, share.pending, how.spread);
            }
        }
        for (Share& share : zone.shares) {
            std::stable_partition(share.pending.begin(), share.pending.end(),
                                  [&](std::size_t place) { return share.ill.contains(place); });
        }
        if (how.sliding) {
            batches.push_back(window_over(zone, how, several));
        }
        for (std::size_t entry = 0; entry < how.ramp.size() && !how.sliding; ++entry) {
            CutBatch batch;
            batch.zone = zone.name;
            batch.entry = entry;
            for (Share& share : zone.shares) {
                const std::size_t wanted = how.ramp[entry].rounded_up(share.total);
                if (wanted <= share.taken) {
                    continue;
                }
                append(batch.arithmetic, explain(share, how.ramp[entry], several));
                auto end = share.pending.begin();
                for (; end != share.pending.end() && TIERCEL_GUARD("ramp", share.taken < wanted); ++end) {
                    batch.members.push_back(*end);
                    ++share.taken;
                }
                share.pending.erase(share.pending.begin(), end);
            }
            batches.push_back(std::move(batch));
        }
        std::erase_if(batches, [](const CutBatch& batch) { return batch.members.empty(); });
        if (batches.size() > before) {
            batches.back().last_of_zone = true;
        }
    }
    return batches;
}

std::size_t window_width(const std::vector<Portion>& ramp, std::size_t total, std::size_t passed) {
    std::size_t needed = 0;
    for (const Portion& entry : ramp) {
        const std::size_t width = entry.rounded_up(total);
        needed += width;
        if (passed < needed) {
            return width;
        }
    }
    return ramp.back().rounded_up(total);
}

} // namespace workflows::engine
