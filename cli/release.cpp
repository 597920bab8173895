// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel release`: immutable, signed manifests.
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/compose.hpp"
#include "cli/nouns.hpp"
#include "cli/open_repository.hpp"
#include "cli/project.hpp"
#include "cli/terminal.hpp"

#include <iostream>
#include <set>

namespace cli {

namespace {

int create(const Arguments& arguments) {
    repo::Repository repository = open_repository(arguments);
    const base::ReleaseName name(arguments.text("APP/NAME"));
    const auto key_file = arguments.maybe("--key");
    const std::filesystem::path key =
        key_file ? std::filesystem::path(*key_file) : Project::find(arguments.directory).release_key;
    const auto signer = base::PrivateKey::from_pem(base::SystemFiles().read(key, 1u << 20));
    const repo::Manifest manifest =
        compose(repository, name, base::ChannelName(arguments.text("--from")), base::SystemClock().now());
    const auto signed_manifest = repo::SignedManifest::sign(manifest, signer);
    repository.store_release(signed_manifest, name);
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"release", name.str()},
                                                {"digest", signed_manifest.digest().str()},
                                                {"manifest", manifest.to_value()}})
                  << "\n";
    } else {
        std::cout << "release " << name.str() << ": " << count(manifest.packages.size(), "package") << ", "
                  << signed_manifest.digest().str() << "\n";
    }
    return 0;
}

int list(const Arguments& arguments) {
    const repo::Repository repository = open_repository(arguments);
    const auto trusted = repository.release_keys();
    base::Array releases;
    std::vector<std::vector<std::string>> rows{{"RELEASE", "CREATED", "FROM", "PACKAGES"}};
    for (const base::ReleaseName& name : repository.releases()) {
        const repo::Manifest manifest = repository.release(name).verified(trusted);
        rows.push_back({name.str(), base::to_rfc3339(manifest.created), manifest.channel,
                        std::to_string(manifest.packages.size())});
        releases.push_back(base::Object{{"release", name.str()},
                                        {"created", base::to_rfc3339(manifest.created)},
                                        {"channel", manifest.channel},
                                        {"packages", manifest.packages.size()}});
    }
    std::cout << (arguments.json ? base::to_json(base::Object{{"releases", std::move(releases)}}) + "\n"
                                 : table(rows));
    return 0;
}

repo::Manifest verified(const repo::Repository& repository, const std::string& name) {
    return repository.release(base::ReleaseName(name)).verified(repository.release_keys());
}

int show(const Arguments& arguments) {
    const repo::Repository repository = open_repository(arguments);
    const repo::Manifest manifest = verified(repository, arguments.text("APP/NAME"));
    if (arguments.json) {
        std::cout << base::to_json(manifest.to_value()) << "\n";
        return 0;
    }
    std::cout << "release " << manifest.release.str() << ", created " << base::to_rfc3339(manifest.created)
              << " from channel " << manifest.channel << "\n";
    std::vector<std::vector<std::string>> rows{{"PACKAGE", "BYTES", "SHA-256"}};
    for (const repo::ManifestPackage& package : manifest.packages) {
        rows.push_back({package.nevra.str(), std::to_string(package.bytes), package.digest.hex()});
    }
    std::cout << table(rows);
    return 0;
}

int diff(const Arguments& arguments) {
    const repo::Repository repository = open_repository(arguments);
    const repo::Manifest before = verified(repository, arguments.text("A"));
    const repo::Manifest after = verified(repository, arguments.text("B"));
    std::set<std::string> names;
    for (const repo::Manifest* manifest : {&before, &after}) {
        for (const repo::ManifestPackage& package : manifest->packages) {
            names.insert(package.nevra.name);
        }
    }
    base::Array changes;
    for (const std::string& name : names) {
        const repo::ManifestPackage* old = before.find(name);
        const repo::ManifestPackage* now = after.find(name);
        if (old != nullptr && now != nullptr && old->digest == now->digest) {
            continue;
        }
        changes.push_back(
            base::Object{{"name", name},
                         {"from", old != nullptr ? base::Value(old->nevra.str()) : base::Value()},
                         {"to", now != nullptr ? base::Value(now->nevra.str()) : base::Value()}});
        if (!arguments.json) {
            const std::string line = old == nullptr   ? "+ " + now->nevra.str()
                                     : now == nullptr ? "- " + old->nevra.str()
                                                      : "~ " + old->nevra.str() + " -> " + now->nevra.str();
            std::cout << paint(old == nullptr   ? Color::Green
                               : now == nullptr ? Color::Red
                                                : Color::Yellow,
                               line)
                      << "\n";
        }
    }
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"from", before.release.str()},
                                                {"to", after.release.str()},
                                                {"packages", std::move(changes)}})
                  << "\n";
    } else if (changes.empty() && !arguments.quiet) {
        std::cout << "the releases hold the same packages\n";
    }
    return 0;
}

} // namespace

std::vector<Verb> release_verbs() {
    const Option name{"APP/NAME", "the release, as shop/1.0", Option::Kind::Positional, true};
    return {
        {"release",
         "create",
         "Fix the exact packages of a release and sign them",
         "tiercel release create shop/1.0 --from stable",
         {name,
          {"--from", "channel to take the packages from", Option::Kind::Text, true},
          {"--key", "release key; the project's when absent", Option::Kind::Text, false}},
         create},
        {"release", "list", "Releases of the repository", "tiercel release list", {}, list},
        {"release", "show", "The exact packages of a release", "tiercel release show shop/1.0", {name}, show},
        {"release",
         "diff",
         "What changed between two releases",
         "tiercel release diff shop/1.0 shop/2.0",
         {{"A", "the earlier one", Option::Kind::Positional, true},
          {"B", "the later one", Option::Kind::Positional, true}},
         diff},
    };
}

} // namespace cli
