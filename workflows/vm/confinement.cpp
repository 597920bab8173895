// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/vm/confinement.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace workflows::vm {
namespace {

// Sanitizers map terabytes of shadow, probe memory through pipes, and look for leaks from a process of their
// own: with them only the limits hold that they can live with.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "the list of system calls is made for x86_64 and aarch64"
#endif

[[noreturn]] void refused(const char* what) {
    throw base::Error(base::Fault::Internal, "{}: {}", what, base::system_reason(errno));
}

void limit(__rlimit_resource resource, rlim_t most, const char* what) {
    const rlimit bound{most, most};
    if (setrlimit(resource, &bound) != 0) {
        refused(what);
    }
}

// All memory that this process will ever have: Lua's 64 MiB, the lines, and what is copied between. Taken
// from the kernel now and kept by malloc, untouched pages cost nothing.
void take_memory() {
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, -1);
    void* arena = std::malloc(std::size_t{160} << 20);
    if (arena == nullptr) {
        refused("the memory of scripts cannot be had");
    }
    std::free(arena);
}

struct Rule {
    std::uint32_t call;
    std::uint32_t verdict;
};

constexpr std::uint32_t no_memory = SECCOMP_RET_ERRNO | ENOMEM;
// Reading, writing, ending. Asking for memory fails as on a machine that has none; all else kills.
constexpr Rule rules[] = {{__NR_read, SECCOMP_RET_ALLOW},
                          {__NR_write, SECCOMP_RET_ALLOW},
                          {__NR_exit, SECCOMP_RET_ALLOW},
                          {__NR_exit_group, SECCOMP_RET_ALLOW},
                          {__NR_futex, SECCOMP_RET_ALLOW},        // the unwinder of exceptions wakes nobody
                          {__NR_rt_sigreturn, SECCOMP_RET_ALLOW}, // from the handler that counts seconds
                          {__NR_brk, SECCOMP_RET_ERRNO}, // 0: brk fails by giving an end below the wanted one
                          {__NR_mmap, no_memory},
                          {__NR_mremap, no_memory},
                          {__NR_munmap, no_memory},
                          {__NR_madvise, no_memory}};

void allow_few_calls() {
    std::vector<sock_filter> filter{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    };
    for (const Rule& rule : rules) {
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule.call, 0, 1));
        filter.push_back(BPF_STMT(BPF_RET | BPF_K, rule.verdict));
    }
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        refused("system calls cannot be given up");
    }
}

} // namespace

void confine() {
    close_range(3, ~0U, 0);
    // A script computes for milliseconds between two commands: a minute in all is far beyond any rollout.
    limit(RLIMIT_CPU, 60, "the limit on processor time cannot be set");
    limit(RLIMIT_CORE, 0, "the limit on core dumps cannot be set");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        refused("new privileges cannot be given up");
    }
    if (sanitized) {
        limit(RLIMIT_FSIZE, 0, "the limit on file sizes cannot be set");
        return;
    }
    take_memory();
    limit(RLIMIT_NOFILE, 3, "the limit on files cannot be set");
    limit(RLIMIT_NPROC, 0, "the limit on processes cannot be set");
    limit(RLIMIT_AS, 256u << 20, "the limit on memory cannot be set");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        refused("the eyes of other processes cannot be kept out");
    }
    // Late, so that what was refused before it can be said in a file.
    limit(RLIMIT_FSIZE, 0, "the limit on file sizes cannot be set");
    allow_few_calls();
}

} // namespace workflows::vm
