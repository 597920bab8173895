// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/seams.hpp"

#include <boost/asio/io_context.hpp>

namespace dispatcher::runs {

/// Scripts as children of this process that have two pipes and nothing else. A script that does not come to
/// its next command within half a minute counts as dead.
class WorkflowVms final : public ScriptHosts {
public:
    explicit WorkflowVms(boost::asio::io_context& context) : context_(context) {}
    std::unique_ptr<ScriptHost> start(const ScriptStart& start, Listener listener) override;

private:
    boost::asio::io_context& context_;
};

} // namespace dispatcher::runs
