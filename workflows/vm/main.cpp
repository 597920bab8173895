// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// workflow-vm: one run's script in a process without rights. Ends when its standard input does.
#include "base/error.hpp"
#include "workflows/vm/confinement.hpp"
#include "workflows/vm/conversation.hpp"

#include <cstdio>
#include <iostream>

int main() {
    try {
        workflows::vm::confine();
        workflows::vm::Conversation conversation;
        for (std::string line; std::getline(std::cin, line);) {
            std::cout << conversation.handle(line) << std::endl;
        }
        return 0;
    } catch (const base::Error& error) {
        std::fprintf(stderr, "workflow-vm: %s\n", error.what());
        return base::exit_code(error.fault());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "workflow-vm: %s\n", error.what());
        return 1;
    }
}
