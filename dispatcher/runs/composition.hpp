// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "dispatcher/runs/environments.hpp"
#include "dispatcher/runs/seams.hpp"
#include "workflows/engine/run.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// What somebody asks for.
struct RunRequest {
    workflows::engine::RunKind kind = workflows::engine::RunKind::Deploy;
    std::string environment;
    std::optional<std::string> application; ///< rollback only; absent: the only one that the environment runs
    std::optional<std::string> release;     ///< rollback: absent is the newest known-good that is older
    std::string workflow = "rolling";
    base::Object params;
    std::optional<std::string> plan;     ///< hash
    std::optional<std::string> preempts; ///< rollback: the run that it undoes
};

/// A request joined with the state of the world at one moment: what a run will be bound to.
struct Composition {
    workflows::engine::RunInput input; ///< epoch 0: it is counted when the run starts
    std::string application;
    std::string envelope; ///< the signed manifest, as nodes get it
    base::Digest manifest;
    std::int64_t environment_version = 0; ///< whose settings count
    std::string settings;                 ///< digest of those
    std::optional<std::int64_t> goal;     ///< rollback: the known-good's id
};

/// Joins requests with environments, releases and workflows. Reads only.
class Composer {
public:
    Composer(const Environments& environments, const Releases& releases, const base::Files& files,
             std::filesystem::path workflows)
        : environments_(environments), releases_(releases), files_(files), workflows_(std::move(workflows)) {}

    /// @throws base::Error{Input | NotFound | Denied} for what is wrong with the request, the release or the
    /// environment.
    Composition compose(const RunRequest& request) const;

private:
    Composition deploy(const RunRequest& request) const;
    Composition rollback(const RunRequest& request) const;
    Composition join(const RunRequest& request, const base::ReleaseName& release,
                     const workflows::engine::Environment& environment) const;
    std::string workflow_source(const repo::Manifest& manifest, const std::string& name) const;

    const Environments& environments_;
    const Releases& releases_;
    const base::Files& files_;
    std::filesystem::path workflows_;
};

/// What differs between a planned input and today's, as people say it: "the settings of shop/web on web-1",
/// "the workflow 'rolling'" …
std::vector<std::string> moved(const workflows::engine::RunInput& planned,
                               const workflows::engine::RunInput& today);

} // namespace dispatcher::runs
