// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/database.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace base {

namespace {

namespace fs = std::filesystem;

using Connection = Handle<sqlite3, sqlite3_close_v2>;
using Prepared = Handle<sqlite3_stmt, sqlite3_finalize>;
using Backup = Handle<sqlite3_backup, sqlite3_backup_finish>;

Fault fault_of(int code) noexcept {
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return Fault::Conflict;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return Fault::Corrupt;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return Fault::Denied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
        return Fault::Unavailable;
    default:
        return Fault::Internal;
    }
}

std::string_view path_of(sqlite3* connection) noexcept {
    const char* path = sqlite3_db_filename(connection, "main");
    return path == nullptr ? "" : path;
}

/// The statement's text, never its parameters: they may be secrets.
[[noreturn]] void fail(sqlite3* connection, std::string_view sql) {
    throw Error(fault_of(sqlite3_extended_errcode(connection)), "database '{}': {}, in '{}'",
                path_of(connection), sqlite3_errmsg(connection), sql.substr(0, 200));
}

void execute_on(sqlite3* connection, std::string_view sql) {
    if (sqlite3_exec(connection, std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        fail(connection, sql);
    }
}

} // namespace

struct Statement::State {
    sqlite3* connection;
    Prepared prepared;

    std::string_view sql() const noexcept { return sqlite3_sql(prepared.get()); }
    void check(int code) const {
        if (code != SQLITE_OK) {
            fail(connection, sql());
        }
    }
};

Statement::Statement(std::unique_ptr<State> state) : state_(std::move(state)) {}
Statement::~Statement() = default;
Statement::Statement(Statement&&) noexcept = default;

Statement& Statement::bind(int at, std::int64_t number) {
    state_->check(sqlite3_bind_int64(state_->prepared.get(), at, number));
    return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
    // An empty view may point nowhere, and SQLite takes that for NULL.
    const char* bytes = text.data() == nullptr ? "" : text.data();
    state_->check(
        sqlite3_bind_text64(state_->prepared.get(), at, bytes, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
    const char* start = bytes.data() == nullptr ? "" : bytes.data();
    state_->check(sqlite3_bind_blob64(state_->prepared.get(), at, start, bytes.size(), SQLITE_TRANSIENT));
    return *this;
}

Statement& Statement::bind_null(int at) {
    state_->check(sqlite3_bind_null(state_->prepared.get(), at));
    return *this;
}

bool Statement::step() {
    sqlite3_stmt* prepared = state_->prepared.get();
    const int code = sqlite3_step(prepared);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code == SQLITE_DONE) {
        sqlite3_reset(prepared); // gives back its lock, and lets the next bind work
        return false;
    }
    try {
        fail(state_->connection, state_->sql());
    } catch (...) {
        sqlite3_reset(prepared);
        throw;
    }
}

void Statement::run() {
    while (step()) {
    }
}

void Statement::reset() {
    sqlite3_reset(state_->prepared.get()); // repeats the error of the last step, which was thrown there
}

std::int64_t Statement::whole(int column) const {
    return sqlite3_column_int64(state_->prepared.get(), column);
}

std::string Statement::text(int column) const {
    sqlite3_stmt* prepared = state_->prepared.get();
    // As a blob SQLite gives the bytes of either kind as they are stored; only numbers must become text
    // first.
    if (const int type = sqlite3_column_type(prepared, column);
        type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
        sqlite3_column_text(prepared, column);
    }
    const void* bytes = sqlite3_column_blob(prepared, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(prepared, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(state_->prepared.get(), column) == SQLITE_NULL;
}

struct Database::State {
    fs::path file;
    Connection connection;
};

namespace {

[[noreturn]] void fail_on_file(const fs::path& file, std::string_view what, int error_number) {
    const Fault fault = error_number == EACCES   ? Fault::Denied
                        : error_number == ENOENT ? Fault::NotFound
                                                 : Fault::Unavailable;
    throw Error(fault, "database '{}' cannot be {}: {}", file.native(), what, system_reason(error_number));
}

/// SQLite would create it readable for all; its journal files take the mode of this one.
void create_file(const fs::path& file, int more_flags) {
    const Descriptor created(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | more_flags, 0600));
    if (!created) {
        fail_on_file(file, "opened", errno);
    }
}

void sync(const fs::path& path) {
    const Descriptor opened(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened || ::fsync(opened.get()) != 0) {
        fail_on_file(path, "synced", errno);
    }
}

Connection open_connection(const fs::path& file) {
    sqlite3* raw = nullptr;
    // Its own mutexes are not needed: one thread at a time is this class's rule.
    const int code =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Connection connection(raw);
    if (code != SQLITE_OK) {
        throw Error(fault_of(code), "database '{}' cannot be opened: {}", file.native(),
                    sqlite3_errstr(code));
    }
    sqlite3_extended_result_codes(raw, 1);
    return connection;
}

Connection open_or_create(const fs::path& file) {
    const bool existed = ::access(file.c_str(), F_OK) == 0;
    create_file(file, 0);
    if (!existed) {
        sync(file.parent_path());
    }
    return open_connection(file);
}

std::int64_t number(Database& database, std::string_view sql) {
    Statement statement = database.prepare(sql);
    statement.step();
    return statement.whole(0);
}

void configure(Database& database) {
    sqlite3_busy_timeout(database.state().connection.get(), 5000);
    Statement journal = database.prepare("PRAGMA journal_mode = WAL");
    journal.step();
    if (journal.text(0) != "wal") {
        throw Error(Fault::Unavailable, "database '{}' cannot have a write-ahead log on its file system",
                    database.state().file.native());
    }
    journal.reset();
    database.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF");
}

/// Through SQLite, because half of the rows may still stand in the write-ahead log.
void copy_before(const Database::State& state, std::int64_t version) {
    const fs::path copy = state.file.native() + fmt::format(".before-{}", version);
    const fs::path unfinished = copy.native() + ".part";
    create_file(unfinished, O_TRUNC);
    {
        const Connection target = open_connection(unfinished);
        Backup backup(sqlite3_backup_init(target.get(), "main", state.connection.get(), "main"));
        if (!backup) {
            fail(target.get(), "backup");
        }
        const int code = sqlite3_backup_step(backup.get(), -1);
        if (code != SQLITE_DONE) {
            throw Error(fault_of(code), "database '{}' cannot be copied to '{}': {}", state.file.native(),
                        copy.native(), sqlite3_errstr(code));
        }
    }
    sync(unfinished);
    if (::rename(unfinished.c_str(), copy.c_str()) != 0) {
        fail_on_file(copy, "written", errno);
    }
    sync(copy.parent_path());
}

void migrate(Database& database, const std::vector<std::string_view>& migrations,
             const std::function<void(Database&)>& before_migrating) {
    const auto newest = static_cast<std::int64_t>(migrations.size());
    const auto current = [&] {
        const std::int64_t version = number(database, "PRAGMA user_version");
        if (version < 0 || version > newest) {
            throw Error(
                Fault::Input,
                "database '{}' has schema {}, but this program knows schema {} at most; use a newer program",
                database.state().file.native(), version, newest);
        }
        return version;
    };
    std::int64_t version = current();
    const bool is_new = version == 0 && number(database, "SELECT count(*) FROM sqlite_schema") == 0;
    if (version < newest && !is_new) {
        if (before_migrating) {
            before_migrating(database);
        }
        copy_before(database.state(), version);
    }
    while (version < newest) {
        try {
            Transaction transaction(database);
            version = current(); // another process may have been here between our look and our lock
            if (version < newest) {
                database.execute(migrations[static_cast<std::size_t>(version)]);
                database.execute(fmt::format("PRAGMA user_version = {}", version + 1));
                transaction.commit();
                ++version;
            }
        } catch (Error& error) {
            error.during(fmt::format("bringing its schema from {} to {}", version, version + 1));
            throw;
        }
    }
}

} // namespace

Database::Database(const fs::path& file, const std::vector<std::string_view>& migrations,
                   const std::function<void(Database&)>& before_migrating)
    : state_(std::make_unique<State>(State{file, open_or_create(file)})) {
    configure(*this);
    migrate(*this, migrations, before_migrating);
}

Database::~Database() = default;
Database::Database(Database&&) noexcept = default;

Statement Database::prepare(std::string_view sql) {
    sqlite3* connection = state_->connection.get();
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    if (sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &raw, &rest) != SQLITE_OK) {
        fail(connection, sql);
    }
    Prepared prepared(raw);
    if (raw == nullptr || std::string_view(rest, sql.data() + sql.size()).find_first_not_of(" \t\n;") !=
                              std::string_view::npos) {
        throw Error(Fault::Internal, "database '{}': '{}' is not exactly one statement",
                    state_->file.native(), sql.substr(0, 200));
    }
    return Statement(std::make_unique<Statement::State>(Statement::State{connection, std::move(prepared)}));
}

void Database::execute(std::string_view sql) {
    execute_on(state_->connection.get(), sql);
}

std::int64_t Database::last_row_id() const {
    return sqlite3_last_insert_rowid(state_->connection.get());
}

Transaction::Transaction(Database& database) : database_(database) {
    database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    // Where SQLite has rolled back by itself, as on a full disk, there is nothing left to roll back.
    sqlite3* connection = database_.state().connection.get();
    if (open_ && sqlite3_get_autocommit(connection) == 0) {
        sqlite3_exec(connection, "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

void Transaction::commit() {
    database_.execute("COMMIT");
    open_ = false;
}

} // namespace base
