// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "base/files.hpp"
#include "ctl-client/generation.hpp"

#include <functional>
#include <optional>
#include <string>

namespace ctl_client {

/// Takes a component out of its load balancers and lets it in again, by marker files that its service's
/// health URL looks at. A marker is in the journal before it exists, so that it is found and removed also
/// when the packages that named it are gone. Thread: the database's.
class Drain {
public:
    /// `pause` waits; tests give one that does not.
    Drain(base::Database& database, base::Files& files, std::function<void(base::Duration)> pause)
        : database_(database), files_(files), pause_(std::move(pause)) {}

    /// Creates the markers of the generation's packages and waits for the longest of their waits. False:
    /// nothing to drain.
    bool drain(const std::string& component, const std::optional<Generation>& generation);
    /// Removes the markers. False: there were none.
    bool undrain(const std::string& component);
    bool drained(const std::string& component) const;

private:
    base::Database& database_;
    base::Files& files_;
    std::function<void(base::Duration)> pause_;
};

} // namespace ctl_client
