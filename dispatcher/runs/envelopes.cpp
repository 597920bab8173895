// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/envelopes.hpp"

namespace dispatcher::runs {

Envelopes::Envelopes(std::filesystem::path directory, base::Files& files)
    : directory_(std::move(directory)), files_(files) {
    files_.make_directories(directory_, 0700);
}

std::filesystem::path Envelopes::path(const base::Digest& digest) const {
    return directory_ / (digest.hex() + ".json");
}

protocol::EnvelopeName Envelopes::keep(const std::string& text) {
    const protocol::EnvelopeName name = protocol::EnvelopeName::of(text);
    if (!files_.exists(path(name.digest))) {
        files_.write(path(name.digest), text, 0600);
    }
    return name;
}

std::optional<std::filesystem::path> Envelopes::file(const base::Digest& digest) const {
    return files_.exists(path(digest)) ? std::optional(path(digest)) : std::nullopt;
}

} // namespace dispatcher::runs
