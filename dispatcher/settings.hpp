// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "base/files.hpp"
#include "base/log.hpp"

#include <cstddef>
#include <filesystem>

namespace dispatcher {

/// What may change while the dispatcher runs: `--config FILE`, TOML, read at the start and on SIGHUP.
///
///     log_level   = "info"          # debug, info, warning, error
///     heartbeat   = "60s"           # each side of a link says something at least this often
///     backoff     = "5s"            # upper bound of a client's random pause before it connects again
///     idle        = "60s"           # a connection that asks nothing for this long is closed
///     connections = 20000           # more at the same time are not accepted
struct Settings {
    base::LogLevel log_level = base::LogLevel::Info;
    base::Duration heartbeat = std::chrono::seconds(60);
    base::Duration backoff = std::chrono::seconds(5);
    base::Duration idle = std::chrono::seconds(60);
    std::size_t connections = 20000;

    /// The defaults when `file` is empty. @throws base::Error{Input} `file:line: …`
    static Settings read(const std::filesystem::path& file, const base::Files& files);
};

} // namespace dispatcher
