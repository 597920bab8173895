// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a client and the dispatcher say to each other on an upgraded connection (docs/protocol.md): one struct
// for each kind.
#pragma once

#include "base/clock.hpp"
#include "base/fields.hpp"
#include "base/name.hpp"
#include "base/value.hpp"
#include "dispatcher/protocol/orders.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace dispatcher::protocol {

/// What a client holds of one component, as it says at hello and after what changed it.
struct ComponentState {
    std::string release; ///< "shop/1.0"; empty: nothing was ever applied
    std::string digest;  ///< `present` of docs/protocol.md, text form
    std::string state;   ///< the client's own word: "settled", "applied", "quarantined" …
    bool drained = false;
    std::int64_t generation = 0;
    bool stopped = false; ///< its services are kept down
    bool operator==(const ComponentState&) const = default;
};
using ComponentStates = std::map<base::ComponentName, ComponentState>;

/// As in messages and in the API: {"shop/web": {release, digest, state, drained, stopped, generation}}.
base::Object to_value(const ComponentStates& components);

/// First message of a client.
struct Hello {
    int version_min = protocol::version_min;
    int version_max = protocol::version_max;
    std::string program = {}; ///< "ctl-client 0.1.0"
    base::NodeName node;      ///< must be the certificate's
    base::Time time = {};     ///< the node's clock: the skew is reported
    ComponentStates components = {};
};

/// The dispatcher's answer to hello.
struct Welcome {
    int version = version_max;
    base::Duration heartbeat = std::chrono::seconds(60); ///< each side sends something at least this often
    base::Duration backoff = std::chrono::seconds(5); ///< upper bound of the random pause before a reconnect
    base::Time time;
};

/// All of a client's components, whenever one is not as it was told before.
struct Holding {
    ComponentStates components;
};

struct OrderSent {
    std::string text; ///< Order::text, byte for byte
};
/// The order is in the client's journal.
struct Received {
    std::string order;
};
/// The report is in the dispatcher's database; the client may stop repeating it.
struct Reported {
    std::string order;
};
struct Beat {};
/// What the other side sent is not acted on.
struct Refused {
    std::string what;
    std::string reason;
};
/// A message of a kind that this program does not know; the receiver answers with Refused.
struct Unknown {
    std::string kind;
};

using Message =
    std::variant<Hello, Welcome, Holding, OrderSent, Received, Report, Reported, Beat, Refused, Unknown>;

/// The JSON text of a message; `frame(encode(message))` is what goes over the wire.
std::string encode(const Message& message);
/// Members that this program does not know are ignored. @throws base::Error{Input} for anything but one
/// well-formed message.
Message decode(std::string_view json);
/// The answer to a message of an unknown kind: names it.
Refused refusal(const Unknown& unknown);

/// The highest version that both speak, or nothing.
std::optional<int> common_version(int their_min, int their_max) noexcept;

} // namespace dispatcher::protocol
