// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/detached_signature.hpp"

#include "base/openpgp.hpp"
#include "rpm/signing_key.hpp"
#include "tests/catch.hpp"

TEST_CASE("a detached signature is good for its message and its key alone") {
    for (const base::KeyKind kind : {base::KeyKind::Ed25519, base::KeyKind::Rsa3072}) {
        const auto key = rpm::SigningKey::generate(kind, 1700000000, "Shop <shop@example.org>");
        const auto other = rpm::SigningKey::generate(kind, 1700000000, "Shop <shop@example.org>");
        const std::string armored = base::armor(key.openpgp().sign("metadata", 1700000001), "SIGNATURE");
        CHECK(rpm::signed_by("metadata", armored, {{other.certificate(), key.certificate()}}));
        CHECK_FALSE(rpm::signed_by("metadat", armored, {{key.certificate()}}));
        CHECK_FALSE(rpm::signed_by("metadata", armored, {{other.certificate()}}));
        CHECK_FALSE(rpm::signed_by("metadata", armored, {}));
        CHECK_FALSE(rpm::signed_by("metadata", "", {{key.certificate()}}));
        CHECK_FALSE(rpm::signed_by("metadata", key.certificate(), {{key.certificate()}}));
        CHECK_FALSE(rpm::signed_by("metadata", base::armor("garbage", "SIGNATURE"), {{key.certificate()}}));
    }
}
