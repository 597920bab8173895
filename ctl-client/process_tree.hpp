// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <vector>

namespace ctl_client {

/// All living descendants of a process, by the parents that /proc names; zombies are not among them. One that
/// was left by its parent has gone to its nearest subreaper: with PR_SET_CHILD_SUBREAPER set, `root` keeps
/// those too, whatever session they have made for themselves.
std::vector<pid_t> descendants(pid_t root);

} // namespace ctl_client
