// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/datum.hpp"
#include "templates/template.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace templates {

/// One rendering's budget and place: everything that is evaluated pays here, and every error of it starts
/// here.
class Work {
public:
    Work(std::string_view name, Limits limits) : name_(name), limits_(limits) {}

    /// The line that errors name.
    int line = 1;

    /// @throws base::Error{Fault::Input} when the budget is used up.
    void charge(std::size_t steps);
    /// @throws base::Error{Fault::Input} `name:line: message`.
    [[noreturn]] void fail(std::string_view message) const;
    /// @throws base::Error{Fault::Input} if a text of so many bytes must not be made.
    void check_size(std::size_t bytes) const;

    // What is made while rendering: paid by its size, refused when it is too big or too deeply nested.
    Datum text(std::string text);
    Datum sequence(Sequence::Form form, std::vector<Datum> items);
    Datum record(std::vector<std::pair<Datum, Datum>> members);
    /// A deep copy of what the caller brought.
    Datum value(const base::Value& value, int depth = 0);

private:
    std::string_view name_;
    Limits limits_;
    std::size_t steps_ = 0;
};

} // namespace templates
