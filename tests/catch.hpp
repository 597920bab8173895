// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Catch2, version 3 or 2: tests are written to what both understand.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
