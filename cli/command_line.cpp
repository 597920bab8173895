// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The one file that includes CLI11.
#include "cli/command_line.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/terminal.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <set>

namespace cli {

std::optional<std::string> Arguments::maybe(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() || found->second.empty() ? std::nullopt
                                                          : std::optional(found->second.front());
}

const std::string& Arguments::text(const std::string& name) const {
    return values.at(name).front();
}

std::vector<std::string> Arguments::texts(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::vector<std::string>{} : found->second;
}

namespace {

/// CLI11 writes into these while it parses; they must stay where they are.
struct Bound {
    const Verb* verb;
    CLI::App* app;
    std::map<std::string, std::string> single;
    std::map<std::string, std::vector<std::string>> several;
    std::map<std::string, bool> flags;
    bool json = false;
    bool quiet = false;
    std::string directory;
};

void declare(Bound& bound) {
    CLI::App& app = *bound.app;
    for (const Option& option : bound.verb->options) {
        CLI::Option* declared = nullptr;
        switch (option.kind) {
        case Option::Kind::Flag:
            declared = app.add_flag(option.name, bound.flags[option.name], option.help);
            break;
        case Option::Kind::Text:
        case Option::Kind::Positional:
            declared = app.add_option(option.name, bound.single[option.name], option.help);
            break;
        case Option::Kind::Texts:
            declared =
                app.add_option(option.name, bound.several[option.name], option.help)->allow_extra_args(false);
            break;
        case Option::Kind::Positionals:
            declared = app.add_option(option.name, bound.several[option.name], option.help);
            break;
        }
        declared->required(option.required);
    }
    app.add_flag("--json", bound.json, "one JSON document, or one JSON object per line");
    app.add_flag("-q,--quiet", bound.quiet, "print results only");
    app.add_option("-C", bound.directory, "project or repository directory");
    app.footer("Example:\n  " + bound.verb->example);
}

int fail(const base::Error& error, bool json) {
    if (json) {
        std::cerr << base::to_json(base::Object{{"fault", word(error.fault())}, {"message", error.message()}})
                  << "\n";
    } else {
        std::cerr << paint(Color::Red, "tiercel: ", 2) << error.message() << "\n";
    }
    return exit_code(error.fault());
}

int run(const Bound& bound) {
    Arguments arguments;
    arguments.json = bound.json;
    arguments.quiet = bound.quiet;
    arguments.directory = bound.directory;
    for (const auto& [name, text] : bound.single) {
        if (bound.app->count(name) > 0) {
            arguments.values[name] = {text};
        }
    }
    for (const auto& [name, texts] : bound.several) {
        if (!texts.empty()) {
            arguments.values[name] = texts;
        }
    }
    for (const auto& [name, set] : bound.flags) {
        if (set) {
            arguments.values[name];
        }
    }
    try {
        return bound.verb->run(arguments);
    } catch (const base::Error& error) {
        return fail(error, bound.json);
    } catch (const std::exception& error) {
        return fail(base::Error(base::Fault::Internal, std::string(error.what())), bound.json);
    }
}

} // namespace

int run_command_line(int argc, char** argv, const std::vector<Verb>& verbs) {
    CLI::App app("Tiercel: signed packages in, a running fleet out, and back again.", "tiercel");
    app.set_version_flag("--version", std::string("tiercel ") + TIERCEL_VERSION);
    std::string directory;
    app.add_option("-C", directory, "project or repository directory; also after the command");
    app.require_subcommand(1);
    app.footer("Each command has --help with an example. Exit codes: docs/cli.md.");

    std::map<std::string, CLI::App*> nouns;
    std::vector<std::unique_ptr<Bound>> bounds;
    for (const Verb& verb : verbs) {
        CLI::App* parent = &app;
        if (!verb.noun.empty()) {
            CLI::App*& noun = nouns[verb.noun];
            if (noun == nullptr) {
                noun = app.add_subcommand(verb.noun);
                noun->require_subcommand(1);
            }
            noun->description(noun->get_description() + (noun->get_description().empty() ? "" : ", ") +
                              verb.verb);
            parent = noun;
        }
        bounds.push_back(std::make_unique<Bound>());
        bounds.back()->verb = &verb;
        bounds.back()->app = parent->add_subcommand(verb.verb, verb.summary);
        declare(*bounds.back());
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // Help and version are "errors" with code 0; all others are bad usage.
        return app.exit(error) == 0 ? 0 : 2;
    }
    for (const auto& bound : bounds) {
        if (bound->app->parsed()) {
            if (bound->directory.empty()) {
                bound->directory = directory;
            }
            return run(*bound);
        }
    }
    return 2;
}

} // namespace cli
