// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/simulator/scenario.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace workflows::simulator {

/// What came of many seeds.
struct Swept {
    std::size_t seeds = 0;
    std::int64_t events = 0;
    std::map<std::string, std::size_t> outcomes;
    std::map<std::string, std::size_t> workflows; ///< how many seeds each one had
    struct Broken {
        std::uint64_t seed;
        std::string workflow;
        std::string law; ///< the first one that broke
    };
    std::vector<Broken> broken;

    void add(const Swept& other);
};

/// Plays the scenarios of `count` seeds: first, first + stride … . Ends early after so many broken ones.
/// Several threads may each sweep seeds of their own.
/// @throws base::Error as `scenario` does.
Swept sweep(const std::function<Scenario(std::uint64_t)>& scenario, std::uint64_t first, std::size_t count,
            std::uint64_t stride = 1, std::size_t most_broken = 10);

/// A small random fleet with one of these workflows, or with one made by chance (random_workflow), or a
/// native rollback: what the product's own tests sweep over.
Scenario any_scenario(const std::vector<Workflow>& workflows, std::uint64_t seed);

/// A workflow with every option that there is, by chance; now and then one that fails in the middle.
Workflow random_workflow(std::uint64_t seed);
/// What somebody makes of its text who mends it.
std::string without_faults(std::string source);

} // namespace workflows::simulator
