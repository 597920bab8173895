// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/vm/confinement.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace workflows::vm {
namespace {

void limit(__rlimit_resource resource, rlim_t most, const char* what) {
    const rlimit bound{most, most};
    if (setrlimit(resource, &bound) != 0) {
        throw base::Error(base::Fault::Internal, "the limit on {} cannot be set: {}", what,
                          base::system_reason(errno));
    }
}

} // namespace

void confine() {
    close_range(3, ~0U, 0);
    // A script computes for milliseconds between two commands: a minute in all is far beyond any rollout.
    limit(RLIMIT_CPU, 60, "processor time");
    limit(RLIMIT_FSIZE, 0, "file sizes");
    limit(RLIMIT_CORE, 0, "core dumps");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        throw base::Error(base::Fault::Internal, "new privileges cannot be given up: {}",
                          base::system_reason(errno));
    }
    // Sanitizers map terabytes of shadow, probe memory through pipes, and look for leaks from a process of
    // their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    limit(RLIMIT_NOFILE, 3, "files");
    limit(RLIMIT_NPROC, 0, "processes");
    limit(RLIMIT_AS, 256u << 20, "memory"); // Lua's arena is 64 MiB
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        throw base::Error(base::Fault::Internal, "the eyes of other processes cannot be kept out: {}",
                          base::system_reason(errno));
    }
#endif
}

} // namespace workflows::vm
