// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/nevra.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace base {

namespace {

bool is_letter_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
    std::string shown(text.substr(0, 256));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    throw Error(Fault::Input, "'{}' is not a package build, {}; write 'name-version-release.arch'", shown,
                why);
}

void check_part(std::string_view whole, std::string_view part, std::string_view what, std::string_view also) {
    if (part.empty()) {
        refuse(whole, fmt::format("its {} is missing", what));
    }
    if (!std::all_of(part.begin(), part.end(), [&](char c) {
            return is_letter_or_digit(c) || also.find(c) != std::string_view::npos;
        })) {
        refuse(whole, fmt::format("its {} has a character that rpm does not allow", what));
    }
}

} // namespace

std::string Evr::str() const {
    return epoch == 0 ? fmt::format("{}-{}", version, release)
                      : fmt::format("{}:{}-{}", epoch, version, release);
}

Nevra Nevra::parse(std::string_view text) {
    // From the right, because only the name may hold '-', and the release may hold '.'.
    constexpr auto nowhere = std::string_view::npos;
    const std::size_t release_dash = text.rfind('-');
    const std::size_t dot = text.rfind('.');
    if (dot == nowhere || (release_dash != nowhere && dot < release_dash)) {
        refuse(text, "its architecture is missing");
    }
    if (release_dash == nowhere) {
        refuse(text, "its release is missing");
    }
    const std::size_t version_dash = release_dash == 0 ? nowhere : text.rfind('-', release_dash - 1);
    if (version_dash == nowhere) {
        refuse(text, "its version is missing");
    }

    Nevra result;
    std::string_view version = text.substr(version_dash + 1, release_dash - version_dash - 1);
    if (const std::size_t colon = version.find(':'); colon != nowhere) {
        const std::string_view digits = version.substr(0, colon);
        const auto [end, problem] =
            std::from_chars(digits.data(), digits.data() + digits.size(), result.evr.epoch);
        if (problem != std::errc{} || end != digits.data() + digits.size()) {
            refuse(text, "its epoch is not a number of 32 bits");
        }
        version.remove_prefix(colon + 1);
    }
    const std::string_view name = text.substr(0, version_dash);
    const std::string_view release = text.substr(release_dash + 1, dot - release_dash - 1);
    const std::string_view arch = text.substr(dot + 1);
    if (name.empty()) {
        refuse(text, "its name is missing");
    }
    PackageTag::check(name);
    check_part(text, version, "version", "._+~^");
    check_part(text, release, "release", "._+~^");
    check_part(text, arch, "architecture", "_");
    result.name = name;
    result.evr.version = version;
    result.evr.release = release;
    result.arch = arch;
    return result;
}

std::string Nevra::str() const {
    return fmt::format("{}-{}.{}", name, evr.str(), arch);
}

std::string Nevra::file_name() const {
    return fmt::format("{}-{}-{}.{}.rpm", name, evr.version, evr.release, arch);
}

} // namespace base
