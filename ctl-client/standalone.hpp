// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/executor.hpp"
#include "repo/manifest.hpp"

#include <functional>
#include <string>

namespace ctl_client {

/// A client that works without a dispatcher: it gives itself the orders that a rollout would send, through
/// the same journal, so that a kill is survived in the same way.
class Standalone {
public:
    /// `tell` gets one line for each step.
    Standalone(Executor& executor, const base::Clock& clock, std::function<void(const std::string&)> tell)
        : executor_(executor), clock_(clock), tell_(std::move(tell)) {}

    /// prepare, drain, apply, restart, probe, undrain; after a failure behind prepare: undo and undrain.
    /// @returns an exit code of docs/cli.md: 0 done, 2 bad input, 3 failed and nothing was changed, 4 failed
    /// and back, 6 refused, 8 failed and not back.
    int apply(const base::Value& desired, const std::string& envelope);
    /// Back to what was before the newest change of the component. 0 done (or nothing to do), 6 refused, 8
    /// failed.
    int undo(const std::string& component);

private:
    dispatcher::protocol::Report order(const std::string& run, const std::string& component,
                                       const std::string& kind, base::Object body);

    Executor& executor_;
    const base::Clock& clock_;
    std::function<void(const std::string&)> tell_;
};

/// The `desired` document (docs/protocol.md) for one component of a release. `given` is a record, as a
/// settings file has it: `node`, `address`, `environment`, and the records and lists `settings`, `consumes`,
/// `labels`, `addresses`, `peers`. All are optional.
/// @throws base::Error{Input} for an unknown key (with the nearest), and for a component that the release
/// does not have.
base::Value desired_for(const repo::Manifest& manifest, const base::Digest& manifest_digest,
                        const base::ComponentName& component, const base::Value& given,
                        const std::string& file);

} // namespace ctl_client
