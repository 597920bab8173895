// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "dispatcher/protocol/orders.hpp"
#include "workflows/engine/run.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// Table `once_commands`: the commands of runs that are to run once, or that are irreversible, and have
/// succeeded, or may have. Writes belong into the caller's transaction.
class OnceCommands {
public:
    explicit OnceCommands(base::Database& database) : database_(database) {}

    void ran(const std::string& run, const workflows::engine::CommandRan& ran);
    /// A report of the run's order of this number. When it is about a command of which nobody knew how it
    /// ended, it is known from now on.
    void heard(const std::string& run, std::int64_t number, const protocol::Report& report);
    /// Those that are to run once, in this run alone, in the order in which they did.
    std::vector<workflows::engine::DoneOnce> of(const std::string& run) const;

    struct Crossed {
        std::string what; ///< "command 'drop' of shop/db on db-1, in run 01J… (shop/2.0)"
        bool known;       ///< that it has succeeded
    };
    /// The first irreversible command that has succeeded, or may have, since the application was brought to
    /// this release last; not those that the release's own runs have carried out.
    std::optional<Crossed> crossed(const std::string& environment, const std::string& application,
                                   const std::string& release) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
