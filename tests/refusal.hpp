// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "tests/catch.hpp"

#include <functional>
#include <string>

namespace tests {

/// The message of the base::Error that `doing` throws, which must be of this fault.
inline std::string refusal(base::Fault fault, const std::function<void()>& doing) {
    try {
        doing();
    } catch (const base::Error& error) {
        INFO(error.message());
        CHECK(word(error.fault()) == word(fault));
        return error.message();
    }
    return "no error";
}

} // namespace tests
