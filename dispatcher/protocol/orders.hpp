// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/fields.hpp"
#include "base/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatcher::protocol {

inline constexpr std::string_view upgrade_token = "tiercel/1";
inline constexpr std::size_t max_frame_bytes = 1u << 20;
/// What the JSON of an envelope may have at most (base::JsonLimits).
inline constexpr std::size_t max_envelope_bytes = 16u << 20;
inline constexpr int version_min = 1;
inline constexpr int version_max = 1;

/// An order as it is sent: the text is what is hashed and journaled, byte for byte.
struct Order {
    std::string id; ///< ULID
    std::string run;
    std::int64_t epoch = 0;
    base::Time expires;
    std::string component; ///< "shop/web"
    std::string kind; ///< prepare, drain, apply, restart, probe, undrain, undo, settle, stop, start, command,
                      ///< cancel, measure
    base::Value body;

    std::string text() const;
    static Order parse(std::string_view text); ///< @throws base::Error{Input}
};

/// How a `prepare` names the signed release manifest that it goes by: the text itself may be larger than a
/// frame, so the client fetches it as it fetches packages.
struct EnvelopeName {
    base::Digest digest; ///< sha256 of the envelope's text (not of the payload in it)
    std::uint64_t bytes = 0;

    static EnvelopeName of(std::string_view text);
    base::Value to_value() const;
    /// @throws base::Error{Input}, also for one that announces more than max_envelope_bytes.
    static EnvelopeName from(const base::Fields& record);
};

/// A client's recorded answer to an order.
struct Report {
    std::string order;         ///< its id
    base::Digest order_digest; ///< sha256 of the order's text
    bool ok = false;
    std::string code; ///< "", "failed", "refused", "inconclusive", "quarantined", "cancelled", "lost",
                      ///< "expired", "stale"
    std::string reason;
    base::Value detail;

    base::Value to_value() const;
    static Report from_value(const base::Value& value);
};

/// One frame = 32-bit big-endian length + one JSON object {"kind": …}.
std::string frame(std::string_view json);
/// Takes whole frames out of what has arrived. @throws base::Error{Corrupt} when a length exceeds
/// max_frame_bytes.
class FrameReader {
public:
    void add(std::string_view bytes);
    std::optional<std::string> next();
    /// True when no part of a frame waits for its rest.
    bool empty() const noexcept { return buffer_.empty(); }

private:
    std::string buffer_;
};

} // namespace dispatcher::protocol
