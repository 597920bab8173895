// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "ctl-client/unified_diff.hpp"
#include "tests/catch.hpp"

#include <random>

using ctl_client::unified_diff;

TEST_CASE("a difference is shown as diff -u shows it") {
    CHECK(unified_diff("a\n", "a\n", "/x").empty());
    CHECK(unified_diff("", "a\n", "/x") == "--- /x\n+++ /x\n@@ -0,0 +1 @@\n+a\n");
    CHECK(unified_diff("a\n", "", "/x") == "--- /x\n+++ /x\n@@ -1 +0,0 @@\n-a\n");
    CHECK(unified_diff("1\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive", "/x") ==
          "--- /x\n+++ /x\n@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+five\n\\ No newline at end of file\n");
}

TEST_CASE("patch makes the new text out of the old one and any difference") {
    const base::TemporaryDirectory directory;
    base::SystemFiles files;
    base::Command command;
    command.argv = {"patch", "--silent", (directory.path() / "text").string()};
    std::mt19937 chance(7);
    for (int round = 0; round < 40; ++round) {
        std::string before;
        std::string after;
        for (unsigned line = 0; line < chance() % 60; ++line) {
            const std::string text = std::to_string(chance() % 10) + "\n";
            before += chance() % 5 == 0 ? "" : text;
            after += chance() % 5 == 0 ? "" : text;
        }
        if (before == after || before.empty() || after.empty()) {
            continue;
        }
        files.write(directory.path() / "text", before);
        command.input = unified_diff(before, after, "text");
        try {
            base::SystemProcesses().run(command);
        } catch (const base::Error&) {
            WARN("patch is not installed");
            return;
        }
        INFO(command.input);
        CHECK(files.read(directory.path() / "text") == after);
    }
}

TEST_CASE("two long texts that have nothing in common are summed up") {
    std::string before;
    std::string after;
    for (int line = 0; line < 5000; ++line) {
        before += "before " + std::to_string(line) + "\n";
        after += "after " + std::to_string(line) + "\n";
    }
    CHECK(unified_diff(before, after, "/x") ==
          "--- /x\n+++ /x\n@@ too many differences to show: 5000 lines became 5000 @@\n");
}
