// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Packages as others see them: our own reader, rpm, rpm2cpio.
#include "rpm/package.hpp"

#include "tests/units/builder/project.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

namespace {

using namespace builder_tests;

const std::string everything = R"toml(description = "Takes orders.\nÜber alles."
url = "https://shop.example"
vendor = "Shop"
epoch = 2
requires = ["redis >= 7", "(haproxy or nginx)", "/usr/bin/python3"]
provides = ["orders = 1.0"]
conflicts = ["old-shop < 1"]
obsoletes = ["older-shop"]
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
symlink = "/opt/shop-app/current"
target  = "releases/1"

[[files]]
ghost = true
to = "/var/log/shop-app.log"

[settings]
port = { type = "port", default = 8080 }

[health]
ready = { tcp = "{{ node.address }}:{{ settings.port }}" }
)toml";

void fill(const Project& project) {
    project.write("dist/bin/shop-app", "#!/bin/sh\nexit 0\n", 0755);
    project.write("dist/data", std::string(100'000, 'x') + "end");
    project.write("dist/empty", "");
    project.write("app.conf", "port = 8080\n");
}

std::string bytes_of(const fs::path& file) {
    return base::SystemFiles().read(file);
}

std::pair<base::Fault, std::string> reading(const fs::path& file, const rpm::TrustedKeys& trust) {
    try {
        rpm::read_package(file, trust);
    } catch (const base::Error& error) {
        return {error.fault(), error.message()};
    }
    return {base::Fault::Internal, "no error"};
}

const rpm::PackagedFile& file_at(const rpm::PackageFacts& facts, const std::string& path) {
    const auto found = std::find_if(facts.files.begin(), facts.files.end(),
                                    [&](const rpm::PackagedFile& file) { return file.path == path; });
    REQUIRE(found != facts.files.end());
    return *found;
}

bool has(const std::vector<rpm::Dependency>& list, const rpm::Dependency& wanted) {
    return std::find(list.begin(), list.end(), wanted) != list.end();
}

/// An rpm database of its own with one key.
class RpmDatabase {
public:
    explicit RpmDatabase(const Project& project, const rpm::SigningKey& key)
        : path_(project.path() / "rpmdb") {
        fs::create_directories(path_);
        const fs::path certificate = project.path() / "key.asc";
        base::SystemFiles().write(certificate, key.certificate());
        output_of({"rpmkeys", "--dbpath", path_, "--import", certificate});
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

} // namespace

TEST_CASE("a package that was built is read back as what was said") {
    const Project project;
    fill(project);
    const auto built = project.build(everything);
    CHECK(built.path == project.path() / "out" / "shop-app-1.0-1.noarch.rpm");
    CHECK(built.nevra.str() == "shop-app-2:1.0-1.noarch");
    CHECK(built.bytes == fs::file_size(built.path));
    CHECK(built.digest == base::sha256_of_file(built.path));
    CHECK(std::distance(fs::directory_iterator(project.path() / "out"), fs::directory_iterator()) == 1);

    const auto facts = rpm::read_package(built.path, trust_in(ed25519_key()));
    CHECK(facts.nevra == built.nevra);
    CHECK(facts.summary == "Orders");
    CHECK(facts.description == "Takes orders.\nÜber alles.");
    CHECK(facts.license == "Apache-2.0");
    CHECK(facts.vendor == "Shop");
    CHECK(facts.url == "https://shop.example");
    CHECK(facts.build_host == "tiercel");
    CHECK(facts.build_time == source_date);
    CHECK(facts.source_rpm == "shop-app-1.0-1.src.rpm");
    CHECK(facts.scriptlet_interpreters.empty());
    CHECK(facts.changelog.empty());
    CHECK(has(facts.requires_, {"redis", ">=", "7"}));
    CHECK(has(facts.requires_, {"(haproxy or nginx)", "", ""}));
    CHECK(has(facts.requires_, {"/usr/bin/python3", "", ""}));
    CHECK(has(facts.requires_, {"config(shop-app)", "=", "2:1.0-1"}));
    CHECK(has(facts.requires_, {"rpmlib(RichDependencies)", "<=", "4.12.0-1"}));
    CHECK(has(facts.provides, {"shop-app", "=", "2:1.0-1"}));
    CHECK(has(facts.provides, {"orders", "=", "1.0"}));
    CHECK(has(facts.conflicts, {"old-shop", "<", "1"}));
    CHECK(has(facts.obsoletes, {"older-shop", "", ""}));
    CHECK(has(facts.recommends, {"shop-docs", "", ""}));
    CHECK(has(facts.suggests, {"shop-extras", "", ""}));

    const auto data = file_at(facts, "/opt/shop-app/data");
    CHECK(data.type == 'f');
    CHECK(data.bytes == 100'003);
    CHECK(data.digest == base::sha256(std::string(100'000, 'x') + "end").hex());
    CHECK(data.modified_unix_seconds == source_date);
    CHECK(file_at(facts, "/opt/shop-app/bin/shop-app").mode == 0100755);
    CHECK(file_at(facts, "/opt/shop-app").type == 'd');
    CHECK(file_at(facts, "/var/lib/shop-app").mode == 040750);
    CHECK(file_at(facts, "/opt/shop-app/current").link_target == "releases/1");
    CHECK(file_at(facts, "/opt/shop-app/current").type == 'l');
    CHECK(file_at(facts, "/var/log/shop-app.log").type == 'g');
    CHECK(file_at(facts, "/etc/shop-app.conf").flags == (rpm::Config | rpm::NoReplace));
    CHECK(facts.header_start == 96 + 4096);
    CHECK(facts.header_end < built.bytes);
    CHECK(facts.archive_bytes > 100'000);

    CHECK(rpm::read_packaged_file(built.path, "/etc/shop-app.conf") == "port = 8080\n");
    CHECK(rpm::read_packaged_file(built.path, "/opt/shop-app/empty") == "");
    CHECK_FALSE(rpm::read_packaged_file(built.path, "/opt/shop-app/current"));
    CHECK_FALSE(rpm::read_packaged_file(built.path, "/etc/passwd"));
    const auto about = rpm::read_about(built.path, facts);
    REQUIRE(about);
    CHECK(about->kind == "app");
    CHECK(about->settings.at(0).name == "port");
    CHECK(about->health.at(0).tcp == "{{ node.address }}:{{ settings.port }}");
}

TEST_CASE("a packaged file larger than the reader wants is refused") {
    const Project project;
    fill(project);
    const auto built = project.build(everything);
    try {
        rpm::read_packaged_file(built.path, "/opt/shop-app/data", 1000);
        FAIL("it was read");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        CHECK(error.message() ==
              "file '/opt/shop-app/data' in package 'shop-app-1.0-1.noarch.rpm' has 100003 bytes, "
              "but at most 1000 are read");
    }
}

TEST_CASE("an About document that is not the one of the verified header is refused") {
    const Project project;
    const auto first = project.build("[settings]\na = { type = 'int' }\n");
    const auto facts = rpm::read_package(first.path, trust_in(ed25519_key()));
    project.build("[settings]\nb = { type = 'int' }\n");
    try {
        rpm::read_about(first.path, facts);
        FAIL("it was read");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Corrupt);
    }
}

TEST_CASE("the same input gives the same bytes with any number of threads, from the cache or not",
          "[reproducible]") {
    const Project project;
    fill(project);
    // Several frames, and one file that fills more than one.
    std::string noise;
    for (std::uint64_t i = 0, state = 1; i < (20u << 20) / 8; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        noise.append(reinterpret_cast<const char*>(&state), 8);
    }
    project.write("dist/huge", noise);
    for (int i = 0; i < 60; ++i) {
        project.write(fmt::format("dist/lib/{}", i),
                      noise.substr(static_cast<std::size_t>(i) * 1000, 200'000));
    }
    const auto recipe = project.recipe(everything);
    auto options = project.options();
    options.threads = 1;
    const auto first = builder::build(recipe, options);
    CHECK(rpm::read_package(first.path, trust_in(ed25519_key())).files.size() == 72);
    CHECK(rpm::read_packaged_file(first.path, "/opt/shop-app/huge", 32u << 20) == noise);
    CHECK(first.frames_reused == 0);
    for (const unsigned threads : {2u, 3u, 7u}) {
        options.threads = threads;
        CHECK(builder::build(recipe, options).digest == first.digest);
    }
    options.cache = project.path() / "cache";
    CHECK(builder::build(recipe, options).digest == first.digest);
    const auto again = builder::build(recipe, options);
    CHECK(again.digest == first.digest);
    CHECK(again.frames_reused >= 5);

    SECTION("a damaged frame in the cache is made again") {
        for (const auto& file : fs::recursive_directory_iterator(options.cache)) {
            if (file.is_regular_file()) {
                std::fstream(file.path(), std::ios::in | std::ios::out | std::ios::binary)
                    .seekp(100)
                    .put('!');
            }
        }
        const auto repaired = builder::build(recipe, options);
        CHECK(repaired.digest == first.digest);
        CHECK(repaired.frames_reused == 0);
    }
    SECTION("one changed file leaves the other frames in the cache") {
        project.write("dist/lib/30", "changed");
        const auto changed = builder::build(recipe, options);
        CHECK(changed.digest != first.digest);
        CHECK(changed.frames_reused + 2 >= again.frames_reused);
        options.cache.clear();
        CHECK(builder::build(recipe, options).digest == changed.digest);
    }
    SECTION("when and where the sources were checked out does not count") {
        fs::last_write_time(project.packages() / "dist/data", fs::file_time_type::clock::now());
        CHECK(builder::build(recipe, options).digest == first.digest);
    }
}

TEST_CASE("rpm finds digests and signatures of a package right", "[oracle]") {
    const Project project;
    fill(project);
    const auto recipe = project.recipe(everything);
    for (const rpm::SigningKey* key : {&ed25519_key(), &rsa_key()}) {
        auto options = project.options();
        options.key = key;
        const auto built = builder::build(recipe, options);
        const RpmDatabase database(project, *key);
        const std::string said = output_of(
            {"rpmkeys", "--dbpath", database.path(), "-Kv", "--define", "_pkgverify_level all", built.path});
        CHECK(said.find(key == &rsa_key() ? "Header V4 RSA/SHA256 Signature"
                                          : "Header V4 EdDSA/SHA256 Signature") != std::string::npos);
        CHECK(said.find("Header SHA256 digest: OK") != std::string::npos);
        CHECK(said.find("Payload SHA256 digest: OK") != std::string::npos);
        CHECK(said.find("MD5") == std::string::npos);
        CHECK(said.find("SHA1") == std::string::npos);
        CHECK(reading(built.path, trust_in(*key)).second == "no error");
        fs::remove_all(database.path());
    }
}

TEST_CASE("rpm reads, lists and unpacks a package", "[oracle]") {
    const Project project;
    fill(project);
    const auto built = project.build(everything);
    const RpmDatabase database(project, ed25519_key());
    const auto query = [&](std::vector<std::string> words) {
        std::vector<std::string> argv{"rpm", "--dbpath", database.path()};
        argv.insert(argv.end(), words.begin(), words.end());
        argv.push_back(built.path);
        return output_of(argv);
    };
    const std::string information = query({"-qip"});
    for (const char* line :
         {"Name        : shop-app", "Epoch       : 2", "Version     : 1.0", "License     : Apache-2.0",
          "Vendor      : Shop", "Build Host  : tiercel", "Takes orders.", "Über alles."}) {
        INFO(information);
        CHECK(information.find(line) != std::string::npos);
    }
    CHECK(query({"-qlp"}) ==
          "/etc/shop-app.conf\n/opt/shop-app\n/opt/shop-app/bin\n/opt/shop-app/bin/shop-app\n/opt/shop-app/"
          "current\n"
          "/opt/shop-app/data\n/opt/shop-app/empty\n/usr/share/tiercel/shop-app.json\n/var/lib/shop-app\n"
          "/var/log/shop-app.log\n");
    CHECK(query({"-qcp"}) == "/etc/shop-app.conf\n");
    const fs::path unpacked = project.path() / "unpacked";
    fs::create_directories(unpacked);
    output_of({"sh", "-c", "rpm2cpio \"$1\" > \"$2/archive\" && cd \"$2\" && cpio -id --quiet < archive",
               "sh", built.path, unpacked});
    CHECK(bytes_of(unpacked / "opt/shop-app/data") == std::string(100'000, 'x') + "end");
    CHECK(fs::read_symlink(unpacked / "opt/shop-app/current") == "releases/1");
    CHECK_FALSE(fs::exists(unpacked / "var/log/shop-app.log"));
}

TEST_CASE("rpm installs a package into a root and finds nothing to complain about", "[oracle]") {
    if (::geteuid() != 0) {
        WARN("rpm installs into a root as root only: not tried");
        return;
    }
    const Project project;
    fill(project);
    const auto built = project.build(everything);
    const std::string root = project.path() / "root";
    fs::create_directories(root);
    const auto in_root = [&](std::vector<std::string> words) {
        std::vector<std::string> argv{"rpm", "--root", root, "--dbpath", "/var/lib/rpm"};
        argv.insert(argv.end(), words.begin(), words.end());
        return output_of(argv);
    };
    const fs::path certificate = project.path() / "key.asc";
    base::SystemFiles().write(certificate, ed25519_key().certificate());
    in_root({"--import", certificate});
    in_root({"-i", "--nodeps", "--define", "_pkgverify_level all", built.path});
    CHECK(in_root({"-V", "--nodeps", "shop-app"}).empty());
    struct stat facts {};
    REQUIRE(::stat((root + "/etc/shop-app.conf").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0640);
    CHECK(facts.st_mtime == source_date);
    in_root({"-e", "--nodeps", "shop-app"});
    CHECK_FALSE(fs::exists(root + "/opt/shop-app"));
    CHECK_FALSE(fs::exists(root + "/usr/share/tiercel/shop-app.json"));
}

TEST_CASE("a package that nobody signed, or somebody else, is refused") {
    const Project project;
    fill(project);
    const auto recipe = project.recipe(everything);
    auto options = project.options();
    options.key = nullptr;
    const auto unsigned_one = builder::build(recipe, options);
    CHECK(reading(unsigned_one.path, trust_in(ed25519_key())) ==
          std::pair{base::Fault::Denied, std::string("package 'shop-app-1.0-1.noarch.rpm' is not signed")});
    options.key = &rsa_key();
    const auto foreign = builder::build(recipe, options);
    const auto [fault, message] = reading(foreign.path, trust_in(ed25519_key()));
    CHECK(fault == base::Fault::Denied);
    const std::string id = base::to_hex(rsa_key().openpgp().fingerprint()).substr(24);
    CHECK(message ==
          "package 'shop-app-1.0-1.noarch.rpm' is signed by a key that is not trusted (key id " + id + ")");
    CHECK(reading(foreign.path, {}).first == base::Fault::Denied);
    // Of several trusted keys one is enough.
    CHECK(reading(foreign.path, {{ed25519_key().certificate(), rsa_key().certificate()}}).second ==
          "no error");
    CHECK(
        reading(foreign.path, {{"-----BEGIN nothing"}}) ==
        std::pair{base::Fault::Input, std::string("trusted key 1 of 1 is no armoured OpenPGP certificate")});
}

TEST_CASE("a package that was altered anywhere is refused") {
    const Project project;
    fill(project);
    const auto built = project.build(everything);
    const auto trust = trust_in(ed25519_key());
    const auto facts = rpm::read_package(built.path, trust);
    const std::string whole = bytes_of(built.path);
    const fs::path altered = project.path() / "altered.rpm";
    const auto with_flip = [&](std::size_t at) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
        std::ofstream(altered, std::ios::binary | std::ios::trunc) << bytes;
        return reading(altered, trust);
    };
    SECTION("in the header") {
        for (std::size_t at = facts.header_start; at < facts.header_end; at += 37) {
            INFO(at);
            CHECK(with_flip(at).first == base::Fault::Corrupt);
        }
    }
    SECTION("in the payload") {
        for (std::size_t at = facts.header_end; at < whole.size(); at += 11) {
            INFO(at);
            CHECK(
                with_flip(at) ==
                std::pair{base::Fault::Corrupt,
                          std::string("package 'altered.rpm' is damaged or was altered: a digest is wrong")});
        }
    }
    SECTION("in the signature header, outside of its reserved space") {
        const std::size_t reserved = whole.find(std::string(1000, '\0'), 200);
        REQUIRE(reserved < facts.header_start);
        for (std::size_t at = 96; at < reserved; at += 3) {
            const auto [fault, message] = with_flip(at);
            INFO(at << ": " << message);
            // The sizes and the entry of the reserved space are signed by nobody, and nothing depends on
            // them.
            CHECK((fault == base::Fault::Corrupt || fault == base::Fault::Denied || message == "no error"));
            if (message == "no error") {
                CHECK(rpm::read_package(altered, trust).files.size() == facts.files.size());
            }
        }
    }
    SECTION("by cutting it off") {
        for (const std::size_t length :
             {std::size_t{100}, std::size_t{4000}, std::size_t{facts.header_start} + 100,
              std::size_t{facts.header_end} - 1, std::size_t{facts.header_end}, whole.size() - 1}) {
            std::ofstream(altered, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
            INFO(length);
            CHECK(reading(altered, trust).first == base::Fault::Corrupt);
        }
    }
    SECTION("by putting something behind it") {
        std::ofstream(altered, std::ios::binary | std::ios::trunc) << whole << "more";
        CHECK(reading(altered, trust).first == base::Fault::Corrupt);
    }
}

TEST_CASE("packages are built and read on several threads at once") {
    const Project project;
    fill(project);
    const auto recipe = project.recipe(everything);
    const auto trust = trust_in(ed25519_key());
    const auto first = builder::build(recipe, project.options());
    std::vector<std::string> problems(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < problems.size(); ++i) {
        threads.emplace_back([&, i] {
            try {
                auto options = project.options();
                options.out /= std::to_string(i);
                for (int round = 0; round < 5; ++round) {
                    const auto built = builder::build(recipe, options);
                    const auto facts = rpm::read_package(built.path, trust);
                    if (built.digest != first.digest || !rpm::read_about(built.path, facts)) {
                        problems[i] = "another package";
                    }
                }
            } catch (const std::exception& error) {
                problems[i] = error.what();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(problems == std::vector<std::string>(4));
}

TEST_CASE("a package of more than 4 GiB in smaller files is built and read", "[.large]") {
    const Project project;
    for (const char* name : {"dist/a", "dist/b", "dist/c"}) {
        project.write(name, "");
        fs::resize_file(project.packages() / name, 2'000'000'000);
    }
    auto options = project.options();
    options.level = 1;
    const auto built =
        builder::build(project.recipe("[[files]]\nfrom = 'dist/'\nto = '/opt/shop-app/'\n"), options);
    const auto facts = rpm::read_package(built.path, trust_in(ed25519_key()));
    CHECK(facts.installed_bytes > 6'000'000'000);
    CHECK(facts.archive_bytes > 6'000'000'000);
    const RpmDatabase database(project, ed25519_key());
    output_of({"rpmkeys", "--dbpath", database.path(), "-Kv", built.path});
    CHECK(output_of({"rpm", "--dbpath", database.path(), "-qp", "--qf", "%{LONGSIZE} %{LONGARCHIVESIZE}",
                     built.path}) == fmt::format("{} {}", facts.installed_bytes, facts.archive_bytes));
}

TEST_CASE("what is no package, or not there, is said to be so") {
    const Project project;
    project.write("text", "hello, this is a text");
    CHECK(
        reading(project.packages() / "text", {}) ==
        std::pair{base::Fault::Input, "'" + (project.packages() / "text").string() + "' is no RPM package"});
    project.write("empty", "");
    CHECK(reading(project.packages() / "empty", {}).first == base::Fault::Input);
    CHECK(reading(project.packages() / "none", {}).first == base::Fault::NotFound);
}
