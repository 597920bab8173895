// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/name.hpp"
#include "repo/metadata.hpp"
#include "rpm/signing_key.hpp"

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace repo {

/// Writes `snapshots/<id>/` of a repository: the documents, repomd.xml, its signature, and the link to the
/// pool; all of it is durable, and under its final name only when it is complete. Returns the digest of
/// repomd.xml, which vouches for everything else in it.
base::Digest write_snapshot(const std::filesystem::path& repository, const std::string& id,
                            const std::array<Document, kinds>& documents, const rpm::SigningKey& key,
                            base::Time now, base::Files& files);

/// The snapshot that a channel shows, by its link; nothing when there is no such channel.
std::optional<std::string> shown_by(const std::filesystem::path& repository,
                                    const base::ChannelName& channel);
/// Makes a channel show a snapshot: one rename.
void show(const std::filesystem::path& repository, const base::ChannelName& channel,
          const std::string& snapshot, base::Files& files);
/// Sorted.
std::vector<base::ChannelName> channels_of(const std::filesystem::path& repository, const base::Files& files);

} // namespace repo
