// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace base {

enum class LogLevel { Debug, Info, Warning, Error };

/// One line on standard error: JSON `{"time":…,"level":…,"message":…, fields…}`, or text when it is a
/// terminal. `message` is constant for each place that logs; what varies goes into fields (docs/logs.md lists
/// them). Thread: any.
void log(LogLevel level, std::string_view message,
         std::initializer_list<std::pair<std::string, Value>> fields = {});
/// What is below it is not written; Info by default.
void set_log_level(LogLevel level) noexcept;

} // namespace base
