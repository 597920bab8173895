// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/metadata.hpp"

#include "repo/gzip.hpp"
#include "repo/xml.hpp"
#include "tests/catch.hpp"
#include "tests/refusal.hpp"

namespace {

rpm::PackagedFile file(char type, const std::string& path) {
    rpm::PackagedFile made;
    made.path = path;
    made.type = type;
    return made;
}

rpm::PackageFacts shop_app() {
    rpm::PackageFacts facts;
    facts.nevra = {"shop-app", {2, "1.0~rc1", "1"}, "noarch"};
    facts.summary = "Orders & <more>";
    facts.license = "Apache-2.0";
    facts.source_rpm = "shop-app-1.0~rc1-1.src.rpm";
    facts.build_time = 1'795'176'000;
    facts.installed_bytes = 12;
    facts.archive_bytes = 500;
    facts.header_start = 4504;
    facts.header_end = 8833;
    facts.provides = {{"shop-app", "=", "2:1.0~rc1-1", false}};
    facts.requires_ = {{"rpmlib(FileDigests)", "<=", "4.6.0-1", false},
                       {"/bin/sh", "", "", false},
                       {"/bin/sh", "", "", false},
                       {"/bin/sh", "", "", true},
                       {"shop-app", "=", "2:1.0~rc1-1", false},
                       {"/usr/bin/shop", "", "", false},
                       {"/opt/shop/data", "", "", false},
                       {"redis", ">=", "7", false}};
    facts.files = {file('d', "/etc/shop"), file('f', "/opt/shop/data"), file('f', "/usr/bin/shop"),
                   file('l', "/usr/lib/sendmail"), file('g', "/var/log/shop.log")};
    for (int day = 12; day > 0; --day) { // the newest first, as in a header
        facts.changelog.push_back({"someone", day, "day " + std::to_string(day)});
    }
    return facts;
}

bool has(const std::string& text, const std::string& part) {
    INFO(text);
    INFO(part);
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("text in metadata is well-formed XML whatever a header holds") {
    CHECK(repo::xml_escaped("a < b & c > \"d\"") == "a &lt; b &amp; c &gt; &quot;d&quot;");
    CHECK(repo::xml_escaped("line\n\ttab") == "line\n\ttab");
    CHECK(repo::xml_escaped("return\r") == "return&#13;");
    CHECK(repo::xml_escaped(std::string_view("\x01\x1f\0\x7f", 4)) == "???\x7f");
    CHECK(repo::xml_escaped("ünïcode €  \xf0\x9f\x90\xa6") == "ünïcode €  \xf0\x9f\x90\xa6");
    CHECK(repo::xml_escaped("\xef\xbf\xbe\xef\xbf\xbf") == "??");
    // Not UTF-8: Latin-1, an overlong slash, a surrogate, beyond Unicode, cut off.
    CHECK(repo::xml_escaped("M\xfcller") == "Müller");
    CHECK(repo::xml_escaped("\xc0\xaf") == "À¯");
    CHECK(repo::xml_escaped("\xed\xa0\x80") == "í\xc2\xa0\xc2\x80");
    CHECK(repo::xml_escaped("\xf4\x90\x80\x80") == "ô\xc2\x90\xc2\x80\xc2\x80");
    CHECK(repo::xml_escaped("\xe2\x82") == "â\xc2\x82");
}

TEST_CASE("a package's primary element says what a package manager resolves with") {
    const base::Digest digest = base::sha256("shop-app");
    const std::string primary = repo::package_elements(shop_app(), digest, 1234)[0];
    CHECK(has(primary, "<version epoch=\"2\" ver=\"1.0~rc1\" rel=\"1\"/>"));
    CHECK(has(primary, "<checksum type=\"sha256\" pkgid=\"YES\">" + digest.hex() + "</checksum>"));
    CHECK(has(primary, "<summary>Orders &amp; &lt;more&gt;</summary>"));
    CHECK(has(primary, "<size package=\"1234\" installed=\"12\" archive=\"500\"/>"));
    CHECK(has(primary, "<location href=\"Packages/" + digest.hex().substr(0, 2) + "/" + digest.hex() +
                           "/shop-app-1.0~rc1-1.noarch.rpm\"/>"));
    CHECK(has(primary, "<rpm:header-range start=\"4504\" end=\"8833\"/>"));
    CHECK(has(primary, "<rpm:vendor/>"));
    CHECK(has(primary, "<rpm:entry name=\"shop-app\" flags=\"EQ\" epoch=\"2\" ver=\"1.0~rc1\" rel=\"1\"/>"));
    // Without rpm's own features, what the package provides itself, its own files, and doubles.
    CHECK(has(primary, "    <rpm:requires>\n"
                       "      <rpm:entry name=\"/bin/sh\"/>\n"
                       "      <rpm:entry name=\"/bin/sh\" pre=\"1\"/>\n"
                       "      <rpm:entry name=\"/opt/shop/data\"/>\n"
                       "      <rpm:entry name=\"redis\" flags=\"GE\" epoch=\"0\" ver=\"7\"/>\n"
                       "    </rpm:requires>\n"));
    CHECK_FALSE(has(primary, "rpm:conflicts"));
    // Only the files that others are used to depend on.
    CHECK(has(primary, "    </rpm:requires>\n"
                       "    <file type=\"dir\">/etc/shop</file>\n"
                       "    <file>/usr/bin/shop</file>\n"
                       "    <file>/usr/lib/sendmail</file>\n"
                       "  </format>\n"
                       "</package>\n"));
}

TEST_CASE("the other two elements have every file and the last ten entries of the changelog, newest last") {
    const repo::Texts elements = repo::package_elements(shop_app(), base::sha256("shop-app"), 1234);
    CHECK(has(elements[1], "  <file type=\"dir\">/etc/shop</file>\n"
                           "  <file>/opt/shop/data</file>\n"
                           "  <file>/usr/bin/shop</file>\n"
                           "  <file>/usr/lib/sendmail</file>\n"
                           "  <file type=\"ghost\">/var/log/shop.log</file>\n"
                           "</package>\n"));
    CHECK(has(elements[2], "rel=\"1\"/>\n  <changelog author=\"someone\" date=\"3\">day 3</changelog>\n"));
    CHECK(has(elements[2], "date=\"12\">day 12</changelog>\n</package>\n"));
}

TEST_CASE("compressed members that follow each other are one text") {
    const std::string first = repo::gzipped("first, ");
    const std::string second = repo::gzipped(std::string(300'000, 'x'));
    CHECK(repo::gunzipped(first + repo::gzipped("") + second, 1u << 20) ==
          "first, " + std::string(300'000, 'x'));
    CHECK(repo::gzipped("first, ") == first);
    CHECK(repo::gunzipped("", 10).empty());
}

TEST_CASE("damaged, cut and endless compressed metadata is refused") {
    using tests::refusal;
    const std::string whole = repo::gzipped(std::string(100'000, 'x'));
    const std::string sentence = "the compressed metadata is damaged or cut off";
    std::string altered = whole;
    altered[altered.size() - 6] = static_cast<char>(altered[altered.size() - 6] ^ 1);
    CHECK(refusal(base::Fault::Corrupt, [&] { repo::gunzipped(altered, 1u << 20); }) == sentence);
    CHECK(refusal(base::Fault::Corrupt, [&] { repo::gunzipped(whole.substr(0, 50), 1u << 20); }) == sentence);
    CHECK(refusal(base::Fault::Corrupt, [&] { repo::gunzipped(whole + "x", 1u << 20); }) == sentence);
    CHECK(refusal(base::Fault::Corrupt, [&] { repo::gunzipped(whole, 99'999); }) ==
          "the compressed metadata holds more than 99999 bytes");
}
