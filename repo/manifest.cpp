// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/manifest.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "repo/pool.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace repo {

namespace {

constexpr std::string_view signed_domain = "tiercel-release-v1\n";

/// What `make` throws about one member's text, with the member's place in front.
template <class Make> auto read(const base::Fields& fields, std::string_view key, Make make) {
    const std::string text = fields.text(key);
    try {
        return make(text);
    } catch (const base::Error& error) {
        fields.fail(key, error.message());
    }
}

ManifestPackage package_from(const base::Fields& fields) {
    ManifestPackage package;
    const std::string name = fields.text("name");
    package.nevra = read(fields, "nevra", base::Nevra::parse);
    if (package.nevra.name != name) {
        fields.fail("nevra", fmt::format("package '{}' has the nevra of '{}'", name, package.nevra.name));
    }
    package.digest = read(fields, "sha256", base::Digest::parse);
    package.bytes =
        static_cast<std::uint64_t>(fields.whole("bytes", 1, std::numeric_limits<std::int64_t>::max()));
    package.path = fields.text("path");
    if (const std::string place = pool_path(package.digest, package.nevra); package.path != place) {
        fields.fail("path", fmt::format("package '{}' lies at '{}', but its place is '{}'", name,
                                        package.path, place));
    }
    if (const base::Value* about = fields.any("about"); about != nullptr && !about->is_null()) {
        package.about = rpm::About::from_value(*about, fields.file());
        if (package.about->name != name) {
            fields.fail("about", fmt::format("package '{}' carries the description of '{}'", name,
                                             package.about->name));
        }
    }
    return package;
}

base::Value value_of(const ManifestPackage& package) {
    base::Object record{{"name", package.nevra.name},
                        {"nevra", package.nevra.str()},
                        {"sha256", package.digest.str()},
                        {"bytes", package.bytes},
                        {"path", package.path}};
    if (package.about) {
        record.set("about", package.about->to_value());
    }
    return record;
}

std::string signed_bytes(const std::string& payload) {
    return std::string(signed_domain) + payload;
}

/// The name that a payload gives itself: for sentences about payloads that are not to be trusted (yet).
std::string called(const std::string& payload) {
    try {
        const base::Value document = base::parse_json(payload, "release");
        const base::Object* record = document.object();
        const base::Value* name = record == nullptr ? nullptr : record->find("release");
        if (name != nullptr && name->text() != nullptr) {
            return "release '" + base::ReleaseName(*name->text()).str() + "'";
        }
    } catch (const base::Error&) {
        // A payload that does not even have a name is named as what it is.
    }
    return "the release manifest";
}

} // namespace

const ManifestPackage* Manifest::find(const std::string& package_name) const noexcept {
    const auto found = std::find_if(packages.begin(), packages.end(), [&](const ManifestPackage& package) {
        return package.nevra.name == package_name;
    });
    return found == packages.end() ? nullptr : &*found;
}

base::Value Manifest::to_value() const {
    base::Object scripts;
    for (const auto& [name, text] : workflows) {
        scripts.set(name, text);
    }
    base::Array list;
    for (const ManifestPackage& package : packages) {
        list.push_back(value_of(package));
    }
    return base::Object{{"format", 1},
                        {"release", release.str()},
                        {"created", base::to_rfc3339(created)},
                        {"channel", channel},
                        {"application", application},
                        {"workflows", std::move(scripts)},
                        {"packages", std::move(list)}};
}

Manifest Manifest::from_value(const base::Value& document, const std::string& file) {
    const base::Fields fields(document, file);
    if (const std::int64_t format = fields.whole("format", 1, std::numeric_limits<std::int64_t>::max());
        format != 1) {
        fields.fail(
            "format",
            fmt::format("the release manifest has format {}, but this program reads format 1; update it",
                        format));
    }
    Manifest manifest{
        read(fields, "release", [](const std::string& text) { return base::ReleaseName(text); }),
        read(fields, "created", base::from_rfc3339),
        read(fields, "channel", [](const std::string& text) { return base::ChannelName(text).str(); }),
        {},
        {},
        {}};
    const base::Value* application = fields.any("application");
    if (application == nullptr || application->object() == nullptr) {
        fields.fail("application",
                    application == nullptr
                        ? "'application' is missing"
                        : fmt::format("'application' is {}, but must be a record", application->kind()));
    }
    manifest.application = *application;
    if (const std::optional<base::Fields> scripts = fields.record("workflows")) {
        for (const base::Member& script : scripts->members()) {
            manifest.workflows.emplace(script.name, scripts->text(script.name));
        }
    }
    for (const base::Fields& record : fields.records("packages")) {
        ManifestPackage package = package_from(record);
        if (!manifest.packages.empty() && package.nevra.name <= manifest.packages.back().nevra.name) {
            record.fail(
                "name",
                fmt::format("package '{}' stands after '{}'; packages are sorted by name, one of each",
                            package.nevra.name, manifest.packages.back().nevra.name));
        }
        manifest.packages.push_back(std::move(package));
    }
    if (manifest.packages.empty()) {
        fields.fail("packages", fmt::format("release '{}' has no packages", manifest.release));
    }
    return manifest;
}

SignedManifest SignedManifest::sign(const Manifest& manifest, const base::Signer& release_key) {
    const base::PublicKey key = release_key.public_key();
    if (key.kind() != base::KeyKind::Ed25519) {
        throw base::Error(base::Fault::Input,
                          "release '{}' cannot be signed with this key: a release key is of kind ed25519; "
                          "make one with 'tiercel key new'",
                          manifest.release);
    }
    SignedManifest made;
    const base::Value document = manifest.to_value();
    // What nobody could read must not be signed.
    Manifest::from_value(document, fmt::format("release '{}'", manifest.release));
    made.payload = base::to_json(document);
    made.signatures.push_back({key.fingerprint(), release_key.sign(signed_bytes(made.payload))});
    return made;
}

SignedManifest SignedManifest::parse(std::string_view json, const std::string& name) {
    const base::Value document = base::parse_json(json, name);
    const base::Fields fields(document, name);
    SignedManifest read_one;
    read_one.payload = fields.text("payload");
    for (const base::Fields& record : fields.records("signatures")) {
        read_one.signatures.push_back(
            {read(record, "key", base::Digest::parse), read(record, "signature", base::from_base64)});
    }
    return read_one;
}

std::string SignedManifest::json() const {
    base::Array list;
    for (const Signature& one : signatures) {
        list.push_back(base::Object{{"key", one.key.str()}, {"signature", base::to_base64(one.signature)}});
    }
    return base::to_pretty_json(base::Object{{"payload", payload}, {"signatures", std::move(list)}});
}

base::Digest SignedManifest::digest() const {
    return base::sha256(payload);
}

Manifest SignedManifest::verified(const std::vector<base::PublicKey>& trusted) const {
    const std::string bytes = signed_bytes(payload);
    const bool good = std::any_of(signatures.begin(), signatures.end(), [&](const Signature& one) {
        return std::any_of(trusted.begin(), trusted.end(), [&](const base::PublicKey& key) {
            return key.kind() == base::KeyKind::Ed25519 && key.fingerprint() == one.key &&
                   key.verifies(bytes, one.signature);
        });
    });
    const std::string name = called(payload);
    if (!good) {
        throw base::Error(base::Fault::Denied, "{} is not signed by a trusted release key", name);
    }
    return Manifest::from_value(base::parse_json(payload, name), name);
}

} // namespace repo
