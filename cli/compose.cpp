// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/compose.hpp"

#include "base/error.hpp"
#include "cli/checked_workflows.hpp"
#include "rpm/package.hpp"
#include "templates/template.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/component_commands.hpp"
#include "workflows/engine/schema.hpp"
#include "workflows/engine/variables.hpp"

#include <algorithm>
#include <map>

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

/// Checks the texts of one component's packages: every name that they read without a default must be there on
/// its nodes.
class Texts {
public:
    Texts(const repo::Manifest& manifest, const Application& application, const Component& component)
        : variables_(workflows::engine::variables_of(manifest, application, component)),
          component_(component.name) {}

    /// `validates`: the candidate's path, `file`, is there as well.
    void check(const std::string& text, const std::string& place, bool validates = false) const {
        const auto parsed = templates::Template::parse(text, place);
        for (const auto& use : parsed.uses()) {
            if (validates && use.path == "file") {
                continue;
            }
            if (const auto objection = variables_.objection(use.path)) {
                throw base::Error(base::Fault::Input, "{}:{}: {}, in component '{}'", place, use.line,
                                  *objection, component_);
            }
        }
    }

    void check(const rpm::Argv& argv, const std::string& place, bool validates = false) const {
        for (const std::string& word : argv) {
            check(word, place, validates);
        }
    }

    void check(const rpm::Act& act, const std::string& place) const {
        if (const auto* argv = std::get_if<rpm::Argv>(&act)) {
            check(*argv, place);
        }
    }

private:
    workflows::engine::Variables variables_;
    std::string component_;
};

void check_about(const rpm::About& about, const std::string& nevra, const Texts& texts) {
    for (const rpm::Service& service : about.services) {
        const std::string place = nevra + ": service " + service.name;
        texts.check(service.start, place);
        texts.check(service.pid_file, place);
        texts.check(service.stop, place);
        texts.check(service.reload.value_or(rpm::Signal{}), place);
    }
    for (const rpm::Probe& probe : about.health) {
        texts.check(probe.http.value_or(probe.tcp.value_or("")), nevra + ": check " + probe.name);
        texts.check(probe.exec.value_or(rpm::Argv{}), nevra + ": check " + probe.name);
    }
    for (const rpm::PackagedCommand& command : about.commands) {
        texts.check(command.run, nevra + ": command " + command.name);
    }
    for (const rpm::Hook& hook : about.hooks) {
        texts.check(hook.run, nevra + ": hook " + hook.at);
    }
    if (about.drain) {
        texts.check(about.drain->marker, nevra + ": drain");
    }
}

void check_templates(const repo::Repository& repository, const repo::ManifestPackage& package,
                     const Texts& texts) {
    for (const rpm::Template& each : package.about->templates) {
        const std::string place = package.nevra.str() + ":" + each.source;
        const auto text =
            rpm::read_packaged_file(repository.package_file(package.digest).value(), each.source);
        if (!text) {
            throw base::Error(base::Fault::Corrupt, "{}: the package lacks this template; build it again",
                              place);
        }
        texts.check(*text, place);
        for (const rpm::Argv& argv : each.validate) {
            texts.check(argv, place + ": validate", true);
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
    check_workflows(top.nevra.str(), top.about->workflows);
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
        const std::string where = fmt::format("{}:app.lua:{}", top.nevra.str(), component.line);
        workflows::engine::commands_of(manifest, application, component, where);
        workflows::engine::check_produced(workflows::engine::schema_of(manifest, application, component),
                                          application, component, where);
        check_paths(repository, manifest, component, trust);
        const Texts texts(manifest, application, component);
        for (const std::string& package_name : component.packages) {
            const repo::ManifestPackage& package = *manifest.find(package_name);
            if (package.about) {
                check_about(*package.about, package.nevra.str(), texts);
                check_templates(repository, package, texts);
            }
        }
    }
    return manifest;
}

} // namespace cli
