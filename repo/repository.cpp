// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/repository.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/toml.hpp"
#include "repo/catalog.hpp"
#include "repo/leftovers.hpp"
#include "repo/snapshot.hpp"
#include "repo/writer_lock.hpp"
#include "rpm/version_order.hpp"

#include <algorithm>
#include <fmt/ranges.h>
#include <set>
#include <string_view>
#include <utility>

namespace repo {

namespace {

namespace fs = std::filesystem;

base::SystemFiles& system_files() {
    static base::SystemFiles files; // has no state
    return files;
}

/// repository.toml, format 1.
fs::path read_key_path(const fs::path& directory, const base::Files& files) {
    const fs::path file = directory / "repository.toml";
    const base::Value document = base::parse_toml(files.read(file, 64u << 10u), file.native());
    const base::Fields fields(document, file.native());
    if (const std::int64_t format = fields.whole("format", 1, 1'000'000); format != 1) {
        fields.fail(
            "format",
            fmt::format("the repository has format {}, but this program knows format 1; update it", format));
    }
    const fs::path key = fields.text("key");
    fields.finish();
    return directory / key;
}

bool sooner(const PoolEntry& left, const PoolEntry& right) {
    if (left.nevra.name != right.nevra.name) {
        return left.nevra.name < right.nevra.name;
    }
    const std::weak_ordering order = rpm::compare(left.nevra.evr, right.nevra.evr);
    return order != std::weak_ordering::equivalent ? order > 0 : left.nevra.str() < right.nevra.str();
}

std::vector<std::string> blocks(std::string_view text, std::string_view last_line) {
    std::vector<std::string> found;
    for (std::size_t at = 0; (at = text.find("-----BEGIN")) != std::string_view::npos;) {
        const std::size_t end = text.find(last_line, at);
        if (end == std::string_view::npos) {
            break;
        }
        found.emplace_back(text.substr(at, end + last_line.size() - at));
        text.remove_prefix(end + last_line.size());
    }
    return found;
}

} // namespace

Repository::Repository(fs::path directory, base::Files& files)
    : directory_(std::move(directory)), files_(&files),
      catalog_(std::make_unique<Catalog>(directory_ / "state.db")) {}
Repository::~Repository() = default;
Repository::Repository(Repository&&) noexcept = default;

Repository Repository::create(const fs::path& directory, const fs::path& package_key_file,
                              const std::vector<std::string>& release_key_pems, base::Time) {
    base::Files& files = system_files();
    const fs::path place = fs::absolute(directory / "").lexically_normal().parent_path();
    if (!files.list(place).empty()) {
        throw base::Error(base::Fault::Conflict,
                          "'{}' is not empty; a repository begins in a directory of its own",
                          directory.native());
    }
    const rpm::SigningKey key = rpm::SigningKey::load(package_key_file);
    std::string release_keys;
    for (const std::string& pem : release_key_pems) {
        const base::PublicKey release_key = base::PublicKey::from_pem(pem);
        if (release_key.kind() != base::KeyKind::Ed25519) {
            throw base::Error(
                base::Fault::Input,
                "a release key is of kind ed25519, but one of those given for '{}' is not; make one with "
                "'tiercel key new'",
                directory.native());
        }
        release_keys += release_key.pem();
    }
    const fs::path home = place.parent_path();
    const fs::path key_file = fs::absolute(package_key_file).lexically_normal();
    const bool beside =
        std::mismatch(home.begin(), home.end(), key_file.begin(), key_file.end()).first == home.end();
    const fs::path key_path = beside ? key_file.lexically_relative(place) : key_file;

    const fs::path made = home / ("." + place.filename().native() + ".new");
    files.remove(made);
    for (const std::string_view part : {"pool", "snapshots", "channels", "releases", "keys"}) {
        files.make_directories(made / part);
    }
    files.write(made / "keys" / "packages.asc", key.certificate());
    files.write(made / "keys" / "release.pub", release_keys);
    files.write(made / "repository.toml",
                fmt::format("format = 1\n# signs repomd.xml; relative to this file\nkey = \"{}\"\n",
                            key_path.native()));
    Catalog(made / "state.db");
    files.rename(made, place);
    return open(directory);
}

Repository Repository::open(const fs::path& directory) {
    return open(directory, system_files());
}

Repository Repository::open(const fs::path& directory, base::Files& files) {
    if (!files.exists(directory / "repository.toml")) {
        throw base::Error(base::Fault::NotFound,
                          "'{0}' is no repository; make one with 'tiercel repo init {0}'",
                          directory.native());
    }
    read_key_path(directory, files);
    return Repository(directory, files);
}

std::vector<PoolEntry> Repository::add(const std::vector<fs::path>& packages,
                                       const base::ChannelName& channel, base::Time now,
                                       const std::function<void(const PoolEntry&)>& inspect) {
    if (packages.empty()) {
        throw base::Error(base::Fault::Input,
                          "no package was given for channel '{}'; name at least one .rpm file", channel);
    }
    const WriterLock lock(directory_);
    remove_leftovers(directory_, *catalog_, *files_);
    const StageSweeper sweeper(directory_);
    const std::vector<Arrival> arrivals = stage(directory_, packages, package_keys());
    refuse_other_content(arrivals);
    if (inspect) {
        std::ranges::for_each(arrivals, inspect, &Arrival::entry);
    }

    std::set<base::Digest> held;
    const std::optional<std::string> shown = shown_by(directory_, channel);
    if (shown) {
        for (const Arrival& arrival : arrivals) {
            for (const PoolEntry& entry : catalog_->packages_of(*shown, arrival.entry.nevra.name)) {
                held.insert(entry.digest);
            }
        }
    }
    std::vector<PoolEntry> all;
    std::vector<PoolEntry> added;
    for (const Arrival& arrival : arrivals) {
        all.push_back(arrival.entry);
        if (!held.contains(arrival.entry.digest)) {
            added.push_back(arrival.entry);
        }
    }
    heal(arrivals);
    if (!shown || !added.empty()) {
        publish(channel, arrivals, added, now);
    }
    return all;
}

void Repository::heal(const std::vector<Arrival>& arrivals) {
    std::vector<Arrival> missing;
    for (const Arrival& arrival : arrivals) {
        const fs::path file = directory_ / arrival.entry.path;
        const bool known = catalog_->package(arrival.entry.digest).has_value();
        if (known && (!files_->exists(file) || base::sha256_of_file(file) != arrival.entry.digest)) {
            missing.push_back(arrival);
        }
    }
    settle(directory_, missing, *files_);
}

void Repository::refuse_other_content(const std::vector<Arrival>& arrivals) const {
    for (auto at = arrivals.begin(); at != arrivals.end(); ++at) {
        const std::optional<base::Digest> known = catalog_->digest_of(at->entry.nevra);
        const bool other_known = known && *known != at->entry.digest;
        const bool other_given = std::any_of(
            arrivals.begin(), at, [&](const Arrival& other) { return other.entry.nevra == at->entry.nevra; });
        if (other_known || other_given) {
            throw base::Error(base::Fault::Conflict,
                              "package '{}' {} with other content; a published package never changes, build "
                              "it with a new version or release",
                              at->entry.nevra.str(),
                              other_known ? "is already in the repository" : "was given twice");
        }
    }
}

void Repository::publish(const base::ChannelName& channel, const std::vector<Arrival>& arrivals,
                         const std::vector<PoolEntry>& added, base::Time now) {
    const rpm::SigningKey key = rpm::SigningKey::load(read_key_path(directory_, *files_));
    std::vector<Arrival> fresh;
    for (const Arrival& arrival : arrivals) {
        if (!catalog_->package(arrival.entry.digest)) {
            fresh.push_back(arrival);
        }
    }
    if (!fresh.empty()) {
        base::Transaction announcement(catalog_->database());
        for (const Arrival& arrival : fresh) {
            catalog_->database()
                .prepare("INSERT OR IGNORE INTO arriving VALUES (?)")
                .with(arrival.entry.digest.hex())
                .run();
        }
        announcement.commit();
    }
    settle(directory_, fresh, *files_);

    const std::string snapshot = base::make_ulid(now);
    base::Transaction transaction(catalog_->database());
    std::vector<std::int64_t> ids;
    for (const Arrival& arrival : fresh) {
        catalog_->insert(arrival.entry, arrival.elements, snapshot);
    }
    for (const PoolEntry& entry : added) {
        ids.push_back(catalog_->id_of(entry.digest));
    }
    const std::string before = shown_by(directory_, channel).value_or("");
    const Layout layout = with_packages(catalog_->database(), layout_of(catalog_->database(), before), ids);
    const std::uint64_t packages = catalog_->size_of(before) + added.size();
    std::array<Document, kinds> documents;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        documents.at(kind) = assemble(catalog_->database(), layout, kind, packages);
    }
    const base::Digest repomd = write_snapshot(directory_, snapshot, documents, key, now, *files_);
    catalog_->insert_snapshot(snapshot, layout, packages, repomd, now);
    catalog_->database().execute("DELETE FROM arriving; DELETE FROM pending");
    catalog_->database().prepare("INSERT INTO pending VALUES (?)").with(snapshot).run();
    transaction.commit();

    show(directory_, channel, snapshot, *files_);
}

std::vector<PoolEntry> Repository::promote(const base::ChannelName& from, const base::ChannelName& to,
                                           const std::vector<std::string>& packages, base::Time now) {
    if (from == to) {
        throw base::Error(base::Fault::Input,
                          "channel '{}' cannot be promoted to itself; name another channel", from);
    }
    const WriterLock lock(directory_);
    remove_leftovers(directory_, *catalog_, *files_);
    const std::string source = snapshot_of(from);
    const std::optional<std::string> target = shown_by(directory_, to);
    std::vector<PoolEntry> moved;
    std::set<base::Digest> held;
    const auto note_held = [&](const std::optional<std::string>& name) {
        for (const PoolEntry& entry :
             target ? catalog_->packages_of(*target, name) : std::vector<PoolEntry>()) {
            held.insert(entry.digest);
        }
    };
    if (packages.empty()) {
        moved = list(from);
        note_held({});
    }
    for (const std::string& name : std::set<std::string>(packages.begin(), packages.end())) {
        const std::optional<PoolEntry> entry = newest(from, name);
        if (!entry) {
            throw base::Error(base::Fault::NotFound,
                              "package '{0}' is not in channel '{1}'; see 'tiercel repo list --channel {1}'",
                              name, from);
        }
        moved.push_back(*entry);
        note_held(name);
    }
    std::erase_if(moved, [&](const PoolEntry& entry) { return held.contains(entry.digest); });
    if (!packages.empty()) {
        if (!moved.empty()) {
            publish(to, {}, moved, now);
        }
    } else if (target != source) {
        // All snapshots are published by now (remove_leftovers has seen to it), and must stay so when their
        // channel moves on.
        catalog_->database().execute("DELETE FROM pending");
        show(directory_, to, source, *files_);
    }
    return moved;
}

std::string Repository::snapshot_of(const base::ChannelName& channel) const {
    if (const std::optional<std::string> snapshot = shown_by(directory_, channel)) {
        return *snapshot;
    }
    const std::vector<std::string> all = channels();
    if (all.empty()) {
        throw base::Error(base::Fault::NotFound,
                          "channel '{0}' is not in repository '{1}', which has none yet; 'tiercel repo add "
                          "--channel {0}' makes it",
                          channel, directory_.native());
    }
    throw base::Error(base::Fault::NotFound, "channel '{}' is not in repository '{}'; it has '{}'", channel,
                      directory_.native(), fmt::join(all, "', '"));
}

std::vector<std::string> Repository::channels() const {
    std::vector<std::string> names;
    for (const base::ChannelName& channel : channels_of(directory_, *files_)) {
        names.push_back(channel.str());
    }
    return names;
}

std::vector<PoolEntry> Repository::list(const base::ChannelName& channel) const {
    std::vector<PoolEntry> entries = catalog_->packages_of(snapshot_of(channel));
    std::sort(entries.begin(), entries.end(), sooner);
    return entries;
}

std::optional<PoolEntry> Repository::newest(const base::ChannelName& channel,
                                            const std::string& package_name) const {
    const std::vector<PoolEntry> entries = catalog_->packages_of(snapshot_of(channel), package_name);
    const auto first = std::min_element(entries.begin(), entries.end(), sooner);
    return first == entries.end() ? std::nullopt : std::optional(*first);
}

std::vector<base::PublicKey> Repository::release_keys() const {
    std::vector<base::PublicKey> keys;
    for (const std::string& pem :
         blocks(files_->read(directory_ / "keys" / "release.pub"), "-----END PUBLIC KEY-----")) {
        keys.push_back(base::PublicKey::from_pem(pem + "\n"));
    }
    return keys;
}

rpm::TrustedKeys Repository::package_keys() const {
    return {blocks(files_->read(directory_ / "keys" / "packages.asc"), "-----END PGP PUBLIC KEY BLOCK-----")};
}

std::optional<fs::path> Repository::package_file(const base::Digest& digest) const {
    const std::optional<PoolEntry> entry = catalog_->package(digest);
    if (!entry || !files_->exists(directory_ / entry->path)) {
        return std::nullopt;
    }
    return directory_ / entry->path;
}

} // namespace repo
