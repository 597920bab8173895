// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What the executor needs of the world outside the database: nodes, time, scripts,
// monitoring, releases. Tests put their own in.
#pragma once

#include "base/clock.hpp"
#include "base/key.hpp"
#include "base/name.hpp"
#include "dispatcher/runs/order_book.hpp"
#include "repo/manifest.hpp"
#include "workflows/engine/script.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// The nodes that are connected.
class Fleet {
public:
    virtual ~Fleet() = default;
    virtual bool online(const base::NodeName& node) const = 0;
    /// Sends now when the node is connected. Otherwise nothing: at its next connection a node gets all it has
    /// not answered.
    virtual void send(const OrderRecord& order) = 0;
};

/// Wall-clock time and being woken, on the one thread that everything here runs on.
class Alarms {
public:
    virtual ~Alarms() = default;
    virtual base::Time now() const = 0;
    /// Calls `then` at `at` or soon after, never from within this call.
    virtual void wake(base::Time at, std::function<void()> then) = 0;
};

struct ScriptStart {
    std::string source;
    std::string name;
    base::Object params;
    workflows::engine::ScriptModel model;
};

/// One run's script in a process of its own, without privileges. Destroying it ends the process.
class ScriptHost {
public:
    virtual ~ScriptHost() = default;
    /// The answer to the last command; the script goes on and `stepped` is called again.
    virtual void answer(const workflows::engine::Answer& answer) = 0;
};

class ScriptHosts {
public:
    virtual ~ScriptHosts() = default;
    struct Listener {
        std::function<void(const workflows::engine::Script::Step&)> stepped;
        std::function<void(const std::string& why)> died; ///< the process ended without an end of the script
    };
    /// Never calls the listener from within this call. @throws base::Error{NotFound} when the program is not
    /// installed.
    virtual std::unique_ptr<ScriptHost> start(const ScriptStart& start, Listener listener) = 0;
};

/// Monitoring systems, asked for one number.
class Meters {
public:
    virtual ~Meters() = default;
    /// Calls `done` once, on the one thread, never from within this call. What cannot be measured is an
    /// answer, too.
    virtual void measure(const workflows::engine::Measure& wanted,
                         std::function<void(workflows::engine::Measured)> done) = 0;
};

/// The release repository, as far as runs need it.
class Releases {
public:
    virtual ~Releases() = default;
    /// @throws base::Error{NotFound} with the releases that exist.
    virtual repo::SignedManifest find(const base::ReleaseName& name) const = 0;
    virtual std::vector<base::PublicKey> trusted_keys() const = 0;
    /// The packages of a release that the pool does not have.
    virtual std::vector<base::Nevra> missing(const repo::Manifest& manifest) const = 0;
};

} // namespace dispatcher::runs
