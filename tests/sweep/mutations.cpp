// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// test_mutations LIBRARY SEEDS [SHARD SHARDS]: the engine, compiled with guards that can be switched off
// (workflows/engine/guard.hpp). Each one is, in turn, and the sweep must see a law break within so many
// seeds: else no law looks at what this guard guards.
#include "tests/fakes/stock_workflows.hpp"
#include "workflows/engine/guard.hpp"

#include <cstdlib>
#include <iostream>
#include <optional>

#ifndef TIERCEL_MUTATIONS
#error "this program is about guards that can be switched off"
#endif

namespace {

using namespace workflows::simulator;

/// The first seed that breaks a law without this guard, and none with it.
std::optional<Swept::Broken> first_broken(const std::vector<Workflow>& workflows, std::uint64_t seeds,
                                          std::string_view guard) {
    const auto scenario = [&](std::uint64_t seed) {
        return any_scenario(workflows, seed);
    };
    for (std::uint64_t next = 1; next <= seeds;) {
        workflows::engine::switched_off = guard;
        const Swept without = sweep(scenario, next, seeds - next + 1, 1, 1);
        if (without.broken.empty()) {
            return std::nullopt;
        }
        next = without.broken.front().seed + 1;
        workflows::engine::switched_off = "";
        if (sweep(scenario, without.broken.front().seed, 1).broken.empty()) {
            return without.broken.front();
        }
    }
    return std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
    namespace engine = workflows::engine;
    if (argc != 3 && argc != 5) {
        std::cerr << "usage: test_mutations LIBRARY SEEDS [SHARD SHARDS]\n";
        return 2;
    }
    const std::vector<Workflow> workflows = tests::workflows_of(argv[1]);
    const std::uint64_t seeds = std::strtoull(argv[2], nullptr, 10);
    const std::size_t shard = argc == 5 ? std::strtoull(argv[3], nullptr, 10) - 1 : 0;
    const std::size_t shards = argc == 5 ? std::strtoull(argv[4], nullptr, 10) : 1;
    bool good = !workflows.empty();
    for (std::size_t index = shard; index < engine::guards.size(); index += shards) {
        engine::times_asked = {};
        const std::optional<Swept::Broken> broken = first_broken(workflows, seeds, engine::guards[index]);
        good = good && broken;
        if (broken) {
            std::cout << "ok      " << engine::guards[index] << ": seed " << broken->seed << " of "
                      << broken->workflow << ", " << broken->law << "\n";
        } else {
            std::cout << "MISSED  " << engine::guards[index] << ": asked " << engine::times_asked[index]
                      << " times in " << seeds << " seeds, and no law broke\n";
        }
    }
    if (!engine::at_two_places.empty()) {
        std::cout << "MISSED  " << engine::at_two_places << " stands at two places; give each its own name\n";
        return 1;
    }
    return good ? 0 : 1;
}
