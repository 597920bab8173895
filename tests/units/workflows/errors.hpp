// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <string>

namespace tests {

/// The message of the base::Error{Input} that `act` throws; what else happened otherwise.
template <class Act> std::string input_error(Act act) {
    try {
        act();
    } catch (const base::Error& error) {
        return error.fault() == base::Fault::Input
                   ? error.message()
                   : std::string(base::word(error.fault())) + ": " + error.message();
    }
    return "no error";
}

} // namespace tests
