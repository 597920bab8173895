// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// What the caller can do about a failure. HTTP status, exit code and retry are one table each over this.
enum class Fault {
    Input,       ///< the request is wrong; repeating it cannot help
    NotFound,    ///< the thing named does not exist
    Conflict,    ///< the state moved on; read again, then decide
    Denied,      ///< the caller may not do this
    Unavailable, ///< a neighbour is away; retry later
    Corrupt,     ///< stored or received data fails its own checks
    Internal,    ///< a defect of ours
};

/// The one exception of this project. The message follows the grammar "subject, fact, place, next step",
/// lower case, no full stop, names in quotes.
class Error : public std::exception {
public:
    Error(Fault fault, std::string message) : fault_(fault), message_(std::move(message)) {}

    template <class First, class... Rest>
    Error(Fault fault, fmt::format_string<First, Rest...> format, First&& first, Rest&&... rest)
        : fault_(fault),
          message_(fmt::format(format, std::forward<First>(first), std::forward<Rest>(rest)...)) {}

    Fault fault() const noexcept { return fault_; }
    const char* what() const noexcept override { return message_.c_str(); }
    const std::string& message() const noexcept { return message_; }

    /// Adds ", while <doing>" and returns itself: `catch (Error& error) { error.during("reading plan");
    /// throw; }`.
    Error& during(std::string_view doing) {
        message_ += ", while ";
        message_ += doing;
        return *this;
    }

private:
    Fault fault_;
    std::string message_;
};

/// Lower-case word for logs, JSON and the wire: "input", "not-found", "conflict" …
std::string_view word(Fault fault) noexcept;
/// The reverse of `word`; an unknown word is Internal.
Fault fault_from(std::string_view word) noexcept;
/// The exit code of docs/cli.md for a failure that no run explains: 1 internal; 2 input, not found,
/// corrupt; 6 conflict, denied; 7 unavailable.
int exit_code(Fault fault) noexcept;
/// The message of the current errno, as "No such file or directory". Call before anything else touches errno.
std::string system_reason(int error_number);

} // namespace base
