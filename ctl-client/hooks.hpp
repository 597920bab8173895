// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/generation.hpp"
#include "ctl-client/programs.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctl_client {

/// The packaged hooks around an order: those of the packages that are on the node at that moment, in the
/// order of the component's packages. After a client was killed they may run once more.
class Hooks {
public:
    explicit Hooks(Programs& programs) : programs_(programs) {}

    /// What of a failure at one point is told, and does not fail the order.
    enum class Mercy {
        None,
        All, ///< the way back is not held by a hook of what is left
    };
    /// Runs the hooks of `there` at this point ("before-drain"). `coming`: what is about to replace it; a
    /// hook that it does not have any more, or has with on_failure = "warn", cannot hold its own replacement.
    /// @returns how many ran. @throws base::Error{Unavailable} `hook 'before-drain' of package 'shop-app'
    /// ended with 3: …`
    int run(std::string_view point, const std::optional<Generation>& there,
            const std::optional<Generation>& coming = std::nullopt, Mercy mercy = Mercy::None);
    /// Failures that were told only, since the last call.
    std::vector<std::string> take_warnings();

private:
    std::string trouble(const rpm::Hook& hook, const std::string& what) const;

    Programs& programs_;
    std::vector<std::string> warnings_;
};

} // namespace ctl_client
