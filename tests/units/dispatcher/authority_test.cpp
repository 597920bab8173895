// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/nodes/authority.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

#include <sys/stat.h>

using dispatcher::nodes::Authority;

namespace {

unsigned mode_of(const std::filesystem::path& file) {
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

} // namespace

TEST_CASE("the CA and the server's certificate are made once and kept, their keys for the owner alone") {
    const base::TemporaryDirectory state;
    base::SystemFiles files;
    const auto ca = state.path() / "ca";
    const Authority first = Authority::open(ca, files, tests::at("12:00:00"));
    CHECK(mode_of(ca) == 0700);
    CHECK(mode_of(ca / "ca.key") == 0600);
    CHECK(mode_of(ca / "server.key") == 0600);
    const Authority again = Authority::open(ca, files, tests::at("13:00:00"));
    CHECK(again.pin() == first.pin());
    CHECK(again.server().certificate_pem == first.server().certificate_pem);
    CHECK(again.server().key_pem == first.server().key_pem);
}

TEST_CASE("a server certificate that nears its end is renewed with the same key") {
    const base::TemporaryDirectory state;
    base::SystemFiles files;
    const auto now = tests::at("12:00:00");
    const Authority first = Authority::open(state.path(), files, now);
    const Authority early = Authority::open(state.path(), files, now + std::chrono::hours(24 * 200));
    CHECK(early.server().certificate_pem == first.server().certificate_pem);
    const Authority late = Authority::open(state.path(), files, now + std::chrono::hours(24 * 300));
    CHECK(late.server().certificate_pem != first.server().certificate_pem);
    CHECK(late.server().key_pem == first.server().key_pem);
    CHECK(late.pin() == first.pin());
}

TEST_CASE("a first start that was cut short is completed by the next one", "[law-7]") {
    const auto now = tests::at("12:00:00");
    base::SystemFiles files;
    for (const char* const missing : {"ca.pem", "server.pem", "server.key"}) {
        CAPTURE(missing);
        const base::TemporaryDirectory state;
        Authority::open(state.path(), files, now);
        files.remove(state.path() / missing);
        const Authority again = Authority::open(state.path(), files, now);
        const base::TlsContext context = base::TlsContext::server(again.server(), again.certificate().pem);
        CHECK(base::Certificate::parse(again.server().certificate_pem).not_after > now);
    }
}
