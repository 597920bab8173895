// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room: how its children are started and taken leave of.
#pragma once

#include "base/descriptor.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <spawn.h>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace base {

/// Both ends are close-on-exec and above the standard streams. @throws Error{Fault::Unavailable}
struct Pipe {
    Descriptor read{-1};
    Descriptor write{-1};

    Pipe();
};

/// posix_spawn with what every child of ours gets: its own process group, default signals, nothing but its
/// standard streams. It is vfork inside, so a large parent costs nothing, and it returns the reason when exec
/// fails.
class Spawn {
public:
    Spawn();
    ~Spawn();
    Spawn(const Spawn&) = delete;
    Spawn& operator=(const Spawn&) = delete;

    /// This end becomes the child's stream 0, 1 or 2; what is not connected is inherited.
    void connect(const Descriptor& end, int stream);
    /// @throws Error{Fault::NotFound} when it is no directory.
    void enter(const std::filesystem::path& directory);
    /// @throws Error{Fault::NotFound} when it cannot be executed.
    pid_t start(const std::vector<std::string>& argv,
                const std::optional<std::map<std::string, std::string>>& environment = {});

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

/// Waits for the child's end. The exit code (128 + signal), and the signal when it died of one.
std::pair<int, std::optional<int>> reap(pid_t child);

} // namespace base
