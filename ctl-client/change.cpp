// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/change.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <array>
#include <utility>

namespace ctl_client {
namespace {

constexpr std::array<std::pair<Change::State, std::string_view>, 6> state_words{
    {{Change::State::Prepared, "prepared"},
     {Change::State::Forward, "forward"},
     {Change::State::Back, "back"},
     {Change::State::Done, "done"},
     {Change::State::Undone, "undone"},
     {Change::State::Quarantined, "quarantined"}}};

std::string_view word(Change::State state) {
    for (const auto& [known, text] : state_words) {
        if (known == state) {
            return text;
        }
    }
    throw base::Error(base::Fault::Internal, "a change is in no known state");
}

Change::State state_from(std::string_view text) {
    for (const auto& [known, name] : state_words) {
        if (name == text) {
            return known;
        }
    }
    throw base::Error(base::Fault::Corrupt, "'{}' is no state of a change, in the client's journal", text);
}

base::Value package_list(const std::vector<HeldPackage>& packages) {
    base::Array list;
    for (const HeldPackage& package : packages) {
        list.push_back(base::Object{{"nevra", package.identity.nevra.str()},
                                    {"header_digest", package.identity.header_digest},
                                    {"file", package.file.str()},
                                    {"bytes", package.bytes}});
    }
    return list;
}

std::vector<HeldPackage> read_packages(const base::Fields& fields, std::string_view key) {
    std::vector<HeldPackage> packages;
    for (const base::Fields& package : fields.records(key)) {
        packages.push_back({{base::Nevra::parse(package.text("nevra")), package.text("header_digest")},
                            base::Digest::parse(package.text("file")),
                            static_cast<std::uint64_t>(package.whole("bytes", 0, INT64_MAX))});
    }
    return packages;
}

constexpr std::string_view columns = "SELECT id, component, order_id, run, kind, from_generation, "
                                     "to_generation, state, attempts, reason, packages FROM transactions ";

} // namespace

void Changes::record(Change& change) {
    base::Transaction transaction(database_);
    base::Statement newest = database_.prepare("SELECT COALESCE(MAX(sequence), 0) + 1 FROM transactions");
    newest.step();
    const std::int64_t sequence = newest.whole(0);
    newest.reset();
    // Random: an id that was used before must not be mistaken for this one's leftovers, also after the
    // journal was lost.
    base::Statement taken = database_.prepare("SELECT 1 FROM transactions WHERE id = ?");
    do {
        const std::string random = base::random_bytes(4);
        change.id = 0;
        for (const char byte : random) {
            change.id = change.id << 8 | static_cast<unsigned char>(byte);
        }
        taken.with(change.id);
    } while (change.id == 0 || taken.step());
    taken.reset();
    const base::Object packages{{"before", package_list(change.before.packages)},
                                {"before_absent", change.before.absent},
                                {"after", package_list(change.after.packages)},
                                {"after_absent", change.after.absent}};
    database_
        .prepare("INSERT INTO transactions (id, sequence, component, order_id, run, kind, from_generation, "
                 "to_generation, state, packages) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .with(change.id, sequence, change.component, change.order, change.run,
              change.is_undo ? "undo" : "apply", change.from_generation, change.to_generation,
              word(Change::State::Prepared), base::to_json(packages))
        .run();
    base::Statement insert = database_.prepare(
        "INSERT INTO transaction_files (transaction_id, side, path, bytes, mode, owner, grp, first_missing) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    const auto record_files = [&](std::string_view side, const std::vector<FileState>& files) {
        for (const FileState& file : files) {
            insert.reset();
            insert.bind(1, std::int64_t{change.id}).bind(2, side).bind(3, file.path);
            if (file.bytes) {
                insert.bind_blob(4, *file.bytes);
            } else {
                insert.bind_null(4);
            }
            insert.bind(5, std::int64_t{file.mode})
                .bind(6, std::int64_t{file.owner})
                .bind(7, std::int64_t{file.group})
                .bind(8, file.first_missing);
            insert.run();
        }
    };
    record_files("before", change.before.files);
    record_files("after", change.after.files);
    change.state = Change::State::Prepared;
    transaction.commit();
}

void Changes::update(const Change& change) {
    database_.prepare("UPDATE transactions SET state = ?, attempts = ?, reason = ? WHERE id = ?")
        .with(word(change.state), change.attempts, change.reason, change.id)
        .run();
}

Change Changes::read(base::Statement& row) const {
    Change change;
    change.id = static_cast<std::uint32_t>(row.whole(0));
    change.component = row.text(1);
    change.order = row.text(2);
    change.run = row.text(3);
    change.is_undo = row.text(4) == "undo";
    change.from_generation = row.is_null(5) ? std::nullopt : std::optional(row.whole(5));
    change.to_generation = row.is_null(6) ? std::nullopt : std::optional(row.whole(6));
    change.state = state_from(row.text(7));
    change.attempts = static_cast<int>(row.whole(8));
    change.reason = row.text(9);
    const base::Value document = base::parse_json(row.text(10), "transaction");
    const base::Fields fields(document, "transaction");
    change.before.packages = read_packages(fields, "before");
    change.before.absent = fields.texts("before_absent");
    change.after.packages = read_packages(fields, "after");
    change.after.absent = fields.texts("after_absent");
    base::Statement files =
        database_.prepare("SELECT side, path, bytes, mode, owner, grp, first_missing FROM transaction_files "
                          "WHERE transaction_id = ? ORDER BY path");
    files.with(change.id);
    while (files.step()) {
        FileState file;
        file.path = files.text(1);
        if (!files.is_null(2)) {
            file.bytes = files.text(2);
        }
        file.mode = static_cast<mode_t>(files.whole(3));
        file.owner = static_cast<uid_t>(files.whole(4));
        file.group = static_cast<gid_t>(files.whole(5));
        file.first_missing = files.text(6);
        (files.text(0) == "before" ? change.before : change.after).files.push_back(std::move(file));
    }
    return change;
}

std::optional<Change> Changes::of_order(const std::string& order) const {
    base::Statement row =
        database_.prepare(std::string(columns) + "WHERE order_id = ? ORDER BY sequence DESC LIMIT 1");
    row.with(order);
    return row.step() ? std::optional(read(row)) : std::nullopt;
}

std::vector<Change> Changes::unfinished() const {
    std::vector<Change> changes;
    base::Statement row = database_.prepare(
        std::string(columns) + "WHERE state IN ('prepared', 'forward', 'back') ORDER BY sequence");
    while (row.step()) {
        changes.push_back(read(row));
    }
    return changes;
}

std::vector<Change> Changes::standing(const std::string& component) const {
    std::vector<Change> changes;
    base::Statement row =
        database_.prepare(std::string(columns) + "WHERE component = ? AND kind = 'apply' AND undone = 0 AND "
                                                 "state IN ('done', 'quarantined') ORDER BY sequence");
    row.with(component);
    while (row.step()) {
        changes.push_back(read(row));
    }
    return changes;
}

std::vector<Change> Changes::standing_beside(const std::string& component, const std::string& run) const {
    std::vector<Change> changes;
    base::Statement row = database_.prepare(
        std::string(columns) + "WHERE component <> ? AND run = ? AND kind = 'apply' AND undone = 0 AND "
                               "state IN ('done', 'quarantined') ORDER BY sequence");
    row.with(component, run);
    while (row.step()) {
        changes.push_back(read(row));
    }
    return changes;
}

void Changes::mark_undone(std::uint32_t id) {
    database_.prepare("UPDATE transactions SET undone = 1 WHERE id = ?").with(id).run();
}

} // namespace ctl_client
