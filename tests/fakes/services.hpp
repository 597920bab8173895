// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "ctl-client/services.hpp"
#include "tests/fakes/fuse.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace fakes {

/// Services in memory, known by their pid files; they survive the client, and some do not start.
class Services final : public ctl_client::Services {
public:
    explicit Services(Fuse& fuse) : fuse_(fuse) {}

    std::set<std::string> broken; ///< names that do not start
    std::vector<std::string> log; ///< "start app", "stop app" …

    std::optional<ctl_client::ProcessIdentity> running(const rpm::Service& service,
                                                       const ctl_client::ProcessIdentity&) override {
        const auto found = processes_.find(service.pid_file);
        return found == processes_.end() ? std::nullopt : std::optional(found->second);
    }
    ctl_client::ProcessIdentity start(const rpm::Service& service, const std::string&) override {
        if (broken.contains(service.name)) {
            throw base::Error(base::Fault::Unavailable, "service '{}' did not start", service.name);
        }
        fuse_.step([&] {
            processes_[service.pid_file] = {++last_, 1, "boot"};
            log.push_back("start " + service.name);
        });
        return processes_.at(service.pid_file);
    }
    void stop(const rpm::Service& service, const ctl_client::ProcessIdentity&) override {
        fuse_.step([&] {
            processes_.erase(service.pid_file);
            log.push_back("stop " + service.name);
        });
    }
    void reload(const rpm::Service& service, const ctl_client::ProcessIdentity&) override {
        fuse_.step([&] { log.push_back("reload " + service.name); });
    }

private:
    Fuse& fuse_;
    std::map<std::string, ctl_client::ProcessIdentity> processes_;
    pid_t last_ = 1000;
};

} // namespace fakes
