// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

using Duration = std::chrono::milliseconds;

/// "30s", "500ms", "2m", "1h30m", "1d". @throws Error{Fault::Input} without a place: `'30' is not a duration;
/// write '30s'`.
Duration parse_duration(std::string_view text);
/// The shortest exact form that parse_duration reads: "1m30s".
std::string to_text(Duration duration);

/// Reads one record member by member and then refuses what nobody asked for.
///
/// Errors are Fault::Input and say file, line, key and what is wanted:
/// `package.toml:7: 'mode' is a number, but must be a string`, `package.toml:3: unknown key 'sumary'; did you
/// mean 'summary'?`, `package.toml: 'name' is missing`; in a record inside it `package.toml:12: 'files[0].to'
/// is missing` (lists count from 0). A JSON null counts as absent wherever absence is allowed. The Value must
/// outlive the Fields.
class Fields {
public:
    /// `file` names the document in errors; `inside` the record in it ("files[2]"), empty for the root.
    /// @throws Error{Fault::Input} if the value is not a record.
    Fields(const Value& record, std::string file, std::string inside = {});

    /// There, and not null.
    bool has(std::string_view key) const;
    /// The raw value, or nullptr when absent.
    const Value* any(std::string_view key) const;
    std::string text(std::string_view key) const;
    std::string text(std::string_view key, std::string absent) const;
    std::optional<std::string> maybe_text(std::string_view key) const;
    std::int64_t whole(std::string_view key, std::int64_t low, std::int64_t high) const;
    std::int64_t whole(std::string_view key, std::int64_t low, std::int64_t high, std::int64_t absent) const;
    bool flag(std::string_view key, bool absent) const;
    Duration duration(std::string_view key, Duration absent) const;
    /// A list of strings; absent is empty.
    std::vector<std::string> texts(std::string_view key) const;
    /// A record; absent is std::nullopt.
    std::optional<Fields> record(std::string_view key) const;
    /// A list of records; absent is empty.
    std::vector<Fields> records(std::string_view key) const;
    /// The members of this record, for records whose keys are names chosen by the writer; marks all as known.
    const std::vector<Member>& members() const;
    /// Declares a key known without reading it.
    void know(std::string_view key) const;

    /// @throws Error{Fault::Input} for the first key that was never asked for, with the nearest known one.
    void finish() const;
    /// An Error{Fault::Input} `file:line: <message>` at this key (or at the record when the key is absent or
    /// empty).
    [[noreturn]] void fail(std::string_view key, std::string_view message) const;

    const std::string& file() const noexcept { return file_; }
    int line() const noexcept;
    int line_of(std::string_view key) const noexcept;

private:
    /// The key with the record that it is in: "files[2].to".
    std::string path(std::string_view key) const;
    const Value& needed(std::string_view key) const;
    [[noreturn]] void fail_at(int line, std::string_view message) const;

    const Value* value_;
    std::string file_;
    std::string inside_;
    mutable std::vector<std::string> known_;
};

/// The member of `known` that is nearest to `word` by edit distance, if it is near enough to be a slip of the
/// pen.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

/// The end of a sentence about an unknown word: "; did you mean 'soak'?", or nothing when none is near.
std::string hint(std::string_view word, const std::vector<std::string>& known);

/// "did you mean 'noarch'?", or else "there are noarch, x86_64".
std::string hint_or_list(std::string_view word, const std::vector<std::string>& known);

/// `text`, the value of `key`, which must be one of these. @throws Error{Fault::Input} "'noarhc' is no
/// architecture; did you mean 'noarch'?"
std::string one_of(const Fields& fields, std::string_view key, std::string text,
                   const std::vector<std::string>& known, std::string_view what);

} // namespace base
