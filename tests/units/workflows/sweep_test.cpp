// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Thousands of small random fleets; every law is checked after every event. TIERCEL_SWEEP gives another
// number of seeds, TIERCEL_SEED one seed, whose story is printed.
#include "tests/catch.hpp"
#include "tests/fakes/laws.hpp"

#include <cstdlib>
#include <iostream>
#include <random>

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

// Of std only the engine is the same everywhere; distributions are not.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    int roll(int sides) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(sides)); }
    bool chance(int percent) { return roll(100) < percent; }

private:
    std::mt19937_64 engine_;
};

std::string options(Dice& dice, std::size_t& limit_count, bool& limit_share) {
    static const char* const ramps[] = {"", "ramp = { 1, '100%' }, ", "ramp = { 1, '20%', '100%' }, ",
                                        "ramp = { '50%', '100%' }, ", "ramp = { 2 }, "};
    static const char* const failing[] = {"rollback-all", "rollback-batch", "stop"};
    std::string text = ramps[dice.roll(5)];
    text += "max_failures = " + std::to_string(dice.roll(4)) + ", soak = '" +
            std::to_string(dice.roll(3) * 15) + "s', on_failure = '" + failing[dice.roll(3)] + "', ";
    limit_share = dice.chance(40);
    limit_count = static_cast<std::size_t>(1 + dice.roll(4));
    if (!limit_share) {
        text += "max_unavailable = " + std::to_string(limit_count);
    }
    return text;
}

void misbehave(Fleet& fleet, const Target& target, Dice& dice, int percent) {
    static const OrderKind kinds[] = {OrderKind::Prepare, OrderKind::Drain, OrderKind::Apply,
                                      OrderKind::Restart, OrderKind::Probe, OrderKind::Undrain,
                                      OrderKind::Undo,    OrderKind::Settle};
    static const char* const codes[] = {"failed", "refused", "inconclusive", "quarantined", "unreachable",
                                        "stale",  ""};
    Behaviour& node = fleet.at(target);
    node.changed = !dice.chance(15);
    node.installed = !dice.chance(15);
    node.drains = !dice.chance(15);
    for (const OrderKind kind : kinds) {
        if (dice.chance(percent)) {
            node.refuses[kind] = {codes[dice.roll(7)], dice.chance(50) ? 1 : 1000};
        }
        if (dice.chance(percent / 3)) {
            node.silent.insert(kind);
        }
        if (dice.chance(percent)) {
            node.slow[kind] = std::chrono::seconds(dice.roll(900));
        }
    }
    node.answers_twice = dice.chance(percent);
    node.lies = dice.chance(percent / 3);
    if (dice.chance(percent)) {
        const base::Duration from = std::chrono::seconds(dice.roll(60));
        fleet.away(target.node.str(), from, from + std::chrono::seconds(1 + dice.roll(1200)));
    }
}

struct Ending {
    std::vector<std::string> broken;
    std::string outcome;
    std::string told;
};

Ending sweep(std::uint64_t seed) {
    Dice dice(seed);
    std::vector<int> levels;
    for (int level = 1 + dice.roll(3); level > 0; --level) {
        levels.push_back(1 + dice.roll(7));
    }
    const RunKind kind = dice.chance(15) ? RunKind::Rollback : RunKind::Deploy;
    std::size_t count = 1;
    bool share = true;
    const std::string script =
        update_all(options(dice, count, share), dice.chance(50) ? "{ quorum = '50%', deadline = '5m' }" : "");
    Fleet fleet(fleet_input(levels, kind), kind == RunKind::Rollback ? "" : script);
    static const int percents[] = {0, 2, 5, 15, 40};
    const int percent = percents[dice.roll(5)];
    std::map<base::ComponentName, std::size_t> installed;
    for (const Desired& desired : fleet.run().input().targets) {
        misbehave(fleet, desired.target, dice, percent);
        const Behaviour& node = fleet.at(desired.target);
        installed[desired.target.component] += node.installed || node.lies ? 1 : 0;
    }
    std::map<base::ComponentName, std::size_t> limits;
    for (const auto& [component, number] : installed) {
        limits[component] = share || kind == RunKind::Rollback ? std::max<std::size_t>(1, number / 4) : count;
    }
    static const char* const verbs[] = {"pause", "resume", "cancel", "preempt"};
    while (dice.chance(25)) {
        fleet.signal(std::chrono::seconds(dice.roll(300)), verbs[dice.roll(4)]);
    }
    fleet.person(dice.chance(60) ? "resume" : "cancel");
    // A probe that never can judge would keep a person who only resumes busy for ever.
    for (const Desired& desired : fleet.run().input().targets) {
        for (auto& [kind_of_order, refusal] : fleet.at(desired.target).refuses) {
            refusal.times = refusal.code == "inconclusive" ? std::min(refusal.times, 3) : refusal.times;
        }
    }
    Laws laws(fleet, limits);
    Ending ending;
    try {
        fleet.drive();
        laws.at_end();
        ending.broken = laws.broken;
    } catch (const std::exception& error) {
        ending.broken.push_back(std::string("the engine raised: ") + error.what());
    }
    ending.outcome = fleet.outcome();
    ending.told = fleet.told();
    return ending;
}

std::uint64_t number(const char* name, std::uint64_t absent) {
    const char* text = std::getenv(name);
    return text == nullptr ? absent : std::strtoull(text, nullptr, 10);
}

} // namespace

TEST_CASE("no law breaks in thousands of random fleets",
          "[law-1][law-2][law-3][law-4][law-5][law-8][law-9][law-10][law-15]") {
    if (const std::uint64_t seed = number("TIERCEL_SEED", 0); seed != 0) {
        const Ending ending = sweep(seed);
        std::cout << ending.told;
        CHECK(ending.broken == std::vector<std::string>{});
        return;
    }
    std::map<std::string, int> outcomes;
    int failures = 0;
    const std::uint64_t seeds = number("TIERCEL_SWEEP", 2000);
    for (std::uint64_t seed = 1; seed <= seeds && failures < 10; ++seed) {
        const Ending ending = sweep(seed);
        ++outcomes[ending.outcome];
        if (!ending.broken.empty()) {
            ++failures;
            INFO("TIERCEL_SEED=" << seed);
            CHECK(ending.broken.front() == "");
        }
    }
    // A sweep that never gets anywhere proves nothing.
    for (const char* outcome : {"succeeded", "succeeded_with_left_out", "stopped", "rolled_back",
                                "rollback_failed", "cancelled", "refused"}) {
        INFO(outcome);
        CHECK(outcomes[outcome] > 0);
    }
    CHECK(outcomes["not ended"] == 0);
}

TEST_CASE("the same seed gives the same story, word for word", "[law-7]") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        CHECK(sweep(seed).told == sweep(seed).told);
    }
}
