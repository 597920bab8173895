// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace base {

/// One prepared SQLite statement. `bind` from 1; text and blobs are copied. Made by Database::prepare; must
/// not outlive it.
class Statement {
public:
    ~Statement();
    Statement(Statement&&) noexcept;
    Statement& bind(int at, std::int64_t number);
    Statement& bind(int at, std::string_view text);
    Statement& bind_blob(int at, std::string_view bytes);
    Statement& bind_null(int at);
    /// Binds all in order, from 1: int64, string_view, std::optional of them, nullptr.
    template <class... Values> Statement& with(const Values&... values) {
        reset();
        int at = 0;
        (bind_any(++at, values), ...);
        return *this;
    }
    /// True while there is a row. @throws Error{Conflict} on a constraint, Error{Unavailable} when busy or
    /// the disk is full, Error{Corrupt}.
    bool step();
    /// Steps to the end, resets.
    void run();
    void reset();
    std::int64_t whole(int column) const;
    std::string text(int column) const; ///< also for blobs
    bool is_null(int column) const;

    struct State;
    explicit Statement(std::unique_ptr<State> state);

private:
    void bind_any(int at, std::nullptr_t) { bind_null(at); }
    void bind_any(int at, std::string_view text) { bind(at, text); }
    void bind_any(int at, const std::string& text) { bind(at, std::string_view(text)); }
    void bind_any(int at, const char* text) { bind(at, std::string_view(text)); }
    template <class Whole>
    requires std::is_integral_v<Whole>
    void bind_any(int at, Whole number) { bind(at, static_cast<std::int64_t>(number)); }
    template <class T> void bind_any(int at, const std::optional<T>& value) {
        if (value) {
            bind_any(at, *value);
        } else {
            bind_null(at);
        }
    }
    std::unique_ptr<State> state_;
};

/// A SQLite database in WAL mode with synchronous=FULL (an acknowledged row survives a power cut; NORMAL lost
/// 100 of 100), foreign keys on, busy timeout 5 s. Thread: one at a time.
class Database {
public:
    /// Creates the file (0600) when missing, then brings the schema up: `migrations[n]` takes PRAGMA
    /// user_version from n to n + 1, each in one transaction; a file that is not new is copied to
    /// `<file>.before-<n>` first, n being the version it has.
    /// `before_migrating` looks at a file that is not new and of an older version; what it throws leaves the
    /// file as it is.
    /// @throws Error{Fault::Input} when the file is newer than this program, Error{Fault::Corrupt} when it is
    /// no database.
    Database(const std::filesystem::path& file, const std::vector<std::string_view>& migrations,
             const std::function<void(Database&)>& before_migrating = {});
    ~Database();
    Database(Database&&) noexcept;

    Statement prepare(std::string_view sql);
    /// Several statements, no parameters, no rows.
    void execute(std::string_view sql);
    std::int64_t last_row_id() const;

    struct State;
    State& state() noexcept { return *state_; }

private:
    std::unique_ptr<State> state_;
};

/// BEGIN IMMEDIATE now, ROLLBACK at the end of scope unless commit() was called.
class Transaction {
public:
    explicit Transaction(Database& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

private:
    Database& database_;
    bool open_ = true;
};

} // namespace base
