// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/version_order.hpp"

#include "tests/catch.hpp"

namespace {

base::Evr evr(std::uint32_t epoch, std::string version, std::string release) {
    return {epoch, std::move(version), std::move(release)};
}

} // namespace

TEST_CASE("versions are ordered as rpm orders them") {
    CHECK((rpm::compare(evr(0, "1.9", "1"), evr(0, "1.10", "1")) < 0));
    CHECK((rpm::compare(evr(0, "1.0~rc1", "1"), evr(0, "1.0", "1")) < 0));
    CHECK((rpm::compare(evr(0, "1.0^20261120", "1"), evr(0, "1.0", "1")) > 0));
    CHECK((rpm::compare(evr(0, "1.0^20261120", "1"), evr(0, "1.0.1", "1")) < 0));
    CHECK((rpm::compare(evr(0, "1.0", "2"), evr(0, "1.0", "10")) < 0));
    CHECK((rpm::compare(evr(1, "1.0", "1"), evr(0, "9.0", "1")) > 0));
    CHECK((rpm::compare(evr(0, "1.0", "1"), evr(0, "1.0", "1")) == 0));
}

TEST_CASE("two different texts may be the same version, so the order is weak") {
    CHECK((rpm::compare(evr(0, "1.0", "1"), evr(0, "1_0", "1")) == 0));
    CHECK((rpm::compare(evr(0, "1.01", "1"), evr(0, "1.1", "1")) == 0));
}
