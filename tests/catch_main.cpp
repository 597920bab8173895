// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The one main() of all unit tests: Catch2 version 2 brings it as a macro.
#define CATCH_CONFIG_MAIN
#include "tests/catch.hpp"
