// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// workflow-vm: one run's script in a process without rights. Ends when its standard input does.
#include "base/error.hpp"
#include "workflows/vm/confinement.hpp"
#include "workflows/vm/conversation.hpp"
#include "workflows/vm/processor_time.hpp"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace {

// Plain read and write: streams would ask the kernel for more than this process may.
void say(std::string line) {
    line += '\n';
    for (std::size_t at = 0; at < line.size();) {
        const ssize_t written = ::write(STDOUT_FILENO, line.data() + at, line.size() - at);
        if (written < 0 && errno != EINTR) {
            throw base::Error(base::Fault::Unavailable, "standard output is gone: {}",
                              base::system_reason(errno));
        }
        at += static_cast<std::size_t>(written < 0 ? 0 : written);
    }
}

void converse() {
    workflows::vm::Conversation conversation({.processor_seconds = workflows::vm::processor_seconds});
    std::string heard;
    char bytes[65536];
    while (true) {
        const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return;
        }
        heard.append(bytes, static_cast<std::size_t>(count < 0 ? 0 : count));
        for (std::size_t end = heard.find('\n'); end != std::string::npos; end = heard.find('\n')) {
            const std::string line = heard.substr(0, end);
            heard.erase(0, end + 1);
            say(conversation.handle(line));
        }
    }
}

} // namespace

int main() {
    try {
        workflows::vm::count_processor_time();
        workflows::vm::confine();
        converse();
        return 0;
    } catch (const base::Error& error) {
        std::fprintf(stderr, "workflow-vm: %s\n", error.what());
        return base::exit_code(error.fault());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "workflow-vm: %s\n", error.what());
        return 1;
    }
}
