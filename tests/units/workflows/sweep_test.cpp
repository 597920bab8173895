// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A sweep that is over in a second; tests/sweep has the long ones. TIERCEL_SWEEP gives another number of
// seeds, TIERCEL_SEED one seed, whose story is printed.
#include "tests/catch.hpp"
#include "tests/fakes/stock_workflows.hpp"

#include <cstdlib>
#include <iostream>

using namespace workflows::simulator;

namespace {

const std::vector<Workflow>& stock() {
    static const std::vector<Workflow> all =
        tests::workflows_of(std::string(TIERCEL_SOURCE) + "/workflows/library");
    return all;
}

std::uint64_t number(const char* name, std::uint64_t absent) {
    const char* text = std::getenv(name);
    return text == nullptr ? absent : std::strtoull(text, nullptr, 10);
}

} // namespace

TEST_CASE("no law breaks in thousands of random fleets",
          "[law-1][law-2][law-3][law-4][law-5][law-6][law-7][law-8][law-9][law-10][law-15]") {
    if (const std::uint64_t seed = number("TIERCEL_SEED", 0); seed != 0) {
        const Played played = play(any_scenario(stock(), seed), nullptr, true);
        std::cout << played.story;
        CHECK(played.broken == std::vector<std::string>{});
        return;
    }
    const Swept swept = sweep([](std::uint64_t seed) { return any_scenario(stock(), seed); }, 1,
                              number("TIERCEL_SWEEP", 2000));
    for (const Swept::Broken& broken : swept.broken) {
        FAIL_CHECK("TIERCEL_SEED=" << broken.seed << " workflow " << broken.workflow << ": " << broken.law);
    }
    // A sweep that never gets anywhere proves nothing.
    for (const char* outcome : {"succeeded", "succeeded_with_left_out", "stopped", "rolled_back",
                                "rollback_failed", "cancelled", "refused", "needs_person"}) {
        INFO(outcome);
        CHECK(swept.outcomes.count(outcome) == 1);
    }
    CHECK(swept.outcomes.count("not ended") == 0);
}

TEST_CASE("the same seed gives the same story, word for word", "[law-7]") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const std::string story = play(any_scenario(stock(), seed), nullptr, true).story;
        CHECK_FALSE(story.empty());
        CHECK(story == play(any_scenario(stock(), seed), nullptr, true).story);
    }
}
