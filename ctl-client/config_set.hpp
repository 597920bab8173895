// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "ctl-client/change.hpp"

#include <filesystem>
#include <string>

namespace ctl_client {

/// Config files below a root, whose symbolic links lead nowhere else: looked at, and put into place one by
/// one, each with a single durable rename. A set of them is made whole after a crash by putting it again.
/// Owners are set only when we are root.
class ConfigSet {
public:
    ConfigSet(base::Files& files, std::filesystem::path root) : files_(files), root_(std::move(root)) {}

    /// What is there now. @throws base::Error{Conflict} when something else than a plain file has the name.
    FileState look(const std::string& path) const;
    /// What `file` shall be on this host. @throws base::Error{Input} when its owner or group is unknown in
    /// the root.
    FileState wanted(const ConfigFile& file) const;
    bool is(const FileState& wanted) const;
    void put(const FileState& wanted);
    /// Removes what a killed `put` of this path left beside it.
    void clear_leftovers(const std::string& path);

private:
    std::filesystem::path place(const std::string& path) const {
        return base::followed_inside(root_, path, base::LastLink::Kept);
    }

    base::Files& files_;
    std::filesystem::path root_;
};

} // namespace ctl_client
