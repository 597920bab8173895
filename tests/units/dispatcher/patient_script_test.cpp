// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/patient_script.hpp"

#include "tests/refusal.hpp"

using namespace dispatcher::runs;
using base::Fault;

namespace {

Composition bringing(std::map<std::string, std::string> workflows) {
    Composition composition{.input = {.kind = workflows::engine::RunKind::Deploy,
                                      .environment = base::EnvironmentName("prod"),
                                      .release = base::ReleaseName("shop/2.0"),
                                      .workflow = "rolling",
                                      .workflow_source = workflows["rolling"],
                                      .params = {},
                                      .levels = {},
                                      .targets = {},
                                      .from = {},
                                      .epoch = 0,
                                      .actor = {},
                                      .commands = {},
                                      .migrate = {},
                                      .budgets = {},
                                      .out = {}},
                            .application = "shop",
                            .envelope = {},
                            .manifest = base::sha256(""),
                            .environment_version = 1,
                            .settings = {},
                            .goal = {},
                            .policy = {base::EnvironmentName("prod"), {}, {}, {}},
                            .workflows = std::move(workflows)};
    return composition;
}

const std::string good =
    "return workflow { summary = 's', params = {}, run = function(ctx, params) ctx:preflight() end }";

std::string refused(std::map<std::string, std::string> workflows) {
    return tests::refusal(Fault::Input, [&] { check_workflows(bringing(std::move(workflows))); });
}

} // namespace

TEST_CASE("workflows that a release brings are checked as a whole before anything is planned or started with "
          "them") {
    CHECK_NOTHROW(check_workflows(bringing({{"rolling", good}, {"fast", good}})));
    const std::string wrong =
        refused({{"rolling", good},
                 {"fast", "return workflow { summary = 's', params = {}, run = function(ctx, params)\n"
                          "  ctx:preflght()\n  ctx:updat(1)\nend }"}});
    CHECK(wrong.starts_with("workflow 'fast' of release 'shop/2.0' cannot run: fast:2:"));
    CHECK(wrong.find("did you mean 'preflight'?") != std::string::npos);
    CHECK(wrong.ends_with("; and 1 more"));
}

TEST_CASE(
    "the workflow that is asked for is taken to its first command, so that wrong parameters are found") {
    Composition composition = bringing({{"rolling", good}});
    composition.input.params.set("soak", "1m");
    CHECK(tests::refusal(Fault::Input, [&] {
              check_workflows(composition);
          }).starts_with("workflow 'rolling' cannot run: "));
}
