// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel-dispatcher`: the daemon under its own name. `tiercel serve` is the same.
#include "base/error.hpp"
#include "dispatcher/serve.hpp"

#include <getopt.h>
#include <iostream>

namespace {

constexpr const char* usage =
    R"(usage: tiercel-dispatcher --state DIR --repo DIR [--listen ADDRESS:PORT] [--workflows DIR] [--config FILE]

  --state DIR            where everything is kept; made when missing
  --repo DIR             the release repository (tiercel repo init)
  --listen ADDRESS:PORT  where nodes and people connect; 0.0.0.0:8443 when absent, port 0 takes a free one
  --workflows DIR        stock workflows, NAME.lua
  --config FILE          settings that SIGHUP reads again

example: tiercel-dispatcher --state /var/lib/tiercel/dispatcher --repo /srv/repository
)";

dispatcher::Options options_of(int argc, char** argv) {
    static const option known[] = {
        {"state", required_argument, nullptr, 's'},  {"repo", required_argument, nullptr, 'r'},
        {"listen", required_argument, nullptr, 'l'}, {"workflows", required_argument, nullptr, 'w'},
        {"config", required_argument, nullptr, 'c'}, {"help", no_argument, nullptr, 'h'},
        {"version", no_argument, nullptr, 'v'},      {nullptr, 0, nullptr, 0}};
    dispatcher::Options options;
    for (int found = 0; (found = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (found) {
        case 's':
            options.state = optarg;
            break;
        case 'r':
            options.repository = optarg;
            break;
        case 'l':
            options.listen = optarg;
            break;
        case 'w':
            options.workflows = optarg;
            break;
        case 'c':
            options.config = optarg;
            break;
        case 'h':
            std::cout << usage;
            std::exit(0);
        case 'v':
            std::cout << "tiercel-dispatcher " TIERCEL_VERSION "\n";
            std::exit(0);
        default:
            throw base::Error(base::Fault::Input, std::string("see 'tiercel-dispatcher --help'"));
        }
    }
    if (options.state.empty() || options.repository.empty() || optind != argc) {
        throw base::Error(base::Fault::Input,
                          std::string("--state DIR and --repo DIR are needed, and nothing but options; see "
                                      "'tiercel-dispatcher --help'"));
    }
    return options;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return dispatcher::serve(options_of(argc, argv));
    } catch (const base::Error& error) {
        std::cerr << "tiercel-dispatcher: " << error.message() << "\n";
        return base::exit_code(error.fault());
    } catch (const std::exception& error) {
        std::cerr << "tiercel-dispatcher: " << error.what() << "\n";
        return 1;
    }
}
