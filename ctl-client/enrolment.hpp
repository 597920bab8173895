// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/identity.hpp"

#include <string>

namespace ctl_client {

/// Exchanges a one-time token for this node's identity: the key is made here and never leaves, the dispatcher
/// signs a request. Nothing that the dispatcher answers is trusted before it agrees with the token: the
/// connection's CA, each release key and each package key by its hash. The identity is on disk on return.
/// @throws base::Error{Input} for a token that is none or of another kind, base::Error{Denied} when the
/// dispatcher refuses it, is another one, or shows keys that the token does not name, base::Error{Conflict}
/// when this state directory is enrolled already.
Identity enroll(const StateDirectory& state, const std::string& server, const std::string& token,
                const std::filesystem::path& root);

} // namespace ctl_client
