// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "ctl-client/generation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ctl_client {

/// One config file as it is, or shall be, on the host.
struct FileState {
    std::string path;                 ///< below the root, absolute
    std::optional<std::string> bytes; ///< nothing: there is no such file
    mode_t mode = 0;
    uid_t owner = 0;
    gid_t group = 0;
    std::string first_missing; ///< of an absent file: its topmost directory that did not exist either
};

/// The part of a host that one change touches.
struct HostState {
    std::vector<HeldPackage> packages; ///< installed, exactly these
    std::vector<std::string> absent;   ///< names of packages that are not installed
    std::vector<FileState> files;
};

/// A change of the host from `before` to `after`, both recorded in full before the first step: whatever
/// happens, the node can go either way from what it holds, without network.
struct Change {
    enum class State {
        Prepared,    ///< nothing was done yet
        Forward,     ///< on the way to `after`
        Back,        ///< on the way to `before`
        Done,        ///< `after`, looked at and synced
        Undone,      ///< `before`, looked at and synced
        Quarantined, ///< neither, after all tries: a person is needed
    };
    std::uint32_t id = 0; ///< librpm's transaction id: names its temporary files
    std::string component;
    std::string order;
    std::string run;
    bool is_undo = false;
    std::optional<std::int64_t> from_generation;
    std::optional<std::int64_t> to_generation;
    HostState before;
    HostState after;
    State state = State::Prepared;
    int attempts = 0;
    std::string reason; ///< why it did not end in Done
};

/// The journal of changes. Every write is durable on return. Thread: the database's.
class Changes {
public:
    explicit Changes(base::Database& database) : database_(database) {}

    /// Gives the change its id and records it as Prepared.
    void record(Change& change);
    /// The next step of its life, with attempts and reason.
    void update(const Change& change);
    std::optional<Change> of_order(const std::string& order) const;
    /// Those that are neither Done, Undone nor Quarantined, oldest first.
    std::vector<Change> unfinished() const;
    /// Applied changes (Done or Quarantined) of a component that were not undone yet, oldest first.
    std::vector<Change> standing(const std::string& component) const;
    /// What stands of a run's changes of all other components, oldest first.
    std::vector<Change> standing_beside(const std::string& component, const std::string& run) const;
    void mark_undone(std::uint32_t id);

private:
    Change read(base::Statement& row) const;

    base::Database& database_;
};

} // namespace ctl_client
