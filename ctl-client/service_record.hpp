// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "ctl-client/generation.hpp"
#include "ctl-client/services.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ctl_client {

/// What a running service was started with. A difference to what the current generation says is the reason to
/// restart or reload it, so that a change whose restart was prevented by a crash is still seen after it:
/// nothing is "pending" anywhere but in this comparison.
struct ServiceBasis {
    std::string package; ///< NEVRA and header digest of the package that brings it; empty unless of kind app
    std::string definition; ///< SHA-256 of the rendered definition
    std::map<std::string, std::string>
        restart; ///< path of config → SHA-256 of its text, for templates that restart it
    std::map<std::string, std::string> reload;
    bool operator==(const ServiceBasis&) const = default;

    std::string json() const;
    static ServiceBasis from_json(const std::string& text);
};

/// One service that this node runs for a component.
struct ServiceRecord {
    std::string component;
    rpm::Service definition; ///< as it was started: also how to stop it
    ServiceBasis basis;
    ProcessIdentity process;
};

struct ServiceAction {
    enum class Kind { Stop, Restart, Reload, Start };
    Kind kind;
    std::string name;
    std::string reason;
};

/// The journal of services. Durable on return. Thread: the database's.
class ServiceRecords {
public:
    explicit ServiceRecords(base::Database& database) : database_(database) {}
    std::vector<ServiceRecord> of(const std::string& component) const;
    void record(const ServiceRecord& record);
    void forget(const std::string& component, const std::string& name);
    /// The other component that started this process last: a service goes on when its component gets another
    /// name.
    std::optional<std::string> started_by_another(const std::string& component,
                                                  const ProcessIdentity& process) const;
    /// Whether the component's services are kept down.
    bool stopped(const std::string& component) const;
    void set_stopped(const std::string& component, bool stopped);

private:
    base::Database& database_;
};

/// The services of a generation, by name, with the basis on which each would be started.
struct DefinedService {
    rpm::Service definition;
    ServiceBasis basis;
};
std::map<std::string, DefinedService> services_of(const Generation& generation);

/// What must happen for `records` to become the services of `generation`; nothing: the component leaves this
/// node. Stops come first, then in order of names. Does not look at processes.
std::vector<ServiceAction> actions(const std::vector<ServiceRecord>& records,
                                   const std::optional<Generation>& generation);

} // namespace ctl_client
