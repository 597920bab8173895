// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/generation.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>

namespace ctl_client {

std::string Generation::document() const {
    base::Array package_list;
    for (const HeldPackage& package : packages) {
        package_list.push_back(base::Object{{"nevra", package.identity.nevra.str()},
                                            {"header_digest", package.identity.header_digest},
                                            {"file", package.file.str()},
                                            {"bytes", package.bytes}});
    }
    base::Array about_list;
    for (const rpm::About& about : abouts) {
        about_list.push_back(about.to_value());
    }
    base::Array actions;
    for (const ConfigFile& file : config) {
        actions.push_back(
            base::Object{{"path", file.path}, {"restart", file.restart}, {"reload", file.reload}});
    }
    return base::to_json(base::Object{{"component", component},
                                      {"release", release},
                                      {"desired", desired},
                                      {"packages", std::move(package_list)},
                                      {"abouts", std::move(about_list)},
                                      {"actions", std::move(actions)}});
}

Generation Generation::from_document(std::string_view text) {
    try {
        const base::Value document = base::parse_json(text, "generation", base::JsonLimits{64u << 20, 64});
        const base::Fields fields(document, "generation");
        Generation generation;
        generation.component = fields.text("component");
        generation.release = fields.text("release");
        generation.desired = fields.text("desired");
        generation.desired_digest = base::sha256(generation.desired);
        for (const base::Fields& package : fields.records("packages")) {
            generation.packages.push_back(
                {{base::Nevra::parse(package.text("nevra")), package.text("header_digest")},
                 base::Digest::parse(package.text("file")),
                 static_cast<std::uint64_t>(package.whole("bytes", 0, INT64_MAX))});
        }
        const base::Value* abouts = fields.any("abouts");
        if (abouts != nullptr && abouts->array() != nullptr) {
            for (const base::Value& about : *abouts->array()) {
                generation.abouts.push_back(rpm::About::from_value(about, "generation"));
            }
        }
        for (const base::Fields& action : fields.records("actions")) {
            ConfigFile file;
            file.path = action.text("path");
            file.restart = action.texts("restart");
            file.reload = action.texts("reload");
            generation.config.push_back(std::move(file));
        }
        return generation;
    } catch (const base::Error& error) {
        throw base::Error(base::Fault::Corrupt, "a generation in the client's journal cannot be read: {}",
                          error.message());
    }
}

const HeldPackage* Generation::find(const std::string& package_name) const noexcept {
    const auto found = std::find_if(packages.begin(), packages.end(), [&](const HeldPackage& package) {
        return package.identity.nevra.name == package_name;
    });
    return found == packages.end() ? nullptr : &*found;
}

std::vector<std::string> Generation::package_names() const {
    std::vector<std::string> names;
    for (const HeldPackage& package : packages) {
        names.push_back(package.identity.nevra.name);
    }
    return names;
}

} // namespace ctl_client
