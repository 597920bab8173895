// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel repo`: the release repository.
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/checked_workflows.hpp"
#include "cli/nouns.hpp"
#include "cli/open_repository.hpp"
#include "cli/project.hpp"
#include "cli/terminal.hpp"

#include <iostream>

namespace cli {

namespace fs = std::filesystem;

repo::Repository open_repository(const Arguments& arguments) {
    if (!arguments.directory.empty() && fs::exists(arguments.directory / "repository.toml")) {
        return repo::Repository::open(arguments.directory);
    }
    return repo::Repository::open(Project::find(arguments.directory).repository);
}

namespace {

base::Value described(const repo::PoolEntry& entry) {
    return base::Object{
        {"name", entry.nevra.name},     {"nevra", entry.nevra.str()},
        {"sha256", entry.digest.str()}, {"bytes", entry.bytes},
        {"path", entry.path},           {"kind", entry.about ? entry.about->kind : "foreign"}};
}

void print(const std::vector<repo::PoolEntry>& entries, const Arguments& arguments, std::string_view empty) {
    if (arguments.json) {
        base::Array list;
        for (const auto& entry : entries) {
            list.push_back(described(entry));
        }
        std::cout << base::to_json(base::Object{{"packages", std::move(list)}}) << "\n";
        return;
    }
    for (const auto& entry : entries) {
        std::cout << entry.nevra.str() << "\n";
    }
    if (entries.empty() && !arguments.quiet) {
        std::cout << empty << "\n";
    }
}

int init(const Arguments& arguments) {
    const auto package_key = arguments.maybe("--package-key");
    const auto release_key = arguments.maybe("--release-key");
    const auto directory = arguments.maybe("DIR");
    std::optional<Project> project;
    if (!package_key || !release_key || !directory) {
        project = Project::find(arguments.directory);
    }
    const fs::path where = directory ? fs::path(*directory) : project->repository;
    const fs::path signing = package_key ? fs::path(*package_key) : project->package_key;
    const fs::path releases = release_key ? fs::path(*release_key) : project->release_key;
    const std::string release_pem = base::SystemFiles().read(releases, 1u << 20);
    const std::string public_pem = release_pem.find("PRIVATE KEY") != std::string::npos
                                       ? base::PrivateKey::from_pem(release_pem).public_key().pem()
                                       : base::PublicKey::from_pem(release_pem).pem();
    repo::Repository::create(where, fs::absolute(signing), {public_pem}, base::SystemClock().now());
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"repository", where.string()}}) << "\n";
    } else if (!arguments.quiet) {
        std::cout << "repository " << where.string()
                  << " is ready; next: tiercel repo add --channel dev FILE.rpm\n";
    }
    return 0;
}

int add(const Arguments& arguments) {
    repo::Repository repository = open_repository(arguments);
    std::vector<fs::path> files;
    for (const std::string& file : arguments.texts("RPM")) {
        files.emplace_back(file);
    }
    const auto inspect = [](const repo::PoolEntry& package) {
        if (package.about) {
            check_workflows(package.nevra.str(), package.about->workflows);
        }
    };
    print(repository.add(files, base::ChannelName(arguments.text("--channel")), base::SystemClock().now(),
                         inspect),
          arguments, "nothing is new");
    return 0;
}

int list(const Arguments& arguments) {
    const repo::Repository repository = open_repository(arguments);
    if (const auto channel = arguments.maybe("--channel")) {
        print(repository.list(base::ChannelName(*channel)), arguments, "the channel is empty");
        return 0;
    }
    base::Array channels;
    std::vector<std::vector<std::string>> rows{{"CHANNEL", "PACKAGES"}};
    for (const std::string& channel : repository.channels()) {
        const auto size = repository.list(base::ChannelName(channel)).size();
        channels.push_back(base::Object{{"name", channel}, {"packages", size}});
        rows.push_back({channel, std::to_string(size)});
    }
    std::cout << (arguments.json ? base::to_json(base::Object{{"channels", std::move(channels)}}) + "\n"
                                 : table(rows));
    return 0;
}

int promote(const Arguments& arguments) {
    repo::Repository repository = open_repository(arguments);
    print(repository.promote(base::ChannelName(arguments.text("FROM")),
                             base::ChannelName(arguments.text("TO")), arguments.texts("PACKAGE"),
                             base::SystemClock().now()),
          arguments, "nothing moved: the channels hold the same packages");
    return 0;
}

int verify(const Arguments& arguments) {
    const std::vector<std::string> wrong = open_repository(arguments).verify();
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"wrong", wrong}}) << "\n";
    } else {
        for (const std::string& sentence : wrong) {
            std::cout << sentence << "\n";
        }
        if (wrong.empty() && !arguments.quiet) {
            std::cout << "all packages, metadata, links and releases are as they should be\n";
        }
    }
    return wrong.empty() ? 0 : 2;
}

} // namespace

std::vector<Verb> repo_verbs() {
    const Option rpm{"RPM", "package files", Option::Kind::Positionals, true};
    return {
        {"repo",
         "init",
         "Make a release repository",
         "tiercel repo init repository",
         {{"DIR", "where; the project's when absent", Option::Kind::Positional, false},
          {"--package-key", "signs metadata and says which packages are trusted; the project's when absent",
           Option::Kind::Text, false},
          {"--release-key", "key file or its public part; the project's when absent", Option::Kind::Text,
           false}},
         init},
        {"repo",
         "add",
         "Check packages, add them and publish the channel",
         "tiercel repo add --channel dev dist/*.rpm",
         {rpm, {"--channel", "channel to publish", Option::Kind::Text, true}},
         add},
        {"repo",
         "list",
         "Channels, or the packages of one",
         "tiercel repo list --channel stable",
         {{"--channel", "list this one's packages", Option::Kind::Text, false}},
         list},
        {"repo",
         "promote",
         "Give a channel what another one holds",
         "tiercel repo promote dev stable",
         {{"FROM", "channel", Option::Kind::Positional, true},
          {"TO", "channel", Option::Kind::Positional, true},
          {"PACKAGE", "only these, newest of each name", Option::Kind::Positionals, false}},
         promote},
        {"repo",
         "verify",
         "Check every package, metadata file, link and release",
         "tiercel repo verify -C repository",
         {},
         verify},
    };
}

} // namespace cli
