// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/preparation.hpp"

#include "base/error.hpp"
#include "ctl-client/rendering.hpp"
#include "ctl-client/service_record.hpp"

#include <algorithm>
#include <set>

namespace ctl_client {
namespace {

/// Kept free beside what a download needs: the journal must be able to go on.
constexpr std::uint64_t reserve_bytes = 16u << 20;

bool intact(const std::filesystem::path& file, const base::Digest& digest) {
    std::error_code problem;
    return std::filesystem::is_regular_file(file, problem) && base::sha256_of_file(file) == digest;
}

void refuse_twin_commands(const Generation& generation) {
    std::set<std::string> names;
    for (const rpm::About& about : generation.abouts) {
        for (const rpm::PackagedCommand& command : about.commands) {
            if (!names.insert(command.name).second) {
                throw base::Error(base::Fault::Input,
                                  "command '{}' is brought by two packages of component '{}'", command.name,
                                  generation.component);
            }
        }
    }
}

} // namespace

std::string node_root(const std::filesystem::path& root) {
    return root == "/" ? std::string() : root.string();
}

void Preparation::download(const Wanted& wanted) {
    std::vector<Download> missing;
    for (const repo::ManifestPackage& package : wanted.packages) {
        const std::filesystem::path file = parts_.state.stage(package.digest);
        if (!intact(file, package.digest)) {
            missing.push_back({parts_.source(package), package.digest, package.bytes, file});
        }
    }
    fetch(missing);
}

void Preparation::fetch(const std::vector<Download>& missing) {
    if (missing.empty()) {
        return;
    }
    std::uint64_t bytes = 0;
    for (const Download& download : missing) {
        bytes += download.bytes;
    }
    const std::uint64_t free = parts_.files.free_bytes(parts_.state.stage());
    if (free < bytes + reserve_bytes) {
        throw base::Error(base::Fault::Unavailable,
                          "the downloads need {} bytes of disk space, but '{}' has {} free of which {} stay "
                          "reserved; make room",
                          bytes, parts_.state.stage().string(), free, reserve_bytes);
    }
    parts_.packages.fetch(missing);
}

std::filesystem::path Preparation::envelope_file(const base::Digest& digest) const {
    return parts_.state.manifests() / (digest.hex() + ".json");
}

std::string Preparation::envelope(const dispatcher::protocol::EnvelopeName& name) {
    const std::filesystem::path file = envelope_file(name.digest);
    if (!intact(file, name.digest)) {
        fetch({{parts_.manifest_source(name.digest), name.digest, name.bytes, file}});
    }
    return parts_.files.read(file, dispatcher::protocol::max_envelope_bytes);
}

dispatcher::protocol::EnvelopeName Preparation::hold_envelope(std::string_view text) {
    const auto name = dispatcher::protocol::EnvelopeName::of(text);
    parts_.files.write(envelope_file(name.digest), text, 0600);
    return name;
}

Generation Preparation::make(const Wanted& wanted) {
    download(wanted);
    Generation generation;
    generation.component = wanted.component.str();
    generation.release = wanted.release.str();
    generation.desired = wanted.text;
    generation.desired_digest = wanted.digest;
    std::vector<PackageContent> contents;
    std::vector<rpm::About> abouts;
    for (const repo::ManifestPackage& package : wanted.packages) {
        PackageContent content = parts_.packages.read(parts_.state.stage(package.digest));
        if (!(content.identity.nevra == package.nevra)) {
            throw base::Error(
                base::Fault::Denied,
                "the signed manifest calls a package '{}', but the package calls itself '{}'; it is refused",
                package.nevra.str(), content.identity.nevra.str());
        }
        generation.packages.push_back({content.identity, package.digest, package.bytes});
        parts_.generations.hold(generation.packages.back());
        if (content.about) {
            abouts.push_back(*content.about);
        }
        contents.push_back(std::move(content));
    }
    const base::Object variables =
        variables_of(wanted.document, resolved_settings(wanted.document, abouts), node_root(parts_.root));
    for (const rpm::About& about : abouts) {
        generation.abouts.push_back(rendered(about, variables));
    }
    refuse_twin_commands(generation);
    std::set<std::string> paths;
    for (const PackageContent& content : contents) {
        const std::vector<ConfigFile> config = rendered_config(content, variables);
        validate(content, config, variables, parts_.state.candidate(), parts_.processes);
        for (const ConfigFile& file : config) {
            if (!paths.insert(file.path).second) {
                throw base::Error(base::Fault::Input,
                                  "config '{}' is brought by two packages of component '{}'", file.path,
                                  generation.component);
            }
            generation.config.push_back(file);
        }
    }
    std::sort(generation.config.begin(), generation.config.end(),
              [](const ConfigFile& left, const ConfigFile& right) { return left.path < right.path; });
    const auto services = services_of(generation);
    for (const ConfigFile& file : generation.config) {
        for (const auto* names : {&file.restart, &file.reload}) {
            for (const std::string& name : *names) {
                if (!services.contains(name)) {
                    throw base::Error(base::Fault::Input,
                                      "config '{}' restarts or reloads service '{}', which no package of "
                                      "component '{}' brings",
                                      file.path, name, generation.component);
                }
            }
        }
    }
    return generation;
}

void Preparation::require_held(const std::vector<HeldPackage>& packages) {
    for (const HeldPackage& package : packages) {
        if (!intact(parts_.state.stage(package.file), package.file)) {
            throw base::Error(base::Fault::Conflict,
                              "the file of package '{}', which the way back needs, is missing or damaged in "
                              "'{}'; deploy its release again first",
                              package.identity.nevra.str(), parts_.state.stage().string());
        }
    }
}

} // namespace ctl_client
