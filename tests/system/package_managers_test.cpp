// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// dnf, zypper and createrepo_c judge our repositories. Everything they touch lies in a temporary directory.
#include "base/process.hpp"
#include "repo/metadata.hpp"
#include "tests/catch.hpp"
#include "tests/refusal.hpp"
#include "tests/system/programs.hpp"
#include "tests/units/repo/offered.hpp"
#include "tests/units/repo/shop.hpp"

#include <fstream>
#include <sstream>

namespace fs = std::filesystem;
using base::ChannelName;
using tests::can_run;
using tests::noon;
using tests::Shop;

namespace {

base::Outcome run(const std::vector<std::string>& argv, const fs::path& home) {
    base::Command command;
    command.argv = argv;
    command.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
                           {"HOME", home},
                           {"LC_ALL", "C"},
                           {"GNUPGHOME", home / "gnupg"}};
    command.timeout = std::chrono::seconds(100);
    return base::SystemProcesses().run(command);
}

/// A host's root with a package manager that knows one channel of the shop, and checks all signatures.
class Host {
public:
    Host(const Shop& shop, const std::string& channel)
        : root_(shop.directory.path() / "host"), home_(shop.directory.path() / "home") {
        for (const fs::path& directory : {root_ / "etc/zypp/repos.d", home_ / "gnupg", home_ / "repos"}) {
            fs::create_directories(directory);
        }
        fs::permissions(home_ / "gnupg", fs::perms::owner_all);
        const std::string definition = "[shop]\nname=shop\nenabled=1\nautorefresh=1\ngpgcheck=1\nrepo_"
                                       "gpgcheck=1\npkg_gpgcheck=1\nmetadata_expire=1\n"
                                       "baseurl=file://" +
                                       (shop.place / "channels" / channel).native() + "\ngpgkey=file://" +
                                       (shop.place / "keys/packages.asc").native() + "\n";
        std::ofstream(home_ / "repos/shop.repo") << definition;
        std::ofstream(root_ / "etc/zypp/repos.d/shop.repo") << definition;
        std::ofstream(home_ / "dnf.conf")
            << "[main]\nplugins=0\nbest=1\ninstall_weak_deps=0\nreposdir=" << (home_ / "repos").native()
            << "\ncachedir=" << (home_ / "cache").native() << "\nlogdir=" << (home_ / "log").native()
            << "\npersistdir=" << (home_ / "persist").native() << "\n";
    }

    base::Outcome dnf(const std::vector<std::string>& words) const {
        std::vector<std::string> argv{"dnf",      "--assumeyes",      "--refresh",
                                      "--config", home_ / "dnf.conf", "--installroot",
                                      root_,      "--releasever",     "1"};
        argv.insert(argv.end(), words.begin(), words.end());
        return run(argv, home_);
    }
    base::Outcome zypper(const std::vector<std::string>& words, bool import_keys = true) const {
        std::vector<std::string> argv{"zypper", "--root", root_, "--non-interactive"};
        if (import_keys) {
            argv.emplace_back("--gpg-auto-import-keys");
        }
        argv.insert(argv.end(), words.begin(), words.end());
        return run(argv, home_);
    }
    /// What rpm says is installed.
    std::string installed(const std::string& package) const {
        return run({"rpm", "--root", root_, "-q", package}, home_).output;
    }
    std::string differences(const std::string& package) const {
        return run({"rpm", "--root", root_, "-V", "--nouser", "--nogroup", package}, home_).output;
    }

private:
    fs::path root_;
    fs::path home_;
};

/// Enough packages for several buckets of metadata.
void add_many(const Shop& shop, const std::string& channel) {
    std::vector<fs::path> all;
    for (int at = 0; at < 140; ++at) {
        all.push_back(tests::make_package(shop.packages, "many", std::to_string(at), &shop.package_key));
    }
    shop.open().add(all, ChannelName(channel), noon);
}

void alter(const fs::path& file, std::streamoff at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(at);
    const int byte = stream.get();
    stream.seekp(at);
    stream.put(static_cast<char>(byte ^ 1));
}

/// The lines of the `<package>` elements, without what we mean to be otherwise (the file's time and place)
/// and without createrepo_c's doubled dependencies.
std::vector<std::string> comparable(const std::string& document) {
    std::istringstream in(document);
    std::vector<std::string> lines;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        inside = inside || line.starts_with("<package ");
        for (std::size_t at = 0; (at = line.find("&quot;", at)) != std::string::npos;) {
            line.replace(at, 6, "\"");
        }
        const bool left_out = line.starts_with("  <time ") || line.starts_with("  <location ");
        const bool doubled = line.starts_with("      <rpm:entry") &&
                             std::find(lines.begin(), lines.end(), line) != lines.end();
        if (inside && !left_out && !doubled) {
            lines.push_back(line);
        }
        inside = inside && line != "</package>";
    }
    return lines;
}

constexpr std::string_view specification = R"(Name: acme
Version: 2.0~rc1^git3
Release: 1
Epoch: 3
Summary: Features <of> rpm & "all" 'that'
License: MIT
URL: https://acme.example/?a=1&b=2
Vendor: Acme
Packager: rel@acme.example
BuildArch: noarch
AutoReqProv: no
Requires: bash >= 4.0
Requires: /usr/bin/acme
Requires: acme-cap(conf) = 2
Requires(pre): shadow-utils
Requires(post): systemd
Requires: (foo if bar)
Recommends: vim
Suggests: emacs
Supplements: acme-core
Enhances: acme-other
Provides: acme-cap(conf) = 2
Conflicts: old-acme < 2
Obsoletes: older-acme <= 1:1-3
%description
All features,
in two lines: ünïcode.
%install
mkdir -p %{buildroot}/etc/acme %{buildroot}/usr/bin %{buildroot}/var/log/acme %{buildroot}/usr/share/acme
echo a > %{buildroot}/etc/acme/a.conf; echo s > %{buildroot}/usr/bin/acme; ln -s acme %{buildroot}/usr/bin/acme-sym
echo d > "%{buildroot}/usr/share/acme/a <b> & c"
%pre
echo pre
%post
echo post
%files
%dir %attr(0750,root,root) /etc/acme
%config(noreplace) /etc/acme/a.conf
/usr/bin/acme
/usr/bin/acme-sym
%ghost /var/log/acme/acme.log
%dir /var/log/acme
"/usr/share/acme/a <b> & c"
%changelog
* Fri Nov 20 2026 Rel <rel@acme.example> - 3:2.0~rc1-1
- second & last
* Thu Nov 19 2026 Rel <rel@acme.example> - 3:2.0~rc1-0
- first
)";

} // namespace

TEST_CASE("dnf installs and upgrades from a channel with all signatures checked", "[system]") {
    if (!can_run({"dnf", "rpm"})) {
        return;
    }
    const Shop shop;
    add_many(shop, "dev");
    shop.add("shop-app", "1.0", "dev");
    shop.open().promote(ChannelName("dev"), ChannelName("stable"), {}, noon);
    const Host host(shop, "stable");
    const base::Outcome first = host.dnf({"install", "shop-app"});
    INFO(first.output << first.errors);
    CHECK(first.exit_code == 0);
    CHECK(host.installed("shop-app") == "shop-app-1.0-1.noarch\n");
    CHECK(host.differences("shop-app").empty());
    const std::string known = host.dnf({"repoquery", "--quiet", "--show-duplicates"}).output;
    CHECK(std::count(known.begin(), known.end(), '\n') == 141);

    shop.add("shop-app", "2.0", "dev");
    shop.open().promote(ChannelName("dev"), ChannelName("stable"), {"shop-app"}, noon);
    const base::Outcome second = host.dnf({"upgrade"});
    INFO(second.output << second.errors);
    CHECK(host.installed("shop-app") == "shop-app-2.0-1.noarch\n");
}

TEST_CASE("dnf refuses a package, metadata or a signature that was altered", "[system]") {
    if (!can_run({"dnf", "rpm"})) {
        return;
    }
    const Shop shop;
    shop.add("shop-app", "1.0", "dev");
    const Host host(shop, "dev");
    const auto refused = [&] {
        const base::Outcome outcome = host.dnf({"install", "shop-app"});
        INFO(outcome.output << outcome.errors);
        CHECK(outcome.exit_code != 0);
        CHECK(host.installed("shop-app") == "package shop-app is not installed\n");
    };
    const fs::path repodata = shop.place / "channels/dev/repodata";
    for (const char* file : {"repomd.xml", "repomd.xml.asc"}) {
        alter(repodata / file, 150);
        refused();
        alter(repodata / file, 150);
    }
    const fs::path package = shop.place / shop.open().newest(ChannelName("dev"), "shop-app")->path;
    const auto last = static_cast<std::streamoff>(fs::file_size(package)) - 10;
    alter(package, last);
    refused();
    alter(package, last);
    CHECK(host.dnf({"install", "shop-app"}).exit_code == 0);
}

TEST_CASE("zypper installs and upgrades from a channel, and refuses what was altered", "[system]") {
    if (!can_run({"zypper", "rpm"})) {
        return;
    }
    const Shop shop;
    add_many(shop, "dev");
    shop.add("shop-app", "1.0", "dev");
    const Host host(shop, "dev");
    const base::Outcome first = host.zypper({"install", "shop-app"});
    INFO(first.output << first.errors);
    CHECK(first.exit_code == 0);
    CHECK(host.installed("shop-app") == "shop-app-1.0-1.noarch\n");
    CHECK(host.differences("shop-app").empty());

    shop.add("shop-app", "2.0", "dev");
    const fs::path package = shop.place / shop.open().newest(ChannelName("dev"), "shop-app")->path;
    const auto last = static_cast<std::streamoff>(fs::file_size(package)) - 10;
    alter(package, last);
    CHECK(host.zypper({"update"}).exit_code != 0);
    CHECK(host.installed("shop-app") == "shop-app-1.0-1.noarch\n");
    alter(package, last);

    const fs::path repomd = shop.place / "channels/dev/repodata/repomd.xml";
    alter(repomd, 150);
    CHECK(host.zypper({"refresh", "--force"}).exit_code != 0);
    alter(repomd, 150);

    CHECK(host.zypper({"update"}).exit_code == 0);
    CHECK(host.installed("shop-app") == "shop-app-2.0-1.noarch\n");
}

TEST_CASE("createrepo_c's tools read a channel in several buckets", "[system]") {
    if (!can_run({"mergerepo_c"})) {
        return;
    }
    const Shop shop;
    add_many(shop, "dev");
    const fs::path out = shop.directory.path() / "merged";
    const std::string channel = "file://" + (shop.place / "channels/dev").native();
    const base::Outcome merged = run(
        {"mergerepo_c", "--all", "--no-database", "--repo", channel, "--repo", channel, "--outputdir", out},
        shop.directory.path());
    INFO(merged.output << merged.errors);
    REQUIRE(merged.exit_code == 0);
    std::size_t read = 0;
    for (const auto& file : fs::directory_iterator(out / "repodata")) {
        for (const std::string_view kind : repo::kind_names) {
            if (file.path().native().ends_with("-" + std::string(kind) + ".xml.gz")) {
                const std::string text = run({"zcat", file.path()}, shop.directory.path()).output;
                CHECK(text.find(" packages=\"140\"") != std::string::npos);
                ++read;
            }
        }
    }
    CHECK(read == repo::kinds);
}

TEST_CASE("the metadata of a package that somebody else built and signed is as createrepo_c makes it",
          "[system]") {
    if (!can_run({"createrepo_c", "rpmbuild", "rpmsign", "gpg"})) {
        return;
    }
    const base::TemporaryDirectory directory;
    const fs::path home = directory.path();
    fs::create_directory(home / "gnupg");
    fs::permissions(home / "gnupg", fs::perms::owner_all);
    std::ofstream(home / "acme.spec") << specification;
    const auto must = [&](const std::vector<std::string>& argv) {
        const base::Outcome outcome = run(argv, home);
        INFO(outcome.output << outcome.errors);
        REQUIRE(outcome.exit_code == 0);
        return outcome.output;
    };
    must({"rpmbuild", "-ba", "--define", "_topdir " + (home / "top").native(), home / "acme.spec"});
    const fs::path package = home / "top/RPMS/noarch/acme-2.0~rc1^git3-1.noarch.rpm";
    const fs::path source = home / "top/SRPMS/acme-2.0~rc1^git3-1.src.rpm";
    must({"gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "",
          "--quick-generate-key", "acme@example.org", "rsa3072", "sign", "never"});
    must({"rpmsign", "--addsign", "--define", "_gpg_name acme@example.org", "--define", "__gpg /usr/bin/gpg",
          package, source});
    const rpm::TrustedKeys keys{{must({"gpg", "--batch", "--armor", "--export", "acme@example.org"})}};
    run({"gpgconf", "--kill", "all"}, home);

    must({"createrepo_c", "--quiet", "--no-database", package.parent_path()});
    const rpm::PackageFacts facts = rpm::read_package(package, keys);
    const repo::Texts ours =
        repo::package_elements(facts, base::sha256_of_file(package), fs::file_size(package));
    std::size_t compared = 0;
    for (const auto& file : fs::directory_iterator(package.parent_path() / "repodata")) {
        for (std::size_t kind = 0; kind < repo::kinds; ++kind) {
            if (file.path().native().ends_with("-" + std::string(repo::kind_names.at(kind)) + ".xml.gz")) {
                CHECK(comparable(ours.at(kind)) == comparable(must({"zcat", file.path()})));
                ++compared;
            }
        }
    }
    CHECK(compared == repo::kinds);

    // A repository takes the package when it is told to trust its key, and never the source package.
    const Shop shop;
    auto repository = shop.open();
    const auto add = [&](const fs::path& file) {
        repository.add({file}, ChannelName("dev"), noon);
    };
    CHECK(tests::refusal(base::Fault::Denied, [&] {
              add(package);
          }).find("is signed by a key that is not trusted") != std::string::npos);
    std::ofstream(shop.place / "keys/packages.asc", std::ios::app) << keys.armored.front();
    add(package);
    CHECK_FALSE(repository.newest(ChannelName("dev"), "acme")->about.has_value());
    CHECK(tests::offered(shop.place, "dev").size() == 1);
    CHECK(tests::refusal(base::Fault::Input, [&] { add(source); }) ==
          "package 'acme-2.0~rc1^git3-1.src.rpm' is a source package, and a channel holds none; add the "
          "packages built from it");
    CHECK(repository.verify().empty());
}
