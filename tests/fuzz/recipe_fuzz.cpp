// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Any text is a recipe or is refused with a sentence; what was accepted survives as the About document that
// packages carry.
#include "base/error.hpp"
#include "base/json.hpp"
#include "builder/recipe.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const auto recipe = builder::parse_recipe(text, "package.toml");
        const std::string about = base::to_json(recipe.about.to_value());
        const auto again = rpm::About::from_value(base::parse_json(about, "about"), "about");
        if (base::to_json(again.to_value()) != about) {
            std::abort();
        }
    } catch (const base::Error& error) {
        if (error.fault() != base::Fault::Input || error.message().empty()) {
            std::abort();
        }
    }
    return 0;
}
