// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include "base/files.hpp"
#include "base/json.hpp"
#include "tests/catch.hpp"

#include <fcntl.h>
#include <functional>
#include <thread>
#include <unistd.h>

using base::LogLevel;

namespace {

/// What `doing` writes to standard error, which is a file meanwhile.
std::string written(const std::function<void()>& doing) {
    const base::TemporaryDirectory directory;
    const std::filesystem::path file = directory.path() / "log";
    const int before = ::dup(STDERR_FILENO);
    const int target = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(target, STDERR_FILENO);
    doing();
    ::dup2(before, STDERR_FILENO);
    ::close(before);
    ::close(target);
    return base::SystemFiles().read(file);
}

} // namespace

TEST_CASE("a log line is one line of JSON with time, level, message and its fields") {
    const std::string line = written([] {
        base::log(LogLevel::Warning, "agent left",
                  {{"node", "web-1"}, {"note", "two\nlines"}, {"orders", 3}});
    });
    CHECK(line.find('\n') == line.size() - 1);
    const base::Value value = base::parse_json(line, "log");
    CHECK(*value.object()->find("level")->text() == "warning");
    CHECK(*value.object()->find("message")->text() == "agent left");
    CHECK(*value.object()->find("node")->text() == "web-1");
    CHECK(*value.object()->find("note")->text() == "two\nlines");
    CHECK(*value.object()->find("orders")->whole() == 3);
    CHECK(value.object()->find("time")->text()->size() == std::string("2026-11-20T12:06:44.123Z").size());
}

TEST_CASE("what is below the level is not written") {
    CHECK(written([] { base::log(LogLevel::Debug, "looking"); }).empty());
    base::set_log_level(LogLevel::Error);
    CHECK(written([] { base::log(LogLevel::Warning, "odd"); }).empty());
    base::set_log_level(LogLevel::Debug);
    CHECK_FALSE(written([] { base::log(LogLevel::Debug, "looking"); }).empty());
    base::set_log_level(LogLevel::Info);
}

TEST_CASE("lines of several threads do not mix") {
    const std::string lines = written([] {
        std::vector<std::thread> threads;
        for (int at = 0; at < 4; ++at) {
            threads.emplace_back([] {
                for (int line = 0; line < 50; ++line) {
                    base::log(LogLevel::Info, "line", {{"text", std::string(5000, 'x')}});
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    });
    std::size_t count = 0;
    for (std::size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
        CHECK_NOTHROW(base::parse_json(lines.substr(at, lines.find('\n', at) - at), "log"));
        ++count;
    }
    CHECK(count == 200);
}
