// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/drain.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace ctl_client {

bool Drain::drain(const std::string& component, const std::optional<Generation>& generation) {
    std::vector<rpm::Drain> drains;
    for (const rpm::About& about : generation ? generation->abouts : std::vector<rpm::About>{}) {
        if (about.drain) {
            drains.push_back(*about.drain);
        }
    }
    if (drains.empty()) {
        return false;
    }
    base::Duration wait{0};
    for (const rpm::Drain& drain : drains) {
        database_.prepare("INSERT OR IGNORE INTO markers (component, path) VALUES (?, ?)")
            .with(component, drain.marker)
            .run();
        files_.make_directories(std::filesystem::path(drain.marker).parent_path());
        files_.write(drain.marker, "drained by ctl-client\n");
        wait = std::max(wait, drain.wait);
    }
    pause_(wait);
    return true;
}

bool Drain::undrain(const std::string& component) {
    std::vector<std::string> markers;
    base::Statement row = database_.prepare("SELECT path FROM markers WHERE component = ?");
    row.with(component);
    while (row.step()) {
        markers.push_back(row.text(0));
    }
    for (const std::string& marker : markers) {
        files_.remove(marker);
        database_.prepare("DELETE FROM markers WHERE component = ? AND path = ?")
            .with(component, marker)
            .run();
    }
    return !markers.empty();
}

bool Drain::drained(const std::string& component) const {
    base::Statement row = database_.prepare("SELECT 1 FROM markers WHERE component = ?");
    row.with(component);
    return row.step();
}

} // namespace ctl_client
