// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpm/about.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace ctl_client {

/// A process that cannot be mistaken for another one that got its number later.
struct ProcessIdentity {
    pid_t id = -1;
    std::uint64_t started_ticks = 0; ///< field 22 of /proc/PID/stat
    std::string boot;                ///< /proc/sys/kernel/random/boot_id
    bool operator==(const ProcessIdentity&) const = default;

    std::string str() const; ///< "1234 567890 boot-id"; empty for none
    static ProcessIdentity parse(const std::string& text);
};

/// Seam to what runs on the node. Definitions are rendered. Thread: one at a time.
class Services {
public:
    virtual ~Services() = default;
    /// The service's process, when it lives; `known` is what was recorded at its start, if anything was.
    virtual std::optional<ProcessIdentity> running(const rpm::Service& service,
                                                   const ProcessIdentity& known) = 0;
    /// Returns when the pid file names a living process. `log` names the file that keeps what the start
    /// command says.
    /// @throws base::Error{Unavailable} with the last words of the start command.
    virtual ProcessIdentity start(const rpm::Service& service, const std::string& log) = 0;
    /// Returns when the process has ended; KILL after stop_timeout.
    virtual void stop(const rpm::Service& service, const ProcessIdentity& process) = 0;
    /// @throws base::Error{Unavailable}
    virtual void reload(const rpm::Service& service, const ProcessIdentity& process) = 0;
};

/// Services without systemd: the packaged start command leaves a daemon behind, which lives outside the root
/// in a session of its own, survives the client and writes a pid file. A pid file is believed when its
/// process is the recorded one, or was not started after the file was written: then the number has been given
/// to somebody else.
class PackagedServices final : public Services {
public:
    explicit PackagedServices(std::filesystem::path logs) : logs_(std::move(logs)) {}
    std::optional<ProcessIdentity> running(const rpm::Service& service,
                                           const ProcessIdentity& known) override;
    ProcessIdentity start(const rpm::Service& service, const std::string& log) override;
    void stop(const rpm::Service& service, const ProcessIdentity& process) override;
    void reload(const rpm::Service& service, const ProcessIdentity& process) override;

private:
    std::filesystem::path logs_;
};

} // namespace ctl_client
