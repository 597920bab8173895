// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// Something that happened to a run; replaying a run's entries in order gives the run again.
struct JournalEntry {
    std::int64_t number = 0;
    base::Time time;
    std::string actor;
    base::Value event; ///< workflows::engine::to_value
};

/// A line of the story that followers see.
struct NoteRecord {
    std::int64_t sequence = 0; ///< global: a follower resumes after the last one it has seen
    base::Time time;
    std::optional<std::string> run;
    std::string message;
    std::string level = "info";
    std::string actor;
    std::optional<std::string> target;
    base::Value fields = base::Object();

    base::Value to_value() const;
};

/// Tables `events` and `notes`. Writes belong into the caller's transaction: an event and all its
/// consequences are one.
class Journal {
public:
    explicit Journal(base::Database& database) : database_(database) {}

    void append(const std::string& run, const JournalEntry& entry);
    std::vector<JournalEntry> entries(const std::string& run) const;

    /// Returns its sequence.
    std::int64_t note(const NoteRecord& note);
    /// Notes of a run after a sequence, in order, at most `limit`.
    std::vector<NoteRecord> notes(const std::string& run, std::int64_t after, int limit) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
