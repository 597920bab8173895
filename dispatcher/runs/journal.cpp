// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/journal.hpp"

#include "base/json.hpp"

namespace dispatcher::runs {

base::Value NoteRecord::to_value() const {
    return base::Object{{"sequence", sequence},
                        {"time", base::to_rfc3339(time)},
                        {"run", run ? base::Value(*run) : base::Value()},
                        {"message", message},
                        {"level", level},
                        {"actor", actor},
                        {"target", target ? base::Value(*target) : base::Value()},
                        {"fields", fields}};
}

void Journal::append(const std::string& run, const JournalEntry& entry) {
    database_.prepare("INSERT INTO events (run, number, time, actor, event) VALUES (?, ?, ?, ?, ?)")
        .with(run, entry.number, base::to_rfc3339(entry.time), entry.actor, base::to_json(entry.event))
        .run();
}

std::vector<JournalEntry> Journal::entries(const std::string& run) const {
    base::Statement rows =
        database_.prepare("SELECT number, time, actor, event FROM events WHERE run = ? ORDER BY number");
    rows.with(run);
    std::vector<JournalEntry> entries;
    while (rows.step()) {
        entries.push_back({rows.whole(0), base::from_rfc3339(rows.text(1)), rows.text(2),
                           base::parse_json(rows.text(3), "journal of run " + run)});
    }
    return entries;
}

std::int64_t Journal::note(const NoteRecord& note) {
    database_
        .prepare("INSERT INTO notes (time, run, message, level, actor, target, fields) VALUES (?, ?, ?, ?, "
                 "?, ?, ?)")
        .with(base::to_rfc3339(note.time), note.run, note.message, note.level, note.actor, note.target,
              base::to_json(note.fields))
        .run();
    return database_.last_row_id();
}

std::vector<NoteRecord> Journal::notes(const std::string& run, std::int64_t after, int limit) const {
    base::Statement rows =
        database_.prepare("SELECT sequence, time, message, level, actor, target, fields FROM notes "
                          "WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?");
    rows.with(run, after, limit);
    std::vector<NoteRecord> notes;
    while (rows.step()) {
        NoteRecord note;
        note.sequence = rows.whole(0);
        note.time = base::from_rfc3339(rows.text(1));
        note.run = run;
        note.message = rows.text(2);
        note.level = rows.text(3);
        note.actor = rows.text(4);
        note.target = rows.is_null(5) ? std::nullopt : std::optional<std::string>(rows.text(5));
        note.fields = base::parse_json(rows.text(6), "note");
        notes.push_back(std::move(note));
    }
    return notes;
}

} // namespace dispatcher::runs
