// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/version.hpp"

#include "rpm/version_order.hpp"
#include "tests/units/builder/project.hpp"

#include <cstdlib>
#include <functional>

namespace {

using namespace builder_tests;

std::string input_error(const std::function<void()>& doing) {
    try {
        doing();
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        return error.message();
    }
    return "no error";
}

/// A git repository in a temporary directory; commits at a fixed time.
class Checkout {
public:
    Checkout() { git({"init", "-q", "-b", "main"}); }
    const fs::path& path() const { return directory_.path(); }
    void git(std::vector<std::string> words) const {
        base::Command command;
        command.argv = {"git", "-C", path()};
        command.argv.insert(command.argv.end(), words.begin(), words.end());
        command.environment = {{"PATH", "/usr/bin:/bin"},
                               {"HOME", "/nonexistent"},
                               {"GIT_CONFIG_NOSYSTEM", "1"},
                               {"GIT_AUTHOR_NAME", "a"},
                               {"GIT_AUTHOR_EMAIL", "a@example.org"},
                               {"GIT_COMMITTER_NAME", "a"},
                               {"GIT_COMMITTER_EMAIL", "a@example.org"},
                               {"GIT_AUTHOR_DATE", "1650000000 +0000"},
                               {"GIT_COMMITTER_DATE", "1650000000 +0000"}};
        const auto outcome = base::SystemProcesses().run(command);
        INFO(outcome.errors);
        REQUIRE(outcome.exit_code == 0);
    }
    void commit(const std::string& text) const {
        base::SystemFiles().write(path() / "file", text);
        git({"add", "file"});
        git({"commit", "-q", "-m", text});
    }
    std::string version() const {
        base::SystemProcesses processes;
        return builder::version_from_git(processes, path(), "shop-app");
    }

private:
    base::TemporaryDirectory directory_;
};

/// A git that is not there, or does not want to.
class Refusing final : public base::Processes {
public:
    explicit Refusing(std::string words) : words_(std::move(words)) {}
    explicit Refusing(base::Error error) : error_(std::move(error)) {}
    base::Outcome run(const base::Command&) override {
        if (error_) {
            throw base::Error(*error_);
        }
        base::Outcome outcome;
        outcome.exit_code = 128;
        outcome.errors = words_;
        return outcome;
    }

private:
    std::optional<base::Error> error_;
    std::string words_;
};

bool is_older(const std::string& left, const std::string& right) {
    return rpm::compare({0, left, "1"}, {0, right, "1"}) < 0;
}

} // namespace

TEST_CASE("a version is taken as people write it, and ordered as they mean it") {
    CHECK(builder::version_from("1.2.0") == "1.2.0");
    CHECK(builder::version_from("v1.2.0") == "1.2.0");
    CHECK(builder::version_from("1.2.0-rc1") == "1.2.0~rc1");
    CHECK(builder::version_from("1.2.0-rc-1") == "1.2.0~rc.1");
    CHECK(builder::version_from("2026.11.20+build5") == "2026.11.20+build5");
    CHECK(builder::version_from("1.0~beta^3") == "1.0~beta^3");
    CHECK(is_older(builder::version_from("1.2.0-rc1"), "1.2.0"));
}

TEST_CASE("what rpm would misread is no version") {
    const auto error = [](const char* text) {
        return input_error([&] { builder::version_from(text); });
    };
    CHECK(error("1.0 beta") ==
          "'1.0 beta' is no version; begin with a digit and use letters, digits and . _ + ~ ^");
    CHECK(error("") == "'' is no version; begin with a digit and use letters, digits and . _ + ~ ^");
    CHECK(error("latest").starts_with("'latest' is no version"));
    CHECK(error("1.0/2").starts_with("'1.0/2' is no version"));
    CHECK(error("1:1.0").starts_with("'1:1.0' is no version"));
}

TEST_CASE("without a version git is asked, and every commit is newer than the one before") {
    const Checkout checkout;
    checkout.commit("one");
    const std::string untagged = checkout.version();
    CHECK(untagged.starts_with("0^1.g"));
    CHECK(untagged.size() == std::string("0^1.g0123456789ab").size());
    checkout.git({"tag", "v1.2.0-rc1"});
    CHECK(checkout.version() == "1.2.0~rc1");
    checkout.commit("two");
    checkout.git({"tag", "v1.2.0"});
    CHECK(checkout.version() == "1.2.0");
    checkout.commit("three");
    const std::string later = checkout.version();
    CHECK(later.starts_with("1.2.0^1.g"));
    CHECK(is_older(untagged, "1.2.0~rc1"));
    CHECK(is_older("1.2.0", later));
    CHECK(is_older(later, "1.2.1"));
    checkout.git({"tag", "shop-app-2.0"});
    CHECK(checkout.version() == "2.0");
    base::SystemFiles().write(checkout.path() / "file", "changed");
    CHECK(checkout.version().starts_with("2.0^0.g"));
    CHECK(checkout.version().ends_with(".dirty"));
    checkout.commit("four");
    checkout.git({"tag", "shop-web-3.0"}); // of another package
    CHECK(checkout.version().starts_with("2.0^1.g"));
    CHECK(builder::version_from(checkout.version()) == checkout.version());
}

TEST_CASE("outside of a checkout the version must be said") {
    const base::TemporaryDirectory directory;
    base::SystemProcesses processes;
    const auto error = [&](base::Processes& with) {
        return input_error([&] { builder::version_from_git(with, directory.path(), "shop-app"); });
    };
    const std::string of = " of '" + directory.path().string() + "'; pass --version";
    CHECK(error(processes) == "the version of package 'shop-app' is not known: git says 'fatal: not a git "
                              "repository (or any of the "
                              "parent directories): .git'" +
                                  of);
    CHECK_FALSE(builder::commit_time(processes, directory.path()).unix_seconds);
    CHECK(builder::commit_time(processes, directory.path()).refusal.empty());
    Refusing absent({base::Fault::NotFound, "program 'git' is not installed"});
    CHECK(error(absent) ==
          "the version of package 'shop-app' is not known: git says 'program 'git' is not installed'" + of);
    CHECK(builder::commit_time(absent, directory.path()).refusal.empty());
}

TEST_CASE("a checkout that git does not trust is told apart from none") {
    Refusing git("fatal: detected dubious ownership in repository at '/src'\nTo add an exception...\n");
    const auto time = builder::commit_time(git, "/src");
    CHECK_FALSE(time.unix_seconds);
    CHECK(time.refusal == "fatal: detected dubious ownership in repository at '/src'");
    CHECK(input_error([&] { builder::version_from_git(git, "/src", "shop-app"); }) ==
          "the version of package 'shop-app' is not known: git says 'fatal: detected dubious ownership in "
          "repository at "
          "'/src'' of '/src'; pass --version");
}

TEST_CASE("a hook's own repository does not stand in for the recipe's") {
    const Checkout checkout;
    checkout.commit("one");
    checkout.git({"tag", "v1.0"});
    REQUIRE(::setenv("GIT_DIR", "/nonexistent", 1) == 0);
    const std::string version = checkout.version();
    ::unsetenv("GIT_DIR");
    CHECK(version == "1.0");
}

TEST_CASE("the source date is the commit's, else the newest source's") {
    const Checkout checkout;
    checkout.commit("one");
    base::SystemProcesses processes;
    CHECK(builder::commit_time(processes, checkout.path()).unix_seconds == 1650000000);

    const Project project;
    project.write("dist/a", "x");
    auto options = project.options();
    options.source_date_epoch.reset();
    const auto recipe = project.recipe("[[files]]\nfrom = 'dist/'\nto = '/opt/app/'\n");
    const auto first = builder::build(recipe, options);
    const auto date = rpm::read_package(first.path, trust_in(ed25519_key())).build_time;
    const auto newest =
        std::chrono::file_clock::to_sys(fs::last_write_time(project.packages() / "package.toml"));
    CHECK(date == std::chrono::duration_cast<std::chrono::seconds>(newest.time_since_epoch()).count());
}
