// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace dispatcher {

struct Options {
    std::filesystem::path state;         ///< made when missing, 0700; one dispatcher at a time holds it
    std::filesystem::path repository;    ///< a release repository (tiercel repo init)
    std::string listen = "0.0.0.0:8443"; ///< ADDRESS:PORT; port 0 takes a free one, STATE/address says which
    std::filesystem::path workflows; ///< stock workflows NAME.lua; empty: `../share/tiercel/workflows` beside
                                     ///< the program's directory
    std::filesystem::path config;    ///< optional TOML file, re-read on SIGHUP (docs/dispatcher.md)
};

/// Runs the dispatcher in this thread until SIGTERM or SIGINT; 0 then. Prints `listening on ADDRESS:PORT`
/// and, at the first start, where the administrator's token is. @throws base::Error when it cannot start.
int serve(const Options& options);

} // namespace dispatcher
