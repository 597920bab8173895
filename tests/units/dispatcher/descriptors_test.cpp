// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/descriptors.hpp"
#include "tests/catch.hpp"

#include <sys/resource.h>

namespace {

/// The limit of this process, put back at the end.
struct Limit {
    Limit() { ::getrlimit(RLIMIT_NOFILE, &before); }
    ~Limit() { ::setrlimit(RLIMIT_NOFILE, &before); }
    static rlim_t soft() {
        rlimit now{};
        ::getrlimit(RLIMIT_NOFILE, &now);
        return now.rlim_cur;
    }
    static void set_soft(rlim_t soft) {
        rlimit now{};
        ::getrlimit(RLIMIT_NOFILE, &now);
        now.rlim_cur = soft;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
    }
    rlimit before{};
};

} // namespace

TEST_CASE("as many files may be open as the connections need, up to the hard limit") {
    const Limit limit;
    REQUIRE(limit.before.rlim_max > 300);
    Limit::set_soft(100);
    CHECK(dispatcher::allow_descriptors(200) == 200);
    CHECK(Limit::soft() == 200);
    CHECK(dispatcher::allow_descriptors(150) == 200);
    CHECK(Limit::soft() == 200);
    const std::size_t hard = limit.before.rlim_max;
    CHECK(dispatcher::allow_descriptors(hard == RLIM_INFINITY ? 300 : hard + 1) ==
          (hard == RLIM_INFINITY ? 300 : hard));
    CHECK(dispatcher::descriptors_for(20000) > 40000);
}
