// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/measurements.hpp"

#include "base/json.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/refusal.hpp"

using namespace dispatcher::runs;
using base::Fault;
using workflows::engine::Target;

namespace {

Measurement read(const std::string& json) {
    return Measurement::read(base::parse_json(json, "test"));
}

Target target(const std::string& node) {
    return {base::ComponentName("shop/web"), base::NodeName(node)};
}

const std::vector<Target> two{target("web-1"), target("web-2.example")};

} // namespace

TEST_CASE("the number of an HTTP answer stands at a path") {
    const Measurement rate =
        read(R"({"http": {"url": "http://stats/rate?of={{ nodes }}", "path": "rates.1.value"}})");
    CHECK(rate.compares());
    CHECK(rate.url_for(two) == "http://stats/rate?of=web-1,web-2.example");
    CHECK(rate.number_in(R"({"rates": [{"value": 1}, {"value": 0.25}]})") == 0.25);
    CHECK(rate.number_in(R"({"rates": [{}, {"value": "3e-2"}]})") == 0.03);
    CHECK(tests::refusal(Fault::Corrupt, [&] { rate.number_in(R"({"rates": []})"); }) ==
          "the answer has nothing at this path (path 'rates.1.value')");
    CHECK(tests::refusal(Fault::Corrupt, [&] { rate.number_in(R"({"rates": [{}, {"value": "NaN"}]})"); }) ==
          "the answer has a string where a number should be (path 'rates.1.value')");
    CHECK(tests::refusal(Fault::Corrupt, [&] { rate.number_in("<html>"); }).starts_with("the answer:1: "));
    const Measurement plain = read(R"({"http": {"url": "http://stats/rate"}})");
    CHECK_FALSE(plain.compares());
    CHECK(plain.number_in("7") == 7);
}

TEST_CASE("a Prometheus query gives one series, or no number") {
    const Measurement errors = read(
        R"json({"prometheus": {"url": "http://prometheus:9090/", "query": "sum(errors{node=~\"{{ nodes }}\"})"}})json");
    CHECK(errors.compares());
    CHECK(errors.url_for(two) ==
          "http://prometheus:9090/api/v1/query?query=sum%28errors%7Bnode%3D~%22web-1%7Cweb-2"
          "%5C%5C.example%22%7D%29");
    CHECK(
        errors.number_in(
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1435781451.781,"0.5"]}]}})") ==
        0.5);
    CHECK(errors.number_in(
              R"({"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"2"]}})") == 2);
    const auto refused = [&](const std::string& body) {
        return tests::refusal(Fault::Corrupt, [&] { errors.number_in(body); });
    };
    CHECK(refused(R"({"status":"success","data":{"resultType":"vector","result":[]}})") ==
          "the query gave 0 series instead of one");
    CHECK(refused(R"({"status":"success","data":{"resultType":"vector","result":[{},{}]}})") ==
          "the query gave 2 series instead of one; put sum() or avg() around it");
    CHECK(refused(R"({"status":"error","errorType":"bad_data","error":"parse error"})") ==
          "the query failed: parse error");
}

TEST_CASE("a measurement that cannot be one is refused with what to write") {
    CHECK(tests::refusal(Fault::Input, [] { read("{}"); }) ==
          "measurement: a measurement is either http = { url, path } or prometheus = { url, query }");
    CHECK(tests::refusal(Fault::Input, [] { read(R"({"http": {"url": "file:///etc/passwd"}})"); }) ==
          "measurement:1: 'url' is 'file:///etc/passwd', but must begin with http:// or https://");
}

TEST_CASE(
    "a measurement is made for those that are new and for those that are not yet; what fails says why") {
    tests::HttpServer server([](const tests::HttpServer::Request& request) {
        if (request.line().find("of=web-1") != std::string::npos) {
            return tests::HttpServer::answer("200 OK", R"({"rate": 0.5})");
        }
        return request.line().find("of=web-2") != std::string::npos
                   ? tests::HttpServer::answer("200 OK", R"({"rate": 0.25})")
                   : tests::HttpServer::answer("503 Service Unavailable", "");
    });
    const auto measured = [&](const std::vector<Target>& updated, const std::vector<Target>& peers) {
        boost::asio::io_context context;
        const auto work = boost::asio::make_work_guard(context);
        HttpMeters meters(context);
        std::optional<workflows::engine::Measured> answer;
        meters.measure(
            {.measurement = 3,
             .spec = base::Object{{"http", base::Object{{"url", server.url("/rate?of={{ nodes }}")},
                                                        {"path", "rate"}}}},
             .updated = updated,
             .peers = peers,
             .deadline = {}},
            [&](const workflows::engine::Measured& made) {
                answer = made;
                context.stop();
            });
        context.run();
        return *answer;
    };
    const auto both = measured({target("web-1")}, {target("web-2")});
    CHECK(both.ok);
    CHECK(both.measurement == 3);
    CHECK(both.updated == 0.5);
    CHECK(both.peers == 0.25);
    CHECK_FALSE(measured({target("web-1")}, {}).peers);
    const auto failed = measured({target("web-3")}, {});
    CHECK_FALSE(failed.ok);
    CHECK(failed.reason == server.url("/rate?of=web-3") + " answered 503");
}
