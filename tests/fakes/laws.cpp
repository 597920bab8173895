// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/laws.hpp"

namespace tests {

using namespace workflows::engine;

Laws::Laws(Fleet& fleet, std::map<base::ComponentName, std::size_t> limits)
    : laws_(fleet), limits_(std::move(limits)) {
    fleet.watch = [this](const Event& event, const std::vector<Effect>& effects) {
        laws_.see(event, effects);
    };
}

void Laws::at_end() {
    laws_.at_end();
    broken = laws_.broken;
    for (const auto& group : laws_.blast_radius().groups()) {
        for (const auto& [component, limit] : limits_) {
            if (group.name == component.str() && group.most_out > limit) {
                broken.push_back(fmt::format("law 4: {} of {} were out of service, {} may be", group.most_out,
                                             group.name, limit));
            }
        }
    }
}

} // namespace tests
