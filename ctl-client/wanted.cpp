// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/wanted.hpp"

#include "base/error.hpp"

#include "base/fields.hpp"
#include "base/json.hpp"
#include <algorithm>

namespace ctl_client {

Wanted Wanted::checked(const base::Value& desired, std::string_view envelope,
                       const std::vector<base::PublicKey>& release_keys) {
    const base::Fields fields(desired, "desired");
    Wanted wanted{desired,
                  base::to_json(desired),
                  {},
                  base::ComponentName(fields.text("component")),
                  base::ReleaseName(fields.text("release")),
                  {}};
    wanted.digest = base::sha256(wanted.text);
    const repo::SignedManifest signed_manifest =
        repo::SignedManifest::parse(envelope, "manifest of '" + wanted.release.str() + "'");
    const repo::Manifest manifest = signed_manifest.verified(release_keys);
    if (base::Digest::parse(fields.text("manifest")) != signed_manifest.digest() ||
        manifest.release != wanted.release) {
        throw base::Error(
            base::Fault::Denied,
            "the order wants release '{}' by another manifest than the signed one it names; it is refused",
            wanted.release);
    }
    if (before_slash(wanted.component) != before_slash(wanted.release)) {
        throw base::Error(base::Fault::Denied,
                          "component '{}' is not of the application of release '{}'; the order is refused",
                          wanted.component, wanted.release);
    }
    for (const std::string& nevra : fields.texts("packages")) {
        const repo::ManifestPackage* package = manifest.find(base::Nevra::parse(nevra).name);
        if (package == nullptr || package->nevra.str() != nevra) {
            throw base::Error(
                base::Fault::Denied,
                "package '{}' is not in the signed manifest of release '{}'; the order is refused", nevra,
                wanted.release);
        }
        wanted.packages.push_back(*package);
    }
    return wanted;
}

namespace {

/// What the dispatcher says of nodes and services is put into config files: a line break in it would be a
/// line of config that no signed package has.
void refuse_control_characters(const base::Value& value, const std::string& place) {
    if (const std::string* text = value.text()) {
        if (std::ranges::any_of(*text,
                                [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
            throw base::Error(base::Fault::Denied, "'{}' of the order has a control character", place);
        }
    } else if (const base::Array* list = value.array()) {
        for (const base::Value& item : *list) {
            refuse_control_characters(item, place);
        }
    } else if (const base::Object* record = value.object()) {
        for (const base::Member& member : record->members) {
            refuse_control_characters(member.name, place);
            refuse_control_characters(member.value, place + "." + member.name);
        }
    }
}

} // namespace

base::Object variables_of(const base::Value& desired, const base::Object& settings,
                          const std::string& node_root) {
    const base::Fields fields(desired, "desired");
    const base::ComponentName component(fields.text("component"));
    const base::ReleaseName release(fields.text("release"));
    base::Object variables;
    base::Object node;
    if (const auto given = fields.record("node")) {
        for (const char* name : {"name", "address"}) {
            node.set(name, given->text(name, ""));
        }
        for (const char* name : {"addresses", "labels"}) {
            const base::Value* value = given->any(name);
            node.set(name,
                     value != nullptr && value->object() != nullptr ? *value : base::Value(base::Object{}));
        }
    }
    node.set("root", node_root);
    variables.set("node", std::move(node));
    variables.set("environment", fields.text("environment", ""));
    variables.set("application", before_slash(component));
    variables.set("component", after_slash(component));
    variables.set("release", after_slash(release));
    variables.set("settings", settings);
    const base::Value* consumes = fields.any("consumes");
    variables.set("consumes", consumes != nullptr && consumes->object() != nullptr
                                  ? *consumes
                                  : base::Value(base::Object{}));
    if (const base::Value* peers = fields.any("peers"); peers != nullptr && peers->array() != nullptr) {
        variables.set("peers", *peers);
    }
    for (const char* name : {"node", "environment", "consumes", "peers", "settings"}) {
        if (const base::Value* value = variables.find(name)) {
            refuse_control_characters(*value, name);
        }
    }
    return variables;
}

base::Object resolved_settings(const base::Value& desired, const std::vector<rpm::About>& abouts) {
    const base::Value empty = base::Object{};
    const base::Value* given = desired.object() != nullptr ? desired.object()->find("settings") : nullptr;
    const base::Fields fields(given != nullptr ? *given : empty, "desired", "settings");
    base::Object settings;
    for (const rpm::About& about : abouts) {
        for (const rpm::Setting& setting : about.settings) {
            const base::Value* value = fields.any(setting.name);
            if (value == nullptr && setting.absent.is_null()) {
                fields.fail(setting.name,
                            fmt::format("setting '{}' of package '{}' is missing; set it in the environment",
                                        setting.name, about.name));
            }
            if (value != nullptr) {
                if (const auto objection = setting.objection(*value)) {
                    fields.fail(setting.name, fmt::format("setting '{}' {}", setting.name, *objection));
                }
            }
            settings.set(setting.name, value != nullptr ? *value : setting.absent);
        }
    }
    fields.finish();
    return settings;
}

} // namespace ctl_client
