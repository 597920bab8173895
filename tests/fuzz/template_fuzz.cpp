// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Any bytes as a template: it is refused with a sentence, or it renders within its limits, twice the same.
#include "base/error.hpp"
#include "templates/template.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

const base::Object& variables() {
    static const base::Object object = {
        {"name", "web-1"},
        {"port", 8080},
        {"share", 0.25},
        {"on", true},
        {"nothing", nullptr},
        {"text", "a\nb 'é€😀' <&>"},
        {"list", base::Array{1, "b", 2.5, nullptr, false}},
        {"nodes",
         base::Array{base::Object{{"name", "a"}, {"address", "10.0.0.1"}, {"ports", base::Array{80, 443}}},
                     base::Object{{"name", "b"}, {"address", "10.0.0.2"}, {"ports", base::Array{}}}}},
        {"settings", base::Object{{"tls", base::Object{{"on", true}, {"items", 3}}}, {"level", "info"}}},
    };
    return object;
}

void require(bool holds) {
    if (!holds)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const templates::Limits limits{16'384, 20'000};
    try {
        const templates::Template parsed = templates::Template::parse(text, "t");
        require(parsed.names().size() <= size);
        require(parsed.uses().size() <= size);
        const std::string result = parsed.render(variables(), limits);
        require(result.size() <= limits.output_bytes);
        require(parsed.render(variables(), limits) == result);
    } catch (const base::Error& error) {
        require(error.fault() == base::Fault::Input);
        require(error.message().compare(0, 2, "t:") == 0);
    }
    return 0;
}
