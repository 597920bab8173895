// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel serve`: the dispatcher in the foreground.
#include "dispatcher/serve.hpp"

#include "cli/nouns.hpp"
#include "cli/project.hpp"

namespace cli {

namespace {

int serve(const Arguments& arguments) {
    dispatcher::Options options;
    options.state = arguments.maybe("--state").value_or("/var/lib/tiercel");
    const auto repository = arguments.maybe("--repo");
    options.repository =
        repository ? std::filesystem::path(*repository) : Project::find(arguments.directory).repository;
    options.listen = arguments.maybe("--listen").value_or("0.0.0.0:8443");
    options.workflows = arguments.maybe("--workflows").value_or("");
    options.config = arguments.maybe("--config").value_or("");
    return dispatcher::serve(options);
}

} // namespace

std::vector<Verb> serve_verbs() {
    return {
        {"",
         "serve",
         "The dispatcher, in the foreground until SIGTERM",
         "tiercel serve --state /var/lib/tiercel --repo repository --listen 0.0.0.0:8443",
         {{"--state", "its database, CA and tokens; /var/lib/tiercel when absent", Option::Kind::Text, false},
          {"--repo", "release repository; the project's when absent", Option::Kind::Text, false},
          {"--listen", "ADDRESS:PORT; 0.0.0.0:8443 when absent, port 0 takes a free one", Option::Kind::Text,
           false},
          {"--workflows", "directory of stock workflows", Option::Kind::Text, false},
          {"--config", "settings file, re-read on SIGHUP", Option::Kind::Text, false}},
         serve}};
}

} // namespace cli
