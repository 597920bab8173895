// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/key.hpp"
#include "base/value.hpp"
#include "repo/manifest.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ctl_client {

/// What an order wants of a component ("desired" in docs/protocol.md), after it was compared with the release
/// manifest that a key signed which this node pinned itself: neither the dispatcher nor the repository alone
/// can name a package to install.
struct Wanted {
    base::Value document;
    std::string text; ///< the document as sent: what `desired_digest` is over
    base::Digest digest;
    base::ComponentName component;
    base::ReleaseName release;
    std::vector<repo::ManifestPackage> packages; ///< of this component, in the order of `desired`

    /// @throws base::Error{Denied} when the manifest is not signed by one of `release_keys`, is not the one
    /// that `desired` names, or lacks a package that `desired` names; base::Error{Input} when a document is
    /// malformed.
    static Wanted checked(const base::Value& desired, std::string_view envelope,
                          const std::vector<base::PublicKey>& release_keys);
};

/// What templates, commands and URLs see (docs/formats.md) of a component for which `desired` holds;
/// `settings` are the resolved ones. @throws base::Error{Input} for a control character in a value.
base::Object variables_of(const base::Value& desired, const base::Object& settings,
                          const std::string& node_root);

/// The settings of `desired`, completed with the packages' defaults and checked against their bounds.
/// @throws base::Error{Input}: a setting that no package knows (with the nearest), a missing one, a value out
/// of bounds.
base::Object resolved_settings(const base::Value& desired, const std::vector<rpm::About>& abouts);

} // namespace ctl_client
