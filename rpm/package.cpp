// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/package.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "rpm/package_file.hpp"

#include <rpm/rpmarchive.h>
#include <rpm/rpmds.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmtd.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

namespace rpm {
namespace {

using DependencySet = base::Handle<rpmds_s, rpmdsFree>;
using FileList = base::Handle<rpmfiles_s, rpmfilesFree>;
using FileIterator = base::Handle<rpmfi_s, rpmfiFree>;

/// All strings, or numbers as text, of a tag; empty when the header has none.
std::vector<std::string> strings(Header header, rpmTagVal tag) {
    std::vector<std::string> result;
    rpmtd_s data;
    rpmtdReset(&data);
    if (headerGet(header, tag, &data, HEADERGET_MINMEM) != 0) {
        while (rpmtdNext(&data) >= 0) {
            const char* text = rpmtdGetString(&data);
            result.emplace_back(text != nullptr ? text : "");
        }
    }
    rpmtdFreeData(&data);
    return result;
}

std::string text(Header header, rpmTagVal tag) {
    const char* found = headerGetString(header, tag);
    return found != nullptr ? found : "";
}

base::Nevra nevra_in(Header header) {
    return {text(header, RPMTAG_NAME),
            {static_cast<std::uint32_t>(headerGetNumber(header, RPMTAG_EPOCH)), text(header, RPMTAG_VERSION),
             text(header, RPMTAG_RELEASE)},
            headerIsSource(header) != 0 ? "src" : text(header, RPMTAG_ARCH)};
}

std::string comparison_of(rpmsenseFlags flags) {
    std::string comparison;
    if ((flags & RPMSENSE_LESS) != 0) {
        comparison += '<';
    }
    if ((flags & RPMSENSE_GREATER) != 0) {
        comparison += '>';
    }
    if ((flags & RPMSENSE_EQUAL) != 0) {
        comparison += '=';
    }
    return comparison;
}

std::vector<Dependency> dependencies(Header header, rpmTagVal tag) {
    std::vector<Dependency> result;
    const DependencySet set(rpmdsNew(header, tag, 0));
    while (set && rpmdsNext(set.get()) >= 0) {
        const rpmsenseFlags flags = rpmdsFlags(set.get());
        Dependency one;
        one.name = rpmdsN(set.get());
        one.comparison = comparison_of(flags);
        if (!one.comparison.empty()) {
            one.evr = rpmdsEVR(set.get());
        }
        one.before_scriptlets = (flags & (RPMSENSE_PREREQ | RPMSENSE_SCRIPT_PRE | RPMSENSE_SCRIPT_POST)) != 0;
        result.push_back(std::move(one));
    }
    return result;
}

char type_of(rpmfileAttrs flags, rpm_mode_t mode) {
    if ((flags & RPMFILE_GHOST) != 0) {
        return 'g';
    }
    return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'f';
}

std::vector<PackagedFile> files_in(Header header) {
    std::vector<PackagedFile> result;
    const FileList list(rpmfilesNew(nullptr, header, RPMTAG_BASENAMES, RPMFI_KEEPHEADER));
    const int count = list ? static_cast<int>(rpmfilesFC(list.get())) : 0;
    for (int at = 0; at < count; ++at) {
        PackagedFile file;
        const base::Handle<char, std::free> path(rpmfilesFN(list.get(), at));
        file.path = path.get();
        file.flags = rpmfilesFFlags(list.get(), at);
        file.mode = rpmfilesFMode(list.get(), at);
        file.type = type_of(file.flags, static_cast<rpm_mode_t>(file.mode));
        file.bytes = rpmfilesFSize(list.get(), at);
        int algorithm = 0;
        std::size_t length = 0;
        const unsigned char* digest = rpmfilesFDigest(list.get(), at, &algorithm, &length);
        if (digest != nullptr && algorithm == PGPHASHALGO_SHA256 && file.type == 'f') {
            file.digest = base::to_hex({reinterpret_cast<const char*>(digest), length});
        }
        const auto or_empty = [](const char* found) {
            return std::string(found != nullptr ? found : "");
        };
        file.link_target = or_empty(rpmfilesFLink(list.get(), at));
        file.owner = or_empty(rpmfilesFUser(list.get(), at));
        file.group = or_empty(rpmfilesFGroup(list.get(), at));
        file.modified_unix_seconds = rpmfilesFMtime(list.get(), at);
        result.push_back(std::move(file));
    }
    return result;
}

std::vector<ChangelogEntry> changelog_in(Header header) {
    std::vector<ChangelogEntry> result;
    const auto authors = strings(header, RPMTAG_CHANGELOGNAME);
    const auto texts = strings(header, RPMTAG_CHANGELOGTEXT);
    rpmtd_s times;
    rpmtdReset(&times);
    headerGet(header, RPMTAG_CHANGELOGTIME, &times, HEADERGET_MINMEM);
    for (std::size_t i = 0; i < authors.size() && i < texts.size() && rpmtdNext(&times) >= 0; ++i) {
        result.push_back({authors[i], static_cast<std::int64_t>(rpmtdGetNumber(&times)), texts[i]});
    }
    rpmtdFreeData(&times);
    return result;
}

std::vector<std::string> interpreters_in(Header header) {
    std::set<std::string> found;
    // The first word of a scriptlet's interpreter is the program.
    for (const rpmTagVal tag : {RPMTAG_PREINPROG, RPMTAG_POSTINPROG, RPMTAG_PREUNPROG, RPMTAG_POSTUNPROG,
                                RPMTAG_PRETRANSPROG, RPMTAG_POSTTRANSPROG, RPMTAG_VERIFYSCRIPTPROG}) {
        if (const auto words = strings(header, tag); !words.empty()) {
            found.insert(words.front());
        }
    }
    for (const rpmTagVal tag :
         {RPMTAG_TRIGGERSCRIPTPROG, RPMTAG_FILETRIGGERSCRIPTPROG, RPMTAG_TRANSFILETRIGGERSCRIPTPROG}) {
        for (std::string& program : strings(header, tag)) {
            found.insert(std::move(program));
        }
    }
    return {found.begin(), found.end()};
}

const char* stream_mode(const std::string& compressor) {
    return compressor == "zstd"    ? "r.zstdio"
           : compressor == "xz"    ? "r.xzdio"
           : compressor == "lzma"  ? "r.lzdio"
           : compressor == "bzip2" ? "r.bzdio"
                                   : "r.gzdio"; // the oldest packages do not say
}

std::string content(rpmfi archive, const PackageFile& package, const std::string& path,
                    std::size_t limit_bytes) {
    const std::uint64_t bytes = rpmfiFSize(archive);
    if (bytes > limit_bytes) {
        throw base::Error(base::Fault::Input,
                          "file '{}' in package '{}' has {} bytes, but at most {} are read", path,
                          package.name(), bytes, limit_bytes);
    }
    std::string read(bytes, '\0');
    std::size_t at = 0;
    while (at < read.size()) {
        const ssize_t got = rpmfiArchiveRead(archive, read.data() + at, read.size() - at);
        if (got <= 0) {
            break;
        }
        at += static_cast<std::size_t>(got);
    }
    int algorithm = 0;
    std::size_t length = 0;
    const unsigned char* digest = rpmfiFDigest(archive, &algorithm, &length);
    DIGEST_CTX actual = rpmDigestInit(algorithm, RPMDIGEST_NONE);
    rpmDigestUpdate(actual, read.data(), read.size());
    void* found = nullptr;
    std::size_t found_length = 0;
    rpmDigestFinal(actual, &found, &found_length, 0);
    const base::Handle<void, std::free> owned(found);
    if (at != read.size() || digest == nullptr || found_length != length ||
        std::memcmp(found, digest, length) != 0) {
        throw base::Error(base::Fault::Corrupt, "file '{}' in package '{}' is damaged: its digest is wrong",
                          path, package.name());
    }
    return read;
}

/// The same file, or a hard link to it: of several the payload carries the content once.
bool same_file(rpmfiles list, int left, int right) {
    const int* links = nullptr;
    const std::uint32_t count = rpmfilesFLinks(list, left, &links);
    return left == right || (count > 1 && std::find(links, links + count, right) != links + count);
}

} // namespace

PackageFacts read_package(const std::filesystem::path& file, const TrustedKeys& trust) {
    const Keyring keys = keyring_of(trust);
    const PackageFile package(file);
    const ReadHeader owned = package.verified_header(keys.get());
    Header header = owned.get();
    PackageFacts facts;
    facts.nevra = nevra_in(header);
    facts.summary = text(header, RPMTAG_SUMMARY);
    facts.description = text(header, RPMTAG_DESCRIPTION);
    facts.license = text(header, RPMTAG_LICENSE);
    facts.vendor = text(header, RPMTAG_VENDOR);
    facts.group = text(header, RPMTAG_GROUP);
    facts.url = text(header, RPMTAG_URL);
    facts.packager = text(header, RPMTAG_PACKAGER);
    facts.build_host = text(header, RPMTAG_BUILDHOST);
    facts.source_rpm = text(header, RPMTAG_SOURCERPM);
    facts.build_time = static_cast<std::int64_t>(headerGetNumber(header, RPMTAG_BUILDTIME));
    // The 64-bit names also read the 32-bit tags.
    facts.installed_bytes = headerGetNumber(header, RPMTAG_LONGSIZE);
    facts.archive_bytes = headerGetNumber(header, RPMTAG_LONGARCHIVESIZE);
    facts.header_start = package.header_start();
    facts.header_end = package.header_end();
    facts.requires_ = dependencies(header, RPMTAG_REQUIRENAME);
    facts.provides = dependencies(header, RPMTAG_PROVIDENAME);
    facts.conflicts = dependencies(header, RPMTAG_CONFLICTNAME);
    facts.obsoletes = dependencies(header, RPMTAG_OBSOLETENAME);
    facts.recommends = dependencies(header, RPMTAG_RECOMMENDNAME);
    facts.suggests = dependencies(header, RPMTAG_SUGGESTNAME);
    facts.supplements = dependencies(header, RPMTAG_SUPPLEMENTNAME);
    facts.enhances = dependencies(header, RPMTAG_ENHANCENAME);
    facts.files = files_in(header);
    facts.changelog = changelog_in(header);
    facts.scriptlet_interpreters = interpreters_in(header);
    return facts;
}

std::optional<std::string> read_packaged_file(const std::filesystem::path& file, const std::string& path,
                                              std::size_t limit_bytes) {
    const PackageFile package(file);
    const ReadHeader header = package.unchecked_header();
    const FileList list(rpmfilesNew(nullptr, header.get(), RPMTAG_BASENAMES, RPMFI_KEEPHEADER));
    const int at = list ? rpmfilesFindFN(list.get(), path.c_str()) : -1;
    if (at < 0 || type_of(rpmfilesFFlags(list.get(), at), rpmfilesFMode(list.get(), at)) != 'f') {
        return std::nullopt;
    }
    const StreamHandle payload =
        package.stream(package.header_end(), stream_mode(text(header.get(), RPMTAG_PAYLOADCOMPRESSOR)));
    const FileIterator archive(rpmfiNewArchiveReader(payload.get(), list.get(), RPMFI_ITER_READ_ARCHIVE));
    while (archive && rpmfiNext(archive.get()) >= 0) {
        if (rpmfiArchiveHasContent(archive.get()) != 0 && same_file(list.get(), rpmfiFX(archive.get()), at)) {
            return content(archive.get(), package, path, limit_bytes);
        }
    }
    throw base::Error(base::Fault::Corrupt, "package '{}' is damaged: its payload ends before file '{}'",
                      package.name(), path);
}

std::optional<About> read_about(const std::filesystem::path& file, const PackageFacts& facts) {
    const std::string path = About::path_of(facts.nevra.name);
    const auto listed = std::find_if(facts.files.begin(), facts.files.end(), [&](const PackagedFile& one) {
        return one.path == path && one.type == 'f';
    });
    if (listed == facts.files.end()) {
        return std::nullopt;
    }
    const auto text = read_packaged_file(file, path);
    const std::string name = file.filename().string() + ":" + path;
    if (!text || base::sha256(*text).hex() != listed->digest) {
        throw base::Error(base::Fault::Corrupt, "'{}' is not what the package's verified header says", name);
    }
    return About::from_value(base::parse_json(*text, name), name);
}

} // namespace rpm
