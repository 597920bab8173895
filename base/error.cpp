// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <array>
#include <cstring>

namespace base {

namespace {

struct Row {
    Fault fault;
    std::string_view word;
    int exit_code;
};

// Damaged data is not a defect of ours, and nothing that a repetition mends: it counts as bad input.
constexpr std::array<Row, 7> rows{{
    {Fault::Input, "input", 2},
    {Fault::NotFound, "not-found", 2},
    {Fault::Conflict, "conflict", 6},
    {Fault::Denied, "denied", 6},
    {Fault::Unavailable, "unavailable", 7},
    {Fault::Corrupt, "corrupt", 2},
    {Fault::Internal, "internal", 1},
}};

const Row& row(Fault fault) noexcept {
    for (const Row& candidate : rows) {
        if (candidate.fault == fault) {
            return candidate;
        }
    }
    return rows.back();
}

} // namespace

std::string_view word(Fault fault) noexcept {
    return row(fault).word;
}

Fault fault_from(std::string_view word) noexcept {
    for (const Row& candidate : rows) {
        if (candidate.word == word) {
            return candidate.fault;
        }
    }
    return Fault::Internal;
}

int exit_code(Fault fault) noexcept {
    return row(fault).exit_code;
}

std::string system_reason(int error_number) {
    std::array<char, 256> buffer{};
    return ::strerror_r(error_number, buffer.data(), buffer.size());
}

} // namespace base
