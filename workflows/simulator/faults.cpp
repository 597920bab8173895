// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/faults.hpp"

#include "base/error.hpp"

#include <utility>

namespace workflows::simulator {
namespace {

using namespace std::chrono_literals;

struct Profile {
    std::string_view name;
    Faults faults;
};

// docs/simulator.md has the same table.
const Profile table[] = {
    {"none", {}},
    {"light",
     {.refuses = 0.002,
      .silent = 0.0005,
      .slow = 0.005,
      .unchanged = 0.02,
      .fresh = 0.01,
      .twice = 0.01,
      .away = 0.005,
      .restarts = 0.005,
      .latency = 50ms,
      .late = 0.001,
      .duplicate_order = 0.001,
      .dispatcher_crashes = 0.2,
      .harsh = 0.05,
      .absent = 0.02,
      .measured_badly = 0.01}},
    {"rough",
     {.refuses = 0.02,
      .silent = 0.005,
      .slow = 0.03,
      .unchanged = 0.1,
      .fresh = 0.1,
      .twice = 0.05,
      .lies = 0.01,
      .away = 0.04,
      .dead = 0.005,
      .flaps = 0.02,
      .restarts = 0.03,
      .rack_cut = 0.03,
      .latency = 300ms,
      .late = 0.01,
      .duplicate_order = 0.01,
      .dispatcher_crashes = 1,
      .script_crashes = 0.05,
      .script_deaths = 0.01,
      .signals = 0.1,
      .harsh = 0.2,
      .absent = 0.05,
      .measured_badly = 0.1}},
    {"hostile",
     {.refuses = 0.15,
      .silent = 0.04,
      .slow = 0.15,
      .unchanged = 0.15,
      .fresh = 0.15,
      .twice = 0.2,
      .lies = 0.08,
      .away = 0.15,
      .dead = 0.04,
      .flaps = 0.08,
      .restarts = 0.1,
      .rack_cut = 0.1,
      .latency = 2s,
      .late = 0.1,
      .duplicate_order = 0.1,
      .dispatcher_crashes = 3,
      .script_crashes = 0.2,
      .script_deaths = 0.04,
      .signals = 0.3,
      .harsh = 0.4,
      .absent = 0.1,
      .measured_badly = 0.4}},
};

} // namespace

const std::vector<std::string>& Faults::profiles() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const Profile& profile : table) {
            list.emplace_back(profile.name);
        }
        return list;
    }();
    return names;
}

Faults Faults::profile(std::string_view name) {
    for (const Profile& profile : table) {
        if (profile.name == name) {
            return profile.faults;
        }
    }
    throw base::Error(base::Fault::Input, "'{}' is no profile of faults; there are: {}{}", name,
                      fmt::join(profiles(), ", "), base::hint(name, profiles()));
}

} // namespace workflows::simulator
