// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <string_view>

namespace workflows::engine {

/// A member of what a node reported, or `absent`: a node's word is read with care, it may be older than we
/// are.
inline bool flag_of(const base::Value& detail, std::string_view key, bool absent) noexcept {
    const base::Value* value = detail.object() == nullptr ? nullptr : detail.object()->find(key);
    return value == nullptr || value->flag() == nullptr ? absent : *value->flag();
}

} // namespace workflows::engine
