// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/descriptors.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/resource.h>

namespace dispatcher {

std::size_t allow_descriptors(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        throw base::Error(base::Fault::Internal, "the limit of open files cannot be read: {}",
                          base::system_reason(errno));
    }
    const rlim_t soft = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(wanted, limit.rlim_max));
    if (soft != limit.rlim_cur) {
        limit.rlim_cur = soft;
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            throw base::Error(base::Fault::Internal, "the limit of open files cannot be raised to {}: {}",
                              soft, base::system_reason(errno));
        }
    }
    return soft;
}

} // namespace dispatcher
