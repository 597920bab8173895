// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/identity.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"

namespace ctl_client {

std::optional<Identity> Identity::load(const StateDirectory& state) {
    const base::SystemFiles files;
    const std::filesystem::path file = state.identity() / "client.json";
    if (!files.exists(file)) {
        return std::nullopt;
    }
    const base::Value document = base::parse_json(files.read(file), file.string());
    const base::Fields fields(document, file.string());
    if (const std::int64_t format = fields.whole("format", 1, INT64_MAX); format != 1) {
        fields.fail("format", fmt::format("format {} is newer than this program; update it", format));
    }
    Identity identity;
    identity.server = fields.text("server");
    identity.node = fields.text("node");
    identity.root = fields.text("root");
    for (const std::string& pem : fields.texts("release_keys")) {
        identity.release_keys.push_back(base::PublicKey::from_pem(pem));
    }
    identity.package_keys.armored = fields.texts("package_keys");
    if (identity.enrolled()) {
        identity.ca = base::Digest::parse(fields.text("ca"));
        identity.certificate_pem = files.read(certificate_file(state));
        identity.key_pem = files.read(key_file(state));
    }
    return identity;
}

void Identity::save(const StateDirectory& state) const {
    base::SystemFiles files;
    if (enrolled()) {
        files.write(key_file(state), key_pem, 0600);
        files.write(certificate_file(state), certificate_pem, 0600);
    }
    std::vector<std::string> release_pems;
    for (const base::PublicKey& key : release_keys) {
        release_pems.push_back(key.pem());
    }
    files.write(state.identity() / "client.json",
                base::to_pretty_json(base::Object{{"format", 1},
                                                  {"server", server},
                                                  {"node", node},
                                                  {"ca", ca ? ca->str() : std::string()},
                                                  {"root", root.string()},
                                                  {"release_keys", release_pems},
                                                  {"package_keys", package_keys.armored}}),
                0600);
}

} // namespace ctl_client
