// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <unistd.h>

namespace base {

namespace {

std::atomic<LogLevel> least{LogLevel::Info};

std::string_view word(LogLevel level) noexcept {
    constexpr std::array<std::string_view, 4> words{"debug", "info", "warning", "error"};
    return words.at(static_cast<std::size_t>(level));
}

using LogFields = std::initializer_list<std::pair<std::string, Value>>;

std::string as_json(std::string_view time, LogLevel level, std::string_view message,
                    const LogFields& fields) {
    Object line{{"time", time}, {"level", word(level)}, {"message", message}};
    for (const auto& [name, value] : fields) {
        line.set(name, value);
    }
    return to_json(std::move(line)) + "\n";
}

std::string as_text(std::string_view time, LogLevel level, std::string_view message,
                    const LogFields& fields) {
    // People look at the clock, not at the calendar: "12:06:44 warning: message  key=value".
    std::string line = fmt::format("{} ", time.substr(11, 8));
    if (level != LogLevel::Info) {
        line += fmt::format("{}: ", word(level));
    }
    line += message;
    for (const auto& [name, value] : fields) {
        line += fmt::format("  {}={}", name, to_json(value));
    }
    return line + "\n";
}

} // namespace

void set_log_level(LogLevel level) noexcept {
    least = level;
}

void log(LogLevel level, std::string_view message, LogFields fields) {
    if (level < least) {
        return;
    }
    static const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
    const std::string time = to_rfc3339(SystemClock().now());
    const std::string line =
        on_terminal ? as_text(time, level, message, fields) : as_json(time, level, message, fields);
    // One line at a time, also when the system takes it in pieces. A log that cannot be written is nobody's
    // failure.
    static std::mutex one_at_a_time;
    const std::lock_guard guard(one_at_a_time);
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

} // namespace base
