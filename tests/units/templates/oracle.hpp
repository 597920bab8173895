// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Our renderer and Jinja2's, side by side.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace oracle {

struct Case {
    std::string text;
    std::string variables = "{}"; ///< JSON
};

/// Both render each case, to the same text.
void both_agree(const std::vector<Case>& cases);
/// Both refuse each case.
void both_refuse(const std::vector<Case>& cases);
/// Jinja2 renders each case and we refuse it: the price of being strict, listed in docs/templates.md.
void we_refuse(const std::vector<Case>& cases);
/// Where we render a case at all, Jinja2 renders it to the same text. Returns how many we render.
std::size_t we_never_differ(const std::vector<Case>& cases);

} // namespace oracle
