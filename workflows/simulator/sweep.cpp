// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/sweep.hpp"

namespace workflows::simulator {

void Swept::add(const Swept& other) {
    seeds += other.seeds;
    events += other.events;
    for (const auto& [outcome, count] : other.outcomes) {
        outcomes[outcome] += count;
    }
    for (const auto& [workflow, count] : other.workflows) {
        workflows[workflow] += count;
    }
    broken.insert(broken.end(), other.broken.begin(), other.broken.end());
}

Swept sweep(const std::function<Scenario(std::uint64_t)>& scenario, std::uint64_t first, std::size_t count,
            std::uint64_t stride, std::size_t most_broken) {
    Swept swept;
    for (std::uint64_t seed = first; swept.seeds < count && swept.broken.size() < most_broken;
         seed += stride) {
        const Scenario one = scenario(seed);
        const Played played = play(one);
        ++swept.seeds;
        ++swept.outcomes[played.outcome];
        ++swept.workflows[one.input.workflow];
        swept.events += played.events;
        if (!played.broken.empty()) {
            swept.broken.push_back({seed, one.input.workflow, played.broken.front()});
        }
    }
    return swept;
}

Scenario any_scenario(const std::vector<Workflow>& workflows, std::uint64_t seed) {
    // Half of them made by chance: there are more of those than of any other.
    if (seed % 2 == 1) {
        return random_scenario(random_workflow(seed), seed);
    }
    const std::uint64_t choice = seed / 2 % (workflows.size() + 1);
    return choice < workflows.size() ? random_scenario(workflows[choice], seed) : random_rollback(seed);
}

} // namespace workflows::simulator
