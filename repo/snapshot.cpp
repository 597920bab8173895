// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/snapshot.hpp"

#include "base/error.hpp"
#include "base/openpgp.hpp"

#include <chrono>
#include <cstdint>
#include <system_error>

namespace repo {

namespace fs = std::filesystem;

base::Digest write_snapshot(const fs::path& repository, const std::string& id,
                            const std::array<Document, kinds>& documents, const rpm::SigningKey& key,
                            base::Time now, base::Files& files) {
    const fs::path directory = repository / "snapshots" / ("." + id);
    const fs::path repodata = directory / "repodata";
    files.make_directories(repodata);
    files.link("../../pool", directory / "Packages");
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        files.write(repodata / documents.at(kind).file_name(kind), documents.at(kind).gzip);
    }
    const std::string repomd = repomd_xml(documents, now);
    files.write(repodata / "repomd.xml", repomd);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    const std::string signature = key.openpgp().sign(repomd, static_cast<std::uint32_t>(seconds));
    files.write(repodata / "repomd.xml.asc", base::armor(signature, "SIGNATURE"));
    // For those who set up a package manager: where they find the repository, they find its key.
    files.write(repodata / "repomd.xml.key", key.certificate());
    files.rename(directory, repository / "snapshots" / id);
    return base::sha256(repomd);
}

std::optional<std::string> shown_by(const fs::path& repository, const base::ChannelName& channel) {
    std::error_code problem;
    const fs::path target = fs::read_symlink(repository / "channels" / channel.str(), problem);
    if (problem == std::errc::no_such_file_or_directory) {
        return std::nullopt;
    }
    if (problem || target.parent_path() != fs::path("../snapshots")) {
        throw base::Error(base::Fault::Corrupt, "channel '{}' is no link to a snapshot, in repository '{}'",
                          channel, repository.native());
    }
    return target.filename().native();
}

void show(const fs::path& repository, const base::ChannelName& channel, const std::string& snapshot,
          base::Files& files) {
    files.link(fs::path("../snapshots") / snapshot, repository / "channels" / channel.str());
}

std::vector<base::ChannelName> channels_of(const fs::path& repository, const base::Files& files) {
    std::vector<base::ChannelName> channels;
    for (const std::string& name : files.list(repository / "channels")) {
        if (!name.starts_with('.')) { // a link on its way
            channels.emplace_back(name);
        }
    }
    return channels;
}

} // namespace repo
