// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/vm/processor_time.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <csignal>
#include <sys/time.h>

namespace workflows::vm {
namespace {

volatile std::sig_atomic_t seconds = 0;

void second_is_over(int) {
    seconds = seconds + 1;
}

} // namespace

void count_processor_time() {
    struct sigaction action {};
    action.sa_handler = second_is_over;
    action.sa_flags = SA_RESTART;
    const itimerval each_second{{1, 0}, {1, 0}};
    if (sigaction(SIGVTALRM, &action, nullptr) != 0 ||
        setitimer(ITIMER_VIRTUAL, &each_second, nullptr) != 0) {
        throw base::Error(base::Fault::Internal, "processor time cannot be counted: {}",
                          base::system_reason(errno));
    }
}

std::int64_t processor_seconds() {
    return seconds;
}

} // namespace workflows::vm
