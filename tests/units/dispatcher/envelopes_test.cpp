// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/envelopes.hpp"
#include "tests/catch.hpp"

using dispatcher::runs::Envelopes;

TEST_CASE("what orders name can be fetched by that name, also after a restart", "[law-7]") {
    base::SystemFiles files;
    const base::TemporaryDirectory directory;
    const std::string text(2U << 20, 'x');
    const auto name = Envelopes(directory.path() / "manifests", files).keep(text);
    CHECK(name.digest == base::sha256(text));
    CHECK(name.bytes == text.size());
    const Envelopes again(directory.path() / "manifests", files);
    REQUIRE(again.file(name.digest));
    CHECK(files.read(*again.file(name.digest)) == text);
    CHECK_FALSE(again.file(base::sha256("another")));
}
