// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/orders.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/name.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace dispatcher::protocol {

namespace {

constexpr std::array<std::string_view, 13> kinds = {"prepare", "drain",  "apply",  "restart", "probe",
                                                    "undrain", "undo",   "settle", "stop",    "start",
                                                    "command", "cancel", "measure"};
constexpr base::JsonLimits frame_limits{.bytes = max_frame_bytes, .depth = 64};

base::Value or_null(const base::Value* value) {
    return value == nullptr ? base::Value() : *value;
}

} // namespace

std::string Order::text() const {
    return base::to_json(base::Object{{"id", id},
                                      {"run", run},
                                      {"epoch", epoch},
                                      {"expires", base::to_rfc3339(expires)},
                                      {"component", component},
                                      {"kind", kind},
                                      {"body", body}});
}

Order Order::parse(std::string_view text) {
    const base::Value document = base::parse_json(text, "order", frame_limits);
    const base::Fields fields(document, "order");
    Order order;
    order.id = fields.text("id");
    order.run = fields.text("run");
    order.epoch = fields.whole("epoch", 0, std::numeric_limits<std::int64_t>::max());
    order.expires = base::from_rfc3339(fields.text("expires"));
    order.component = base::ComponentName(fields.text("component")).str();
    order.kind = fields.text("kind");
    order.body = or_null(fields.any("body"));
    if (std::find(kinds.begin(), kinds.end(), order.kind) == kinds.end()) {
        fields.fail("kind", fmt::format("kind of order '{}' is unknown to this program", order.kind));
    }
    return order;
}

EnvelopeName EnvelopeName::of(std::string_view text) {
    return {base::sha256(text), text.size()};
}

base::Value EnvelopeName::to_value() const {
    return base::Object{{"digest", digest.str()}, {"bytes", bytes}};
}

EnvelopeName EnvelopeName::from(const base::Fields& record) {
    return {base::Digest::parse(record.text("digest")),
            static_cast<std::uint64_t>(record.whole("bytes", 1, max_envelope_bytes))};
}

base::Value Report::to_value() const {
    return base::Object{{"order", order},   {"order_digest", order_digest.str()},
                        {"ok", ok},         {"code", code},
                        {"reason", reason}, {"detail", detail}};
}

Report Report::from_value(const base::Value& value) {
    const base::Fields fields(value, "report");
    Report report;
    report.order = fields.text("order");
    report.order_digest = base::Digest::parse(fields.text("order_digest"));
    if (!fields.has("ok")) {
        fields.fail("", "'ok' is missing");
    }
    report.ok = fields.flag("ok", false);
    report.code = fields.text("code", "");
    report.reason = fields.text("reason", "");
    report.detail = or_null(fields.any("detail"));
    return report;
}

std::string frame(std::string_view json) {
    if (json.size() > max_frame_bytes) {
        throw base::Error(base::Fault::Input,
                          "message of {} bytes is larger than a frame of {} bytes can carry", json.size(),
                          max_frame_bytes);
    }
    const auto size = static_cast<std::uint32_t>(json.size());
    std::string bytes;
    bytes.reserve(json.size() + 4);
    for (const int shift : {24, 16, 8, 0}) {
        bytes.push_back(static_cast<char>((size >> shift) & 0xffU));
    }
    bytes += json;
    return bytes;
}

void FrameReader::add(std::string_view bytes) {
    buffer_ += bytes;
}

std::optional<std::string> FrameReader::next() {
    if (buffer_.size() < 4) {
        return std::nullopt;
    }
    std::size_t size = 0;
    for (std::size_t at = 0; at < 4; ++at) {
        size = size << 8 | static_cast<unsigned char>(buffer_[at]);
    }
    if (size > max_frame_bytes) {
        throw base::Error(base::Fault::Corrupt, "frame announces {} bytes, but at most {} are allowed", size,
                          max_frame_bytes);
    }
    if (buffer_.size() < 4 + size) {
        return std::nullopt;
    }
    std::string json = buffer_.substr(4, size);
    buffer_.erase(0, 4 + size);
    if (buffer_.empty()) {
        // A link is idle nearly always: ten thousand of them shall not hold on to their largest message.
        buffer_.shrink_to_fit();
    }
    return json;
}

} // namespace dispatcher::protocol
