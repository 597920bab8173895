// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/settings.hpp"

#include "base/toml.hpp"

#include <fmt/format.h>

#include <array>

namespace dispatcher {

namespace {

constexpr std::array<std::pair<std::string_view, base::LogLevel>, 4> levels{
    {{"debug", base::LogLevel::Debug},
     {"info", base::LogLevel::Info},
     {"warning", base::LogLevel::Warning},
     {"error", base::LogLevel::Error}}};

base::LogLevel level_of(const base::Fields& fields) {
    const std::string text = fields.text("log_level", "info");
    for (const auto& [word, level] : levels) {
        if (word == text) {
            return level;
        }
    }
    fields.fail("log_level",
                fmt::format("'log_level' is '{}', but must be debug, info, warning or error", text));
}

base::Duration positive(const base::Fields& fields, std::string_view key, base::Duration absent) {
    const base::Duration duration = fields.duration(key, absent);
    if (duration < std::chrono::milliseconds(100)) {
        fields.fail(key, fmt::format("'{}' is {}, but must be at least 100ms", key, base::to_text(duration)));
    }
    return duration;
}

} // namespace

Settings Settings::read(const std::filesystem::path& file, const base::Files& files) {
    Settings settings;
    if (file.empty()) {
        return settings;
    }
    const base::Value document = base::parse_toml(files.read(file), file.string());
    const base::Fields fields(document, file.string());
    settings.log_level = level_of(fields);
    settings.heartbeat = positive(fields, "heartbeat", settings.heartbeat);
    settings.backoff = positive(fields, "backoff", settings.backoff);
    settings.idle = positive(fields, "idle", settings.idle);
    settings.connections = static_cast<std::size_t>(
        fields.whole("connections", 1, 1'000'000, static_cast<std::int64_t>(settings.connections)));
    fields.finish();
    return settings;
}

} // namespace dispatcher
