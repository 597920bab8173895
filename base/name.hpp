// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// A string that was checked once and can no longer be taken for another kind of string.
/// `Tag::check` throws Error{Fault::Input} with what is wrong; after construction the value is valid.
template <class Tag> class Name {
public:
    explicit Name(std::string text) : text_(std::move(text)) { Tag::check(text_); }
    const std::string& str() const noexcept { return text_; }
    auto operator<=>(const Name&) const = default;

private:
    std::string text_;
};

/// Letters, digits, '-', '_', '.'; begins with a letter or digit; at most 128 bytes. `what` names the kind in
/// the error.
void check_word(std::string_view text, std::string_view what);
/// Two words joined by one '/'. `shop/web`, `shop/1.0`.
void check_pair(std::string_view text, std::string_view what);

struct NodeTag {
    static void check(std::string_view text) { check_word(text, "node name"); }
};
struct PackageTag {
    static void check(std::string_view text);
};
struct ComponentTag {
    static void check(std::string_view text) { check_pair(text, "component"); }
};
struct ReleaseTag {
    static void check(std::string_view text) { check_pair(text, "release"); }
};
struct EnvironmentTag {
    static void check(std::string_view text) { check_word(text, "environment name"); }
};
struct ApplicationTag {
    static void check(std::string_view text) { check_word(text, "application name"); }
};
struct ChannelTag {
    static void check(std::string_view text) { check_word(text, "channel name"); }
};

using NodeName = Name<NodeTag>;
using PackageName = Name<PackageTag>;     ///< as rpm allows, plus '+'
using ComponentName = Name<ComponentTag>; ///< application/component: `shop/web`
using ReleaseName = Name<ReleaseTag>;     ///< application/name: `shop/1.0`
using EnvironmentName = Name<EnvironmentTag>;
using ApplicationName = Name<ApplicationTag>;
using ChannelName = Name<ChannelTag>;

/// The part before the slash of a component or release, and the part after it.
template <class Tag> std::string_view before_slash(const Name<Tag>& name) {
    return std::string_view(name.str()).substr(0, name.str().find('/'));
}
template <class Tag> std::string_view after_slash(const Name<Tag>& name) {
    return std::string_view(name.str()).substr(name.str().find('/') + 1);
}

} // namespace base

template <class Tag> struct std::hash<base::Name<Tag>> {
    std::size_t operator()(const base::Name<Tag>& name) const noexcept {
        return std::hash<std::string>{}(name.str());
    }
};

/// Without width and the like: those of fmt's own formatter would be compiled anew in each file.
template <class Tag> struct fmt::formatter<base::Name<Tag>> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
    auto format(const base::Name<Tag>& name, fmt::format_context& context) const {
        const std::string& text = name.str();
        return std::copy(text.begin(), text.end(), context.out());
    }
};
