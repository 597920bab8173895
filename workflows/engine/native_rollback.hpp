// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace workflows::engine {

/// The way back of an environment stands among the stock workflows by its name, and is no script: it must
/// work whatever scripts say, when no script's process can be started, and pre-empts the run that it undoes.
/// No workflow may have this name.
inline constexpr std::string_view rollback_name = "rollback";
inline constexpr std::string_view rollback_summary =
    "Back to the newest known-good release, consumers first, without ramp or soak";

} // namespace workflows::engine
