// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/messages.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <limits>

namespace dispatcher::protocol {

namespace {

base::Object message_of(std::string_view kind) {
    return base::Object{{"kind", kind}};
}

base::Value value_of(const ComponentState& state) {
    return base::Object{{"release", state.release},       {"digest", state.digest},
                        {"state", state.state},           {"drained", state.drained},
                        {"generation", state.generation}, {"stopped", state.stopped}};
}

struct Encoder {
    base::Object operator()(const Hello& hello) const {
        base::Object object = message_of("hello");
        object.set("versions", base::Array{hello.version_min, hello.version_max});
        object.set("program", hello.program);
        object.set("node", hello.node.str());
        object.set("time", base::to_rfc3339(hello.time));
        object.set("components", to_value(hello.components));
        return object;
    }
    base::Object operator()(const Welcome& welcome) const {
        base::Object object = message_of("welcome");
        object.set("version", welcome.version);
        object.set("heartbeat", base::to_text(welcome.heartbeat));
        object.set("backoff", base::to_text(welcome.backoff));
        object.set("time", base::to_rfc3339(welcome.time));
        return object;
    }
    base::Object operator()(const Holding& holding) const {
        base::Object object = message_of("holding");
        object.set("components", to_value(holding.components));
        return object;
    }
    base::Object operator()(const OrderSent& order) const { return with("order", "text", order.text); }
    base::Object operator()(const Received& received) const {
        return with("received", "order", received.order);
    }
    base::Object operator()(const Report& report) const {
        base::Object object = message_of("report");
        base::Value members = report.to_value();
        for (base::Member& member : members.object()->members) {
            object.set(std::move(member.name), std::move(member.value));
        }
        return object;
    }
    base::Object operator()(const Reported& reported) const {
        return with("reported", "order", reported.order);
    }
    base::Object operator()(const Beat&) const { return message_of("beat"); }
    base::Object operator()(const Refused& refused) const {
        base::Object object = with("refused", "what", refused.what);
        object.set("reason", refused.reason);
        return object;
    }
    base::Object operator()(const Unknown& unknown) const { return message_of(unknown.kind); }

private:
    static base::Object with(std::string_view kind, std::string name, const std::string& text) {
        base::Object object = message_of(kind);
        object.set(std::move(name), text);
        return object;
    }
};

ComponentStates read_components(const base::Fields& fields) {
    ComponentStates states;
    if (const auto components = fields.record("components")) {
        for (const base::Member& member : components->members()) {
            const base::Fields inner(member.value, fields.file(), "components." + member.name);
            ComponentState state;
            state.release = inner.text("release", "");
            state.digest = inner.text("digest", "");
            state.state = inner.text("state", "");
            state.drained = inner.flag("drained", false);
            state.generation = inner.whole("generation", 0, std::numeric_limits<std::int64_t>::max(), 0);
            state.stopped = inner.flag("stopped", false);
            states.emplace(base::ComponentName(member.name), std::move(state));
        }
    }
    return states;
}

Hello read_hello(const base::Fields& fields) {
    Hello hello{.node = base::NodeName(fields.text("node"))};
    const base::Value* versions = fields.any("versions");
    const base::Array* pair = versions == nullptr ? nullptr : versions->array();
    if (pair == nullptr || pair->size() != 2 || (*pair)[0].whole() == nullptr ||
        (*pair)[1].whole() == nullptr) {
        fields.fail("versions", "'versions' must be a list of two numbers, lowest and highest");
    }
    const auto bounded = [](std::int64_t number) {
        return static_cast<int>(std::clamp<std::int64_t>(number, 0, std::numeric_limits<int>::max()));
    };
    hello.version_min = bounded(*(*pair)[0].whole());
    hello.version_max = bounded(*(*pair)[1].whole());
    hello.program = fields.text("program");
    hello.time = base::from_rfc3339(fields.text("time"));
    hello.components = read_components(fields);
    return hello;
}

Welcome read_welcome(const base::Fields& fields) {
    Welcome welcome;
    welcome.version = static_cast<int>(fields.whole("version", 0, std::numeric_limits<int>::max()));
    welcome.heartbeat = fields.duration("heartbeat", welcome.heartbeat);
    welcome.backoff = fields.duration("backoff", welcome.backoff);
    welcome.time = base::from_rfc3339(fields.text("time"));
    return welcome;
}

} // namespace

base::Object to_value(const ComponentStates& components) {
    base::Object object;
    for (const auto& [name, state] : components) {
        object.set(name.str(), value_of(state));
    }
    return object;
}

std::string encode(const Message& message) {
    return base::to_json(std::visit(Encoder{}, message));
}

Message decode(std::string_view json) {
    const base::Value document =
        base::parse_json(json, "message", base::JsonLimits{.bytes = max_frame_bytes, .depth = 64});
    const base::Fields fields(document, "message");
    const std::string kind = fields.text("kind");
    if (kind == "hello") {
        return read_hello(fields);
    }
    if (kind == "welcome") {
        return read_welcome(fields);
    }
    if (kind == "holding") {
        return Holding{read_components(fields)};
    }
    if (kind == "order") {
        return OrderSent{fields.text("text")};
    }
    if (kind == "received") {
        return Received{fields.text("order")};
    }
    if (kind == "report") {
        return Report::from_value(document);
    }
    if (kind == "reported") {
        return Reported{fields.text("order")};
    }
    if (kind == "beat") {
        return Beat{};
    }
    if (kind == "refused") {
        return Refused{fields.text("what"), fields.text("reason", "")};
    }
    return Unknown{kind};
}

Refused refusal(const Unknown& unknown) {
    return {unknown.kind,
            fmt::format("kind of message '{}' is unknown to this program, which speaks versions {} to {}",
                        unknown.kind, version_min, version_max)};
}

std::optional<int> common_version(int their_min, int their_max) noexcept {
    const int highest = std::min(version_max, their_max);
    return highest >= std::max(version_min, their_min) ? std::optional<int>(highest) : std::nullopt;
}

} // namespace dispatcher::protocol
