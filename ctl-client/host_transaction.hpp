// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "ctl-client/change.hpp"
#include "ctl-client/config_set.hpp"
#include "ctl-client/generations.hpp"
#include "ctl-client/packages.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ctl_client {

/// Takes a component's packages and config from one state to another, or back: both or none, also when the
/// client, the helper or the machine dies at any instant in between. rpm is not transactional, so the steps
/// are
///
///     record     before and after in full, Prepared          nothing is touched yet
///     forward    Forward; rpm transaction; config by atomic renames; sync
///     look       installed set, duplicates, leftovers, files' digests, config bytes: never an exit code
///     done       Done and the new current generation, in one commit
///
/// A second try replaces packages by themselves. What still is not `after` goes back to `before`, with the
/// same steps; what is neither after `tries` is quarantined and touched no more. `recover` does the same for
/// what a killed client left. Services are not touched. Thread: one; blocks for as long as rpm does.
class HostTransaction {
public:
    static constexpr int tries = 3; ///< in each direction

    HostTransaction(base::Database& database, Generations& generations, const StateDirectory& state,
                    Packages& packages, base::Files& files, std::filesystem::path root)
        : database_(database), changes_(database), generations_(generations), state_(state),
          packages_(packages), config_(files, root), root_(std::move(root)) {}

    /// What keeps `to` from being applied by this run: problems of the test transaction, a package without a
    /// way back, a package that another application's component holds in another version, a config file that
    /// another component brings, too. Changes nothing.
    std::vector<std::string> objections(const Generation& to, const std::string& run);
    /// Applies a recorded generation. The change's state is Done, Undone (with the reason) or Quarantined.
    Change apply(const std::string& order, const std::string& run, const Generation& to);
    /// Back to what was before this run's changes of the component; nothing when there are none.
    /// @throws base::Error{Conflict} when another run changed the component after it.
    std::optional<Change> undo(const std::string& order, const std::string& run,
                               const std::string& component);
    /// Finishes what a killed client began, one way or the other.
    void recover();
    std::optional<Change> of_order(const std::string& order) const { return changes_.of_order(order); }
    /// The run of the newest change that can be undone; for `ctl-client undo`.
    std::optional<std::string> newest_run(const std::string& component) const;
    /// True when `undo` of this run would do something.
    bool can_undo(const std::string& run, const std::string& component) const;
    /// The state that `undo` would restore, without looking at the host.
    std::optional<std::int64_t> generation_before(const std::string& run, const std::string& component) const;

    /// sha256 over the sorted lines `package <nevra> <header digest>` and `config <path> <sha256> <mode>` of
    /// the component's current generation, as they are on the host. What this run has done there for other
    /// components, with which it may share a package, counts as not done: it is no surprise to the run.
    base::Digest present(const std::string& component, const std::string& run = {});
    /// What differs between the current generation and the host, as sentences; empty: nothing.
    std::vector<std::string> drift(const std::string& component);

private:
    HostState target(const Generation& to);
    /// What is there of what `after` touches. With `way_back` each package must be one that can be brought
    /// back; without, what is not counts as absent: an undo may start from ruins. @throws
    /// base::Error{Conflict}
    HostState before(const HostState& after, bool way_back);
    std::vector<Change> standing_of_run(const std::string& run, const std::string& component) const;
    Change run(Change change);
    void move_to(const HostState& state, const Change& change, bool again);
    std::vector<std::string> difference(const HostState& state, const Change& change);
    bool is_in(const HostState& state, const Change& change);
    /// Tries once; an empty text when the host is in this state afterwards, else why not.
    std::string attempt(const HostState& state, Change& change);
    void finish(Change& change, Change::State state);
    rpm::Scope scope(const Change& change) const;
    std::vector<std::filesystem::path> staged(const std::vector<HeldPackage>& packages) const;
    void sync() const;
    bool held_by_another(const std::string& component, const std::string& package) const;
    bool brought_by_another(const std::string& component, const std::string& path) const;

    base::Database& database_;
    Changes changes_;
    Generations& generations_;
    const StateDirectory& state_;
    Packages& packages_;
    ConfigSet config_;
    std::filesystem::path root_;
};

} // namespace ctl_client
