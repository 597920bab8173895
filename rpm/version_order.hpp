// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/nevra.hpp"

#include <compare>

namespace rpm {

/// rpm's own order (rpmvercmp). Weak: it calls some different texts equal.
std::weak_ordering compare(const base::Evr& left, const base::Evr& right);

} // namespace rpm
