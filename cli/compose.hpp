// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "repo/repository.hpp"

namespace cli {

/// Puts a release together: the application package of that name in the channel, its app.lua evaluated, and
/// the newest package in the channel for each name that its components list. Checks what can be known before
/// any node is asked.
/// @throws base::Error{Input | NotFound}: no application package; a component's package that the channel
/// lacks; two packages of one component that own one path; a template that uses a name which the component
/// does not have (package, template, line, nearest).
repo::Manifest compose(const repo::Repository& repository, const base::ReleaseName& name,
                       const base::ChannelName& channel, base::Time now);

} // namespace cli
