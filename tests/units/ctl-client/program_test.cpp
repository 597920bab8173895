// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The programs themselves, with real packages in a root of their own.
#include "tests/units/ctl-client/shelf.hpp"

namespace {

using namespace ctl_client_tests;

const std::string service = R"toml(
[settings]
port = { type = "port", default = 8080 }

[services.shop-app]
start    = ["/bin/sh", "-c", "sleep 1000 & echo $! > {{ node.root }}/run/shop-app.pid"]
pid_file = "{{ node.root }}/run/shop-app.pid"

[drain]
marker = "{{ node.root }}/run/drain"
wait   = "1ms"

[health]
well = { exec = ["/bin/sh", "-c", "kill -0 $(cat {{ node.root }}/run/shop-app.pid)"] }
)toml";

const std::string config = R"(
[[templates]]
source   = "app.conf"
to       = "/etc/shop/app.conf"
mode     = "0640"
validate = [["/bin/grep", "-q", "port", "{{ file }}"]]
restart  = ["shop-app"]
)";

class Node {
public:
    Node() { fs::create_directories(root() / "run"); }
    ~Node() {
        // Ends what the tests' services left running.
        const fs::path pid = root() / "run" / "shop-app.pid";
        if (fs::exists(pid)) {
            tool({"/bin/sh", "-c", "kill $(cat " + pid.string() + ")"});
        }
    }
    fs::path root() const { return directory_.path() / "root"; }
    fs::path path() const { return directory_.path(); }
    const Shelf& shelf() const { return shelf_; }

    base::Outcome run(std::vector<std::string> words) const {
        base::Command command;
        command.argv = {CTL_CLIENT};
        command.argv.insert(command.argv.end(), words.begin(), words.end());
        command.argv.insert(command.argv.end(), {"--state", (directory_.path() / "state").string()});
        const base::Outcome outcome = base::SystemProcesses().run(command);
        UNSCOPED_INFO(fmt::format("{}\n{}{}", fmt::join(command.argv, " "), outcome.output, outcome.errors));
        return outcome;
    }
    base::Outcome apply(const fs::path& manifest, const std::string& settings = "") const {
        base::SystemFiles().write(directory_.path() / "settings.toml", settings);
        return run({"apply", manifest.string(), "--component", "shop/app", "--root", root().string(),
                    "--release-key", (shelf_.directory() / "release.pub").string(), "--package-key",
                    (shelf_.directory() / "package.asc").string(), "--packages",
                    (shelf_.directory() / "rpms").string(), "--settings",
                    (directory_.path() / "settings.toml").string()});
    }
    fs::path release(const std::string& version,
                     const std::string& port_line = "port {{ settings.port }}") const {
        shelf_.source("shop-conf", version, "app.conf", "release {{ release }}\n" + port_line + "\n");
        return shelf_.release(version, {shelf_.package("shop-app", version, "app", 20, service),
                                        shelf_.package("shop-conf", version, "config", 1, config)});
    }
    std::string installed() const {
        return tool({"rpm", "--root", root().string(), "--define", "_dbpath /var/lib/rpm", "-qa", "--qf",
                     "%{NEVRA} %{SHA256HEADER}\n"});
    }
    std::string config_text() const { return base::SystemFiles().read(root() / "etc/shop/app.conf"); }
    std::string pid() const { return base::SystemFiles().read(root() / "run/shop-app.pid"); }

private:
    base::TemporaryDirectory directory_;
    Shelf shelf_{directory_.path() / "shelf"};
};

} // namespace

TEST_CASE("ctl-client loads no librpm, Lua or libcurl") {
    const std::string needed = tool({"readelf", "-d", CTL_CLIENT});
    REQUIRE(needed.find("libcrypto") != std::string::npos);
    for (const char* library : {"librpm", "liblua", "libcurl"}) {
        CHECK(needed.find(library) == std::string::npos);
    }
}

TEST_CASE(
    "a release is applied without a dispatcher, upgraded, and undone to the same packages and the same bytes",
    "[law-9]") {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    const Node node;
    const fs::path one = node.release("1.0");
    REQUIRE(node.apply(one).exit_code == 0);
    const std::string installed = node.installed();
    CHECK(installed.find("shop-app-1.0-1.noarch") != std::string::npos);
    CHECK(node.config_text() == "release 1.0\nport 8080\n");
    CHECK((fs::status(node.root() / "etc/shop/app.conf").permissions() & fs::perms::mask) == fs::perms(0640));
    const std::string pid = node.pid();
    CHECK(node.run({"verify"}).exit_code == 0);

    REQUIRE(node.apply(node.release("2.0"), "[settings]\nport = 9090\n").exit_code == 0);
    CHECK(node.installed().find("shop-app-2.0-1.noarch") != std::string::npos);
    CHECK(node.config_text() == "release 2.0\nport 9090\n");
    CHECK(node.pid() != pid);
    CHECK_FALSE(fs::exists(node.root() / "opt/shop-app/only-1.0"));

    // The network is gone: nothing that could be downloaded is there any more.
    fs::remove_all(node.shelf().directory() / "rpms");
    REQUIRE(node.run({"undo"}).exit_code == 0);
    CHECK(node.installed() == installed);
    CHECK(node.config_text() == "release 1.0\nport 8080\n");
    CHECK(fs::exists(node.root() / "opt/shop-app/only-1.0"));
    CHECK(node.run({"verify"}).exit_code == 0);
    CHECK_FALSE(fs::exists(node.root() / "run/drain"));

    REQUIRE(node.run({"undo"}).exit_code == 0);
    CHECK(node.installed().empty());
    CHECK_FALSE(fs::exists(node.root() / "etc/shop"));
}

TEST_CASE(
    "an unsigned package, another signer's package and an altered package are refused and nothing is changed",
    "[law-11]") {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    const Node node;
    node.shelf().source("shop-conf", "1.0", "app.conf", "port\n");
    const auto conf = node.shelf().package("shop-conf", "1.0", "config", 1, "");
    const rpm::SigningKey stranger =
        rpm::SigningKey::generate(base::KeyKind::Ed25519, 1690000000, "Nobody <n@example.org>");
    for (const rpm::SigningKey* key : {static_cast<const rpm::SigningKey*>(nullptr), &stranger}) {
        const auto app = node.shelf().package("shop-app", "1.0", "app", 2, "", key);
        const base::Outcome outcome = node.apply(node.shelf().release("1.0", {app, conf}));
        CHECK(outcome.exit_code == 6);
        CHECK(outcome.output.find(key == nullptr ? "is not signed" : "not trusted") != std::string::npos);
        CHECK(node.installed().empty());
    }
    const auto app = node.shelf().package("shop-app", "1.0", "app", 2, "");
    const fs::path manifest = node.shelf().release("1.0", {app, conf});
    std::string bytes = base::SystemFiles().read(app.path);
    bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);
    base::SystemFiles().write(app.path, bytes);
    const base::Outcome outcome = node.apply(manifest);
    CHECK(outcome.exit_code == 2);
    CHECK(node.installed().empty());
}

TEST_CASE("a scriptlet whose program is missing and a file whose owner is unknown are refused and nothing is "
          "changed",
          "[law-8]") {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    const Node node;
    const auto scripted = node.shelf().foreign_package("Name: shop-tool\nVersion: 1.0\nRelease: 1\nSummary: "
                                                       "x\nLicense: x\nBuildArch: noarch\n%description\nx\n"
                                                       "%post -p /usr/bin/no-such\nx\n%files\n");
    const auto app = node.shelf().package("shop-app", "1.0", "app", 2,
                                          "\n[[files]]\nfrom = 'dist/file-0'\nto = '/opt/owned'\n"
                                          "owner = 'no-user'\ngroup = 'no-group'\n");
    const auto said = [&](const base::Outcome& outcome, const std::string& sentence) {
        return outcome.output.find(sentence + " in '" + node.root().string() + "'; ") != std::string::npos;
    };
    const base::Outcome both = node.apply(node.shelf().release("1.0", {app, scripted}));
    CHECK(both.exit_code == 6);
    CHECK(said(both,
               "package 'shop-tool-1.0-1.noarch' has a scriptlet for '/usr/bin/no-such', which is missing"));
    CHECK(said(both, "package 'shop-app-1.0-1.noarch' has files of user 'no-user', who is unknown"));
    CHECK(said(both, "package 'shop-app-1.0-1.noarch' has files of group 'no-group', who is unknown"));
    CHECK(node.installed().empty());
    CHECK_FALSE(fs::exists(node.root() / "opt"));

    fs::create_directories(node.root() / "etc");
    base::SystemFiles().write(node.root() / "etc/passwd", "no-user:x:4242:4343::/:/bin/false\n");
    base::SystemFiles().write(node.root() / "etc/group", "no-group:x:4343:\n");
    CHECK(node.apply(node.shelf().release("1.0", {app})).exit_code == 0);
    CHECK(tool({"stat", "-c", "%u %g", (node.root() / "opt/owned").string()}) == "4242 4343\n");
}

TEST_CASE("a service that does not start takes the release back and exit code 4 says so", "[law-9]") {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    const Node node;
    REQUIRE(node.apply(node.release("1.0")).exit_code == 0);
    const std::string installed = node.installed();
    const std::string config_before = node.config_text();
    std::string broken = service;
    broken.replace(broken.find("sleep 1000"), 10, "exit 3 ###");
    node.shelf().source("shop-conf", "2.0", "app.conf", "port two\n");
    const fs::path two =
        node.shelf().release("2.0", {node.shelf().package("shop-app", "2.0", "app", 20, broken),
                                     node.shelf().package("shop-conf", "2.0", "config", 1, config)});
    const base::Outcome outcome = node.apply(two);
    CHECK(outcome.exit_code == 4);
    CHECK(outcome.output.find("service 'shop-app' did not start") != std::string::npos);
    CHECK(node.installed() == installed);
    CHECK(node.config_text() == config_before);
    CHECK(tool({"/bin/sh", "-c",
                "kill -0 $(cat " + (node.root() / "run/shop-app.pid").string() + ") && echo alive"})
              .find("alive") != std::string::npos);
    CHECK_FALSE(fs::exists(node.root() / "run/drain"));
}
