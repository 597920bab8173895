// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/auth/tokens.hpp"
#include "dispatcher/nodes/authority.hpp"
#include "dispatcher/nodes/inventory.hpp"

#include <string_view>

namespace dispatcher::nodes {

/// A node becomes known: its one-time token and the request that it made on its own key against a
/// certificate. The token is used up in the same transaction; the same request with the same token gets the
/// same certificate again, so that an answer that was lost on the way costs nothing.
/// @throws base::Error{Denied} for a token that is unknown, used, expired or revoked; base::Error{Input} for
/// a malformed request.
base::Certificate enroll(base::Database& database, auth::Tokens& tokens, Inventory& inventory,
                         const Authority& authority, std::string_view token_text,
                         std::string_view request_pem, base::Time now);

} // namespace dispatcher::nodes
