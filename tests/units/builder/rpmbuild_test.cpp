// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// rpmbuild is the oracle: the same content, packaged by it and by us, has the same tags.
#include "tests/foreign_package.hpp"
#include "tests/units/builder/project.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace {

using namespace builder_tests;

const std::string recipe_text = R"toml(description = "Orders"
url = "https://shop.example"
vendor = "Shop"
epoch = 2
requires = ["redis >= 7", "(haproxy or nginx)", "tilde >= 1.0~rc1"]
provides = ["orders = 1.0"]
conflicts = ["old-shop < 1"]
obsoletes = ["older-shop < 1^2"]
recommends = ["shop-docs"]
suggests = ["shop-extras"]

[[files]]
from = "dist/"
to   = "/opt/shop-app/"

[[files]]
from = "app.conf"
to   = "/etc/shop-app.conf"
noreplace = true
file_mode = "0640"

[[files]]
directory = "/var/lib/shop-app"
dir_mode  = "0750"

[[files]]
ghost = true
to = "/var/log/shop-app.log"
)toml";

const std::string spec_text = R"spec(
Name: shop-app
Epoch: 2
Version: 1.0
Release: 1
Summary: Orders
License: Apache-2.0
URL: https://shop.example
Vendor: Shop
BuildArch: noarch
Requires: redis >= 7, (haproxy or nginx), tilde >= 1.0~rc1
Provides: orders = 1.0
Conflicts: old-shop < 1
Obsoletes: older-shop < 1^2
Recommends: shop-docs
Suggests: shop-extras
%description
Orders
%files
%defattr(-,root,root,-)
%dir /opt/shop-app
/opt/shop-app/*
%config(noreplace) %attr(0640,-,-) /etc/shop-app.conf
%dir %attr(0750,-,-) /var/lib/shop-app
%ghost %attr(0644,-,-) /var/log/shop-app.log
/usr/share/tiercel/shop-app.json
)spec";

// What rpmbuild writes and we do not, each with its reason.
const std::map<std::string, std::string> left_out{
    {"RPMVERSION", "no rpm built it"},
    {"OPTFLAGS", "nothing is compiled"},
    {"PAYLOADDIGESTALT",
     "digest of the uncompressed archive: only for payloads that somebody stored uncompressed"},
    {"SHA1HEADER", "SHA-1"},
    {"SIGMD5", "MD5"},
    {"FILECLASS", "libmagic's guess at each file; nothing of ours or of dnf reads it"},
    {"CLASSDICT", "as FILECLASS"},
    {"FILECOLORS", "chooses between 32-bit and 64-bit ELF files of one path"},
};
// What we write and rpmbuild does not.
const std::map<std::string, std::string> added{
    {"DSAHEADER", "the signature: rpmbuild was not asked to sign"},
};

std::set<std::string> tags_of(const fs::path& package) {
    const std::string text = output_of(
        {"rpm", "--dbpath", package.parent_path() / "no-rpmdb", "-qp", "--qf", "[%{*:xml}]", package});
    std::set<std::string> tags;
    for (std::size_t at = 0; (at = text.find("<rpmTag name=\"", at)) != std::string::npos;) {
        at += 14;
        std::string tag = text.substr(at, text.find('"', at) - at);
        std::transform(tag.begin(), tag.end(), tag.begin(), [](unsigned char c) { return std::toupper(c); });
        tags.insert(tag);
    }
    return tags;
}

std::string query(const fs::path& package, const std::string& format) {
    return output_of({"rpm", "--dbpath", package.parent_path() / "no-rpmdb", "-qp", "--qf", format, package});
}

fs::path built_by_rpmbuild(const Project& project) {
    // Dependencies that rpmbuild guesses from the content are not compared.
    fs::create_directories(project.path() / "fileattrs");
    base::SystemFiles().write(project.path() / "fileattrs/none.attr", "%__none_path ^/none$\n");
    return tests::rpmbuilt(project.path(), spec_text,
                           {"_binary_payload w3.zstdio",
                            "_fileattrsdir " + (project.path() / "fileattrs").string(),
                            "__spec_check_pre exit 0", "__arch_install_post %{nil}",
                            "clamp_mtime_to_source_date_epoch 1", "_buildhost tiercel"});
}

} // namespace

TEST_CASE("rpmbuild writes the same tags and the same facts for the same content", "[oracle]") {
    const Project project;
    project.write("dist/bin/shop-app", "#!/bin/sh\nexit 0\n", 0755);
    project.write("dist/data", std::string(100'000, 'x'));
    fs::create_symlink("data", project.packages() / "dist/link");
    project.write("app.conf", "port = 8080\n");
    const auto built = project.build(recipe_text);

    const fs::path buildroot = project.path() / "buildroot";
    fs::create_directories(buildroot / "var/log");
    output_of({"sh", "-c",
               "rpm2cpio \"$1\" > \"$2/../archive\" && cd \"$2\" && cpio -idm --quiet < ../archive", "sh",
               built.path, buildroot});
    base::SystemFiles().write(buildroot / "var/log/shop-app.log", "");
    const fs::path theirs = built_by_rpmbuild(project);
    REQUIRE(fs::exists(theirs));

    const auto our_tags = tags_of(built.path);
    const auto their_tags = tags_of(theirs);
    CHECK(our_tags.size() > 50);
    for (const std::string& tag : their_tags) {
        INFO(tag);
        CHECK(our_tags.contains(tag) != left_out.contains(tag));
    }
    for (const std::string& tag : our_tags) {
        INFO(tag);
        CHECK(their_tags.contains(tag) != added.contains(tag));
    }
    for (const char* format : {"%{NEVRA} %{SUMMARY} %{DESCRIPTION} %{GROUP} %{LICENSE} %{URL} %{VENDOR} "
                               "%{OS} %{ARCH} %{SOURCERPM} %{ENCODING}",
                               "[%{REQUIRENAME} %{REQUIREFLAGS} %{REQUIREVERSION}\n]",
                               "[%{PROVIDENAME} %{PROVIDEFLAGS} %{PROVIDEVERSION}\n]",
                               "[%{CONFLICTNAME} %{CONFLICTFLAGS} %{CONFLICTVERSION}\n]",
                               "[%{OBSOLETENAME} %{OBSOLETEFLAGS} %{OBSOLETEVERSION}\n]",
                               "[%{RECOMMENDNAME} %{RECOMMENDFLAGS} %{RECOMMENDVERSION}\n]",
                               "[%{SUGGESTNAME} %{SUGGESTFLAGS} %{SUGGESTVERSION}\n]",
                               "[%{FILENAMES} %{FILEMODES} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEFLAGS} "
                               "%{FILEVERIFYFLAGS} %{FILEDIGESTS} "
                               "%{FILELINKTOS} %{FILERDEVS} %{FILEDEVICES} %{FILEINODES} [%{FILELANGS}]\n]",
                               "%{SIZE} %{FILEDIGESTALGO} %{PAYLOADFORMAT} %{PAYLOADCOMPRESSOR} "
                               "%{PAYLOADFLAGS} %{PAYLOADDIGESTALGO} %{ARCHIVESIZE}"}) {
        CHECK(query(built.path, format) == query(theirs, format));
    }
}

TEST_CASE("packages of rpmbuild are read: scriptlets, changelog, hard links, a payload in gzip", "[oracle]") {
    const Project project;
    const fs::path buildroot = project.path() / "buildroot";
    fs::create_directories(buildroot / "opt/foreign");
    base::SystemFiles().write(buildroot / "opt/foreign/a", "content of both");
    fs::create_hard_link(buildroot / "opt/foreign/a", buildroot / "opt/foreign/b");
    const fs::path package = tests::rpmbuilt(project.path(), R"spec(
Name: foreign
Version: 1
Release: 2
Summary: Not ours
License: MIT
BuildArch: noarch
Requires(pre): shadow-utils
%description
Not ours
%pre
true
%post -p /sbin/ldconfig
%pretrans -p <lua>
x = 1
%triggerin -p /usr/bin/perl -- bash
1;
%changelog
* Thu Nov 20 2025 Ann <ann@example.org> - 1-2
- Second
* Wed Nov 19 2025 Bob <bob@example.org> - 1-1
- First
%files
/opt/foreign/a
/opt/foreign/b
)spec",
                                             {"_binary_payload w9.gzdio"});
    CHECK(rpm::read_packaged_file(package, "/opt/foreign/a") == "content of both");
    CHECK(rpm::read_packaged_file(package, "/opt/foreign/b") == "content of both");
    try {
        rpm::read_package(package, trust_in(ed25519_key()));
        FAIL("it was accepted");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Denied);
        CHECK(error.message() == "package 'foreign-1-2.noarch.rpm' is not signed");
    }

    const fs::path resigned = project.path() / "resigned.rpm";
    base::SystemFiles().write(resigned, tests::signed_by(rsa_key(), base::SystemFiles().read(package)));
    const auto facts = rpm::read_package(resigned, trust_in(rsa_key()));
    CHECK(facts.nevra.str() == "foreign-1-2.noarch");
    CHECK(facts.scriptlet_interpreters ==
          std::vector<std::string>{"/bin/sh", "/sbin/ldconfig", "/usr/bin/perl", "<lua>"});
    REQUIRE(facts.changelog.size() == 2);
    CHECK(facts.changelog[0].author == "Ann <ann@example.org> - 1-2");
    CHECK(facts.changelog[0].text == "- Second");
    CHECK(facts.changelog[0].at_unix_seconds == 1763640000);
    const auto before = std::find_if(facts.requires_.begin(), facts.requires_.end(),
                                     [](const rpm::Dependency& one) { return one.name == "shadow-utils"; });
    REQUIRE(before != facts.requires_.end());
    CHECK(before->before_scriptlets);
    CHECK(facts.files.at(1).path == "/opt/foreign/b");
    CHECK_FALSE(rpm::read_about(resigned, facts));
}
