// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/rendering.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "templates/template.hpp"

namespace ctl_client {
namespace {

/// Renders the texts of one package; errors name it and the member.
struct Text {
    const std::string& package;
    const base::Object& variables;

    std::string operator()(const std::string& text, const std::string& member) const {
        return templates::render(text, variables, package + ", " + member);
    }
    rpm::Argv operator()(const rpm::Argv& argv, const std::string& member) const {
        rpm::Argv result;
        for (const std::string& word : argv) {
            result.push_back((*this)(word, member));
        }
        return result;
    }
    rpm::Act operator()(const rpm::Act& act, const std::string& member) const {
        const auto* argv = std::get_if<rpm::Argv>(&act);
        return argv == nullptr ? act : rpm::Act((*this)(*argv, member));
    }
};

constexpr std::size_t shown_bytes = 2000;

/// The end of what a program said: errors stand there.
std::string last_words(const base::Outcome& outcome) {
    std::string text = outcome.errors.empty() ? outcome.output : outcome.errors;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.pop_back();
    }
    return text.size() > shown_bytes ? "… " + text.substr(text.size() - shown_bytes) : text;
}

std::string shown(const rpm::Argv& argv) {
    std::string line;
    for (const std::string& word : argv) {
        line += (line.empty() ? "" : " ") + word;
    }
    return line;
}

} // namespace

rpm::About rendered(const rpm::About& about, const base::Object& variables) {
    const Text text{about.name, variables};
    rpm::About result = about;
    result.settings.clear();
    result.model.clear();
    result.workflows.clear();
    for (rpm::Service& service : result.services) {
        const std::string member = "service '" + service.name + "'";
        service.start = text(service.start, member);
        service.pid_file = text(service.pid_file, member);
        service.stop = text(service.stop, member);
        if (service.reload) {
            service.reload = text(*service.reload, member);
        }
    }
    for (rpm::Probe& probe : result.health) {
        const std::string member = "check '" + probe.name + "'";
        if (probe.http) {
            probe.http = text(*probe.http, member);
        } else if (probe.tcp) {
            probe.tcp = text(*probe.tcp, member);
        } else if (probe.exec) {
            probe.exec = text(*probe.exec, member);
        }
    }
    if (result.drain) {
        result.drain->marker = text(result.drain->marker, "drain");
    }
    for (rpm::PackagedCommand& command : result.commands) {
        command.run = text(command.run, "command '" + command.name + "'");
    }
    for (rpm::Hook& hook : result.hooks) {
        hook.run = text(hook.run, "hook '" + hook.at + "'");
    }
    return result;
}

std::vector<ConfigFile> rendered_config(const PackageContent& package, const base::Object& variables) {
    std::vector<ConfigFile> config;
    if (!package.about) {
        return config;
    }
    for (const rpm::Template& part : package.about->templates) {
        const auto source = package.templates.find(part.source);
        if (source == package.templates.end()) {
            throw base::Error(base::Fault::Corrupt, "package '{}' lacks its template '{}'",
                              package.identity.nevra.str(), part.source);
        }
        const std::string name =
            package.identity.nevra.name + ":" + std::filesystem::path(part.source).filename().string();
        config.push_back({part.to, templates::Template::parse(source->second, name).render(variables),
                          part.mode, part.owner, part.group, part.restart, part.reload});
    }
    return config;
}

void validate(const PackageContent& package, const std::vector<ConfigFile>& config,
              const base::Object& variables, const std::filesystem::path& directory,
              base::Processes& processes) {
    base::SystemFiles files;
    files.remove(directory);
    // The whole set first, laid out as below the root: a file may include its neighbours by a relative path.
    for (const ConfigFile& file : config) {
        const std::filesystem::path candidate = base::inside(directory, file.path);
        files.make_directories(candidate.parent_path());
        files.write(candidate, file.bytes, file.mode);
    }
    for (const rpm::Template& part :
         package.about ? package.about->templates : std::vector<rpm::Template>{}) {
        base::Object with_file = variables;
        with_file.set("file", base::inside(directory, part.to).string());
        const Text text{package.about->name, with_file};
        for (const rpm::Argv& argv : part.validate) {
            base::Command command;
            command.argv = text(argv, "validate of '" + part.to + "'");
            command.timeout = std::chrono::seconds(60);
            base::Outcome outcome;
            try {
                outcome = processes.run(command);
            } catch (const base::Error& error) {
                throw base::Error(base::Fault::Input, "config '{}' of package '{}' cannot be validated: {}",
                                  part.to, package.identity.nevra.str(), error.message());
            }
            if (outcome.timed_out || outcome.exit_code != 0) {
                throw base::Error(base::Fault::Input, "config '{}' of package '{}' is not valid: '{}' {}: {}",
                                  part.to, package.identity.nevra.str(), shown(command.argv),
                                  outcome.timed_out ? "took longer than a minute"
                                                    : fmt::format("ended with {}", outcome.exit_code),
                                  last_words(outcome));
            }
        }
    }
    files.remove(directory);
}

} // namespace ctl_client
