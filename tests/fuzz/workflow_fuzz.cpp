// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Any bytes as a workflow: read to their end, each finding a sentence with its place in the text.
#include "workflows/engine/script_check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool holds) {
    if (!holds)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto lines = static_cast<int>(
        std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }));
    for (const workflows::engine::Finding& finding : workflows::engine::check_script(text)) {
        require(!finding.message.empty());
        require(finding.place.line >= 1 && finding.place.line <= lines + 1 && finding.place.column >= 1);
    }
    return 0;
}
