// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cli {

/// One option or positional argument of a verb.
struct Option {
    enum class Kind { Flag, Text, Texts, Positional, Positionals };
    std::string name; ///< "--version" or, for positionals, "RELEASE"
    std::string help;
    Kind kind = Kind::Text;
    bool required = false;
};

/// What a person wrote, by option name.
class Arguments {
public:
    std::map<std::string, std::vector<std::string>> values;
    bool json = false;
    bool quiet = false;
    std::filesystem::path directory; ///< -C; empty when not given

    bool flag(const std::string& name) const { return values.contains(name); }
    /// The text or, when absent, nothing.
    std::optional<std::string> maybe(const std::string& name) const;
    /// The text of a required option.
    const std::string& text(const std::string& name) const;
    std::vector<std::string> texts(const std::string& name) const;
};

/// `tiercel NOUN VERB`; `noun` is empty for commands of one word. `run` returns the exit code of docs/cli.md.
struct Verb {
    std::string noun;
    std::string verb;
    std::string summary;
    std::string example;
    std::vector<Option> options;
    std::function<int(const Arguments&)> run;
};

/// Parses, runs the verb and turns exceptions into one sentence on standard error and an exit code.
/// With --json the failure is a JSON document on standard error.
int run_command_line(int argc, char** argv, const std::vector<Verb>& verbs);

} // namespace cli
