// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// simulate_bench LIBRARY: a large fleet once without and once with faults, and small ones by the second.
#include "tests/fakes/stock_workflows.hpp"
#include "workflows/simulator/fleet.hpp"

#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

namespace {

using namespace workflows::simulator;

double since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

double peak_mebibytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

// With faults some nodes are always away: the run goes on without them.
const Workflow careful{
    "careful",
    "return workflow { run = function(ctx)\n ctx:preflight { quorum = '80%' }\n"
    " for _, level in ipairs(ctx.levels) do\n"
    "  ctx:update(level, { ramp = { 1, '20%', '100%' }, soak = '30s', max_failures = '20%' })\n"
    " end\nend }",
    workflows::engine::RunKind::Deploy};

void large(std::size_t nodes, const std::string& faults) {
    const auto began = std::chrono::steady_clock::now();
    Scenario scenario{Fleet::of_levels(4, nodes).input(careful, {}),
                      careful.source,
                      Faults::profile(faults),
                      7,
                      {},
                      {},
                      {},
                      std::nullopt};
    const Played played = play(scenario);
    const double seconds = since(began);
    std::cout << fmt::format(
        "{} nodes, 4 levels, faults {:<7} {:6.2f} s  {:4.0f} MiB peak  {} events, {:.0f} "
        "a second  {} {}\n",
        nodes, faults, seconds, peak_mebibytes(), played.events, static_cast<double>(played.events) / seconds,
        played.outcome, played.broken.empty() ? "" : played.broken.front());
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<Workflow> workflows = tests::workflows_of(argv[1]);
    const std::size_t nodes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000;
    large(nodes, "none");
    large(nodes, "light");
    const auto began = std::chrono::steady_clock::now();
    const Swept swept = sweep([&](std::uint64_t seed) { return any_scenario(workflows, seed); }, 1, 2000);
    std::cout << fmt::format("small fleets: {:.0f} seeds a second on one core, {:.0f} events a second\n",
                             static_cast<double>(swept.seeds) / since(began),
                             static_cast<double>(swept.events) / since(began));
    return swept.broken.empty() ? 0 : 1;
}
