// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "dispatcher/runs/environments.hpp"
#include "dispatcher/runs/once_commands.hpp"
#include "dispatcher/runs/policies.hpp"
#include "dispatcher/runs/run_records.hpp"
#include "dispatcher/runs/seams.hpp"
#include "dispatcher/runs/standings.hpp"
#include "workflows/engine/run.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// What somebody asks for.
struct RunRequest {
    workflows::engine::RunKind kind = workflows::engine::RunKind::Deploy;
    std::string environment;
    std::optional<std::string>
        application; ///< not of a deployment; absent: the only one that the environment runs
    std::optional<std::string> release; ///< rollback: absent is the newest known-good that is older;
                                        ///< operation: none, it is what the environment runs
    std::string workflow = "rolling";
    base::Object params;
    std::optional<std::string> plan;         ///< hash
    std::optional<std::string> preempts;     ///< rollback: the run that makes way for it
    bool undoing = false;                    ///< rollback: that run is a deployment, whose release it undoes
    std::optional<std::string> retries;      ///< the run whose unfinished targets it takes up, and no others
    std::optional<std::string> retry_target; ///< only these of them: "shop/web on web-1", or a node
    std::vector<std::string> again;          ///< commands that it runs although they did what they do once
    std::vector<std::string> done;           ///< commands of which somebody says that they did
    std::optional<base::Time> starts;        ///< not before
    std::optional<base::Time> expires;       ///< not after
    std::optional<std::string> override_freeze; ///< why a freeze does not hold it
    std::optional<std::string> override_lock;   ///< why a lock does not hold it
};

/// A request joined with the state of the world at one moment: what a run will be bound to.
struct Composition {
    workflows::engine::RunInput
        input; ///< without epoch, actor and `out`, which are known when the run starts
    std::string application;
    std::string envelope; ///< the signed manifest, as nodes fetch it
    base::Digest manifest;
    std::int64_t environment_version = 0;         ///< whose settings count
    std::string settings;                         ///< digest of those
    std::optional<std::int64_t> goal;             ///< rollback: the known-good's id
    workflows::engine::Policy policy;             ///< of the environment, as it is now
    std::map<std::string, std::string> workflows; ///< to be checked first: the asked one, and of a deployment
                                                  ///< all that the release brings
};

/// The components that a run touches.
std::set<base::ComponentName> components_of(const workflows::engine::RunInput& input);

/// Targets of a run that do not serve just now: an earlier run left them so, or their node is away (law 4
/// counts across runs).
std::vector<workflows::engine::Target> out_of_service(const workflows::engine::RunInput& input,
                                                      const Standings& standings, const Fleet& fleet);

/// Joins requests with environments, releases and workflows. Reads only.
class Composer {
public:
    Composer(base::Database& database, const Releases& releases, const base::Files& files,
             std::filesystem::path workflows)
        : environments_(database), policies_(database), records_(database), once_(database),
          releases_(releases), files_(files), workflows_(std::move(workflows)) {}

    /// @throws base::Error{Input | NotFound | Denied} for what is wrong with the request, the release or the
    /// environment, also when a target's wishes are more than a message to its node can carry; {Conflict} for
    /// a way back that something irreversible stands in, and for a retry that another release overtook, that
    /// has nothing left to do, or of which nobody knows whether what is to run once has run.
    Composition compose(const RunRequest& request) const;
    /// The application that a request is about. @throws base::Error{Input | NotFound} when it names none and
    /// the environment runs none, or several.
    std::string application_of(const RunRequest& request) const;
    /// The text of a workflow: the release's own, or the stock one. @throws base::Error{NotFound | Denied}
    std::string workflow_text(const base::ReleaseName& release, const std::string& name) const;

private:
    Composition deploy(const RunRequest& request) const;
    Composition rollback(const RunRequest& request) const;
    Composition operation(const RunRequest& request) const;
    void take_up(Composition& composition, const RunRequest& request) const;
    void refuse_overtaken(const RunRecord& run, const std::vector<RunRecord>& tries) const;
    void keep_unfinished(workflows::engine::RunInput& input, const RunRequest& request,
                         const std::vector<RunRecord>& tries) const;
    void spare_done(workflows::engine::RunInput& input, const RunRequest& request,
                    const std::vector<RunRecord>& tries) const;
    Composition join(const RunRequest& request, const base::ReleaseName& release,
                     const workflows::engine::Environment& environment) const;
    std::string workflow_source(const repo::Manifest& manifest, const std::string& name) const;

    Environments environments_;
    Policies policies_;
    RunRecords records_;
    OnceCommands once_;
    const Releases& releases_;
    const base::Files& files_;
    std::filesystem::path workflows_;
};

/// What differs between a planned input and today's, as people say it: "the settings of shop/web on web-1",
/// "the workflow 'rolling'" …
std::vector<std::string> moved(const workflows::engine::RunInput& planned,
                               const workflows::engine::RunInput& today);

} // namespace dispatcher::runs
