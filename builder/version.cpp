// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/version.hpp"

#include "base/error.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

namespace builder {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_version_letter(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("._+~^").find(c) != std::string_view::npos;
}

struct Answer {
    std::optional<std::string> text; ///< trimmed; nothing when git refuses or is not there
    std::string reason;              ///< why
};

/// Without what a git hook sets for its own repository, and with git's words in English.
std::map<std::string, std::string> plain_environment() {
    std::map<std::string, std::string> environment;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view entry(*at);
        const std::size_t equals = entry.find('=');
        if (equals != std::string_view::npos && !entry.starts_with("GIT_")) {
            environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
        }
    }
    environment.insert_or_assign("LC_ALL", std::string("C"));
    return environment;
}

Answer ask_git(base::Processes& processes, const std::filesystem::path& directory,
               const std::vector<std::string>& words) {
    base::Command command;
    command.argv = {"git", "-C", directory.empty() ? "." : directory.string()};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    command.environment = plain_environment();
    try {
        base::Outcome outcome = processes.run(command);
        if (outcome.exit_code != 0 || outcome.timed_out) {
            return {std::nullopt, outcome.errors.substr(0, outcome.errors.find('\n'))};
        }
        while (!outcome.output.empty() && outcome.output.back() == '\n') {
            outcome.output.pop_back();
        }
        return {outcome.output, ""};
    } catch (const base::Error& error) {
        if (error.fault() == base::Fault::NotFound) {
            return {std::nullopt, error.message()};
        }
        throw;
    }
}

/// `v1.2.0-rc1-5-g0123456789ab-dirty` in its parts.
struct Described {
    std::string tag;
    std::string commits;
    std::string commit; ///< with its 'g'
    bool dirty = false;
};

Described parts_of(std::string text) {
    Described described;
    if (text.ends_with("-dirty")) {
        described.dirty = true;
        text.resize(text.size() - 6);
    }
    const std::size_t commit = text.rfind('-');
    const std::size_t commits = text.rfind('-', commit - 1);
    described.commit = text.substr(commit + 1);
    described.commits = text.substr(commits + 1, commit - commits - 1);
    described.tag = text.substr(0, commits);
    return described;
}

} // namespace

std::string version_from(std::string_view text) {
    std::string version(text);
    if (version.size() > 1 && version[0] == 'v' && is_digit(version[1])) {
        version.erase(0, 1);
    }
    // Semantic versions write what comes before 1.0 as 1.0-rc1; to rpm '-' ends the version, and '~' sorts
    // before nothing.
    if (const std::size_t dash = version.find('-'); dash != std::string::npos) {
        version[dash] = '~';
        std::replace(version.begin(), version.end(), '-', '.');
    }
    const bool fits = !version.empty() && version.size() <= 128 && is_digit(version[0]) &&
                      std::all_of(version.begin(), version.end(), is_version_letter);
    if (!fits) {
        throw base::Error(base::Fault::Input,
                          "'{}' is no version; begin with a digit and use letters, digits and . _ + ~ ^",
                          text);
    }
    return version;
}

std::string version_from_git(base::Processes& processes, const std::filesystem::path& directory,
                             const std::string& name) {
    // A hash of a fixed length: git's own choice depends on how many objects this clone happens to have.
    const auto described =
        ask_git(processes, directory,
                {"describe", "--tags", "--long", "--abbrev=12", "--dirty", "--match=v[0-9]*",
                 "--match=[0-9]*", "--match=" + name + "-[0-9]*", "--match=" + name + "-v[0-9]*"});
    if (!described.text) {
        const auto count = ask_git(processes, directory, {"rev-list", "--count", "HEAD"});
        const auto commit =
            ask_git(processes, directory, {"describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"});
        if (!count.text || !commit.text) {
            throw base::Error(
                base::Fault::Input,
                "the version of package '{}' is not known: git says '{}' of '{}'; pass --version", name,
                (count.text ? commit : count).reason, directory.empty() ? "." : directory.string());
        }
        std::string hash = *commit.text;
        std::replace(hash.begin(), hash.end(), '-', '.');
        return version_from("0^" + *count.text + ".g" + hash);
    }
    const Described parts = parts_of(*described.text);
    std::string tag = parts.tag;
    if (tag.starts_with(name + "-")) {
        tag.erase(0, name.size() + 1);
    }
    std::string version = version_from(tag);
    if (parts.commits != "0" || parts.dirty) {
        version += "^" + parts.commits + "." + parts.commit + (parts.dirty ? ".dirty" : "");
    }
    return version;
}

CommitTime commit_time(base::Processes& processes, const std::filesystem::path& directory) {
    const Answer answer = ask_git(processes, directory, {"log", "-1", "--format=%ct"});
    CommitTime time;
    std::int64_t seconds = 0;
    if (answer.text &&
        std::from_chars(answer.text->data(), answer.text->data() + answer.text->size(), seconds).ec ==
            std::errc()) {
        time.unix_seconds = seconds;
        return time;
    }
    for (const char* none : {"not a git repository", "does not have any commits", "is not installed"}) {
        if (answer.reason.find(none) != std::string::npos) {
            return time;
        }
    }
    time.refusal = answer.reason;
    return time;
}

} // namespace builder
