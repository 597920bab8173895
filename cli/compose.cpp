// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/compose.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "rpm/package.hpp"
#include "templates/template.hpp"
#include "workflows/engine/application.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace cli {

namespace {

using workflows::engine::Application;
using workflows::engine::Component;

repo::PoolEntry application_package(const repo::Repository& repository, const base::ReleaseName& name,
                                    const base::ChannelName& channel) {
    const std::string application(base::before_slash(name));
    auto found = repository.newest(channel, application);
    if (!found || !found->about || found->about->kind != "application") {
        throw base::Error(base::Fault::NotFound,
                          "channel '{}' has no application package '{}', while creating release '{}'; build "
                          "it and 'tiercel repo promote' it first",
                          channel, application, name);
    }
    return *found;
}

repo::ManifestPackage item(const repo::PoolEntry& entry) {
    return {entry.nevra, entry.digest, entry.bytes, entry.path, entry.about};
}

/// Two packages of one component cannot own one file: which content would the node have?
void check_paths(const repo::Repository& repository, const repo::Manifest& manifest,
                 const Component& component, const rpm::TrustedKeys& trust) {
    std::map<std::string, std::string> owner;
    for (const std::string& name : component.packages) {
        const auto file = repository.package_file(manifest.find(name)->digest);
        if (!file) {
            throw base::Error(base::Fault::NotFound,
                              "package '{}' is not in the pool; run 'tiercel repo verify'", name);
        }
        for (const rpm::PackagedFile& packaged : rpm::read_package(*file, trust).files) {
            if (packaged.type == 'd') {
                continue;
            }
            const auto [other, first] = owner.emplace(packaged.path, name);
            if (!first) {
                throw base::Error(
                    base::Fault::Input,
                    "packages '{}' and '{}' of component '{}' both own '{}'; let one of them own it",
                    other->second, name, component.name, packaged.path);
            }
        }
    }
}

/// The names that texts of a component's packages may use (docs/formats.md), as dotted paths; `x.*` allows
/// anything below.
struct Vocabulary {
    std::set<std::string> paths{"node.name",   "node.address", "node.root", "node.addresses", "node.labels",
                                "environment", "application",  "component", "release",        "file",
                                "settings",    "consumes",     "node"};

    Vocabulary(const repo::Manifest& manifest, const Component& component) {
        for (const std::string& name : component.packages) {
            const repo::ManifestPackage* package = manifest.find(name);
            if (package == nullptr || !package->about) {
                continue;
            }
            for (const rpm::Setting& setting : package->about->settings) {
                paths.insert("settings." + setting.name);
            }
        }
        for (const auto& [alias, consumed] : component.consumes) {
            paths.insert("consumes." + alias);
        }
        if (component.peers) {
            paths.insert("peers");
        }
    }

    bool knows(const std::string& path) const {
        if (paths.contains(path)) {
            return true;
        }
        // Below addresses, labels and the elements of lists the names are the environment's, not the
        // release's.
        for (const char* open : {"node.addresses.", "node.labels.", "peers."}) {
            if (path.starts_with(open)) {
                return true;
            }
        }
        if (path.starts_with("consumes.")) {
            const auto second = path.find('.', std::string_view("consumes.").size());
            return second != std::string::npos && paths.contains(path.substr(0, second));
        }
        return false;
    }
};

void check_text(const std::string& text, const std::string& place, const Vocabulary& vocabulary,
                const std::string& component) {
    for (const auto& use : templates::Template::parse(text, place).uses()) {
        if (vocabulary.knows(use.path)) {
            continue;
        }
        const auto near = base::nearest(use.path, {vocabulary.paths.begin(), vocabulary.paths.end()});
        throw base::Error(base::Fault::Input, "{}:{}: '{}' is undefined in component '{}'{}", place, use.line,
                          use.path, component,
                          near ? "; did you mean '" + *near + "'?" : "; docs/formats.md lists what there is");
    }
}

void check_argv(const rpm::Argv& argv, const std::string& place, const Vocabulary& vocabulary,
                const std::string& component) {
    for (const std::string& word : argv) {
        check_text(word, place, vocabulary, component);
    }
}

void check_names(const repo::Repository& repository, const repo::Manifest& manifest,
                 const Component& component) {
    const Vocabulary vocabulary(manifest, component);
    for (const std::string& name : component.packages) {
        const repo::ManifestPackage& package = *manifest.find(name);
        if (!package.about) {
            continue;
        }
        const std::string nevra = package.nevra.str();
        for (const rpm::Template& each : package.about->templates) {
            const auto text =
                rpm::read_packaged_file(repository.package_file(package.digest).value(), each.source);
            if (!text) {
                throw base::Error(base::Fault::Corrupt,
                                  "package '{}' lacks its template '{}'; build it again", nevra, each.source);
            }
            check_text(*text, nevra + ":" + each.source, vocabulary, component.name);
            for (const rpm::Argv& argv : each.validate) {
                check_argv(argv, nevra + ": validate of " + each.source, vocabulary, component.name);
            }
        }
        for (const rpm::Service& service : package.about->services) {
            check_argv(service.start, nevra + ": service " + service.name, vocabulary, component.name);
            check_text(service.pid_file, nevra + ": service " + service.name, vocabulary, component.name);
        }
        for (const rpm::Probe& probe : package.about->health) {
            check_text(probe.http.value_or(probe.tcp.value_or("")), nevra + ": check " + probe.name,
                       vocabulary, component.name);
            check_argv(probe.exec.value_or(rpm::Argv{}), nevra + ": check " + probe.name, vocabulary,
                       component.name);
        }
        for (const rpm::PackagedCommand& command : package.about->commands) {
            check_argv(command.run, nevra + ": command " + command.name, vocabulary, component.name);
        }
        if (package.about->drain) {
            check_text(package.about->drain->marker, nevra + ": drain", vocabulary, component.name);
        }
    }
}

} // namespace

repo::Manifest compose(const repo::Repository& repository, const base::ReleaseName& name,
                       const base::ChannelName& channel, base::Time now) {
    const repo::PoolEntry top = application_package(repository, name, channel);
    const Application application = Application::evaluate(top.about->model, top.nevra.str() + ":app.lua");
    if (application.name != base::before_slash(name)) {
        throw base::Error(base::Fault::Input,
                          "package '{}' describes application '{}', but release '{}' is of '{}'",
                          top.nevra.str(), application.name, name, base::before_slash(name));
    }
    repo::Manifest manifest{name,       now, channel.str(), application.to_value(), top.about->workflows,
                            {item(top)}};
    for (const Component& component : application.components) {
        for (const std::string& package : component.packages) {
            if (manifest.find(package) != nullptr) {
                continue;
            }
            const auto entry = repository.newest(channel, package);
            if (!entry) {
                throw base::Error(base::Fault::NotFound,
                                  "package '{}' of component '{}' is not in channel '{}', while creating "
                                  "release '{}'; promote it first",
                                  package, component.name, channel, name);
            }
            manifest.packages.push_back(item(*entry));
        }
    }
    std::ranges::sort(manifest.packages, {},
                      [](const repo::ManifestPackage& package) { return package.nevra.name; });
    const rpm::TrustedKeys trust = repository.package_keys();
    for (const Component& component : application.components) {
        check_paths(repository, manifest, component, trust);
        check_names(repository, manifest, component);
    }
    return manifest;
}

} // namespace cli
