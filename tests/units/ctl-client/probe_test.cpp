// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/probe.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/fakes/programs.hpp"

namespace {

using ctl_client::check;
using ctl_client::CheckResult;
using ctl_client::try_once;
using Verdict = CheckResult::Verdict;
using namespace std::chrono_literals;

rpm::Probe http(const std::string& url) {
    rpm::Probe probe;
    probe.name = "ready";
    probe.http = url;
    return probe;
}

/// Time that passes only in pauses.
struct FakeTime {
    std::chrono::steady_clock::time_point now{};
    int pauses = 0;
    ctl_client::ProbeTime time() {
        return {[this] { return now; },
                [this](base::Duration by) {
                    now += by;
                    ++pauses;
                }};
    }
};

/// A port of this machine on which nobody listens.
std::string deaf_port() {
    std::string url;
    {
        const tests::HttpServer server([](const auto&) { return tests::HttpServer::answer("200 OK", ""); });
        url = server.url("/");
    }
    return url;
}

} // namespace

TEST_CASE("an http check passes on its status and fails on another", "[law-15]") {
    fakes::Programs programs;
    const tests::HttpServer server([](const tests::HttpServer::Request& request) {
        return tests::HttpServer::answer(request.line() == "GET /drained" ? "404 Not Found" : "200 OK",
                                         "body");
    });
    CHECK(try_once(http(server.url("/ready")), programs).verdict == Verdict::Pass);
    const CheckResult drained = try_once(http(server.url("/drained")), programs);
    CHECK(drained.verdict == Verdict::Fail);
    CHECK(drained.reason == fmt::format("'{}' answers 404 instead of 200", server.url("/drained")));
    rpm::Probe probe = http(server.url("/drained"));
    probe.status = 404;
    CHECK(try_once(probe, programs).verdict == Verdict::Pass);
    CHECK(server.requests().front().header("Host").starts_with("127.0.0.1:"));
}

TEST_CASE("what the other side does wrong is a failure", "[law-15]") {
    fakes::Programs programs;
    const tests::HttpServer server(
        [](const tests::HttpServer::Request& request) -> tests::HttpServer::Answer {
            if (request.line() == "GET /silent") {
                return {"", true};
            }
            return {request.line() == "GET /closed" ? "" : "SSH-2.0-OpenSSH_9.2\r\n", false};
        });
    CHECK(try_once(http(server.url("/closed")), programs).verdict == Verdict::Fail);
    CHECK(try_once(http(server.url("/other")), programs).verdict == Verdict::Fail);
    rpm::Probe silent = http(server.url("/silent"));
    silent.timeout = 50ms;
    const CheckResult result = try_once(silent, programs);
    CHECK(result.verdict == Verdict::Fail);
    CHECK(result.reason == "no answer in time");
    const CheckResult refused = try_once(http(deaf_port()), programs);
    CHECK(refused.verdict == Verdict::Fail);
    CHECK(refused.reason.find("Connection refused") != std::string::npos);
}

TEST_CASE("a check that could not run is inconclusive", "[law-15]") {
    fakes::Programs programs;
    for (const char* url :
         {"https://127.0.0.1:1/", "http://127.0.0.1:99999/", "http://:80/", "http://host.invalid:80/"}) {
        CHECK(try_once(http(url), programs).verdict == Verdict::Inconclusive);
    }
    rpm::Probe probe;
    probe.name = "exec";
    probe.exec = rpm::Argv{"/opt/check"};
    CHECK(try_once(probe, programs).verdict == Verdict::Inconclusive);
    programs.answer("check", fakes::ended(1));
    CHECK(try_once(probe, programs).verdict == Verdict::Fail);
    programs.uninstall("check");
    programs.answer("check", fakes::timed_out());
    CHECK(try_once(probe, programs).verdict == Verdict::Fail);
}

TEST_CASE("a tcp check connects; a consumed service is checked in the same way") {
    fakes::Programs programs;
    const tests::HttpServer server([](const auto&) { return tests::HttpServer::answer("200 OK", ""); });
    const std::string url = server.url("");
    const int port = std::stoi(url.substr(url.rfind(':') + 1));
    CHECK(try_once(ctl_client::reachability("sql", "127.0.0.1", port), programs).verdict == Verdict::Pass);
    CHECK(ctl_client::reachability("sql", "::1", 5432).tcp == "[::1]:5432");
}

TEST_CASE("a check needs its passes in a row, and has time until its deadline") {
    fakes::Programs programs;
    rpm::Probe probe;
    probe.name = "exec";
    probe.exec = rpm::Argv{"/opt/check"};
    probe.rise = 3;
    probe.interval = 1s;
    probe.deadline = 10s;
    FakeTime fake;
    SECTION("passes, but not in a row at first") {
        for (const int code : {0, 0, 1, 0, 0, 0}) {
            programs.answer("check", fakes::ended(code));
        }
        CHECK(check(probe, programs, fake.time()).verdict == Verdict::Pass);
        CHECK(fake.pauses == 5);
    }
    SECTION("never enough") {
        programs.answer("check", fakes::ended(1));
        const CheckResult result = check(probe, programs, fake.time());
        CHECK(result.verdict == Verdict::Fail);
        CHECK(result.reason == "'/opt/check' ended with 1, for 10s");
        CHECK(fake.pauses == 9);
    }
    SECTION("failed once and then could not run: it failed") {
        programs.answer("check", fakes::ended(1));
        programs.answer("check", [](const base::Command&) -> base::Outcome {
            throw base::Error(base::Fault::NotFound, std::string("program is not installed"));
        });
        CHECK(check(probe, programs, fake.time()).verdict == Verdict::Fail);
    }
    SECTION("never could run") {
        CHECK(check(probe, programs, fake.time()).verdict == Verdict::Inconclusive);
    }
}
