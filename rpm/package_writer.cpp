// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/package_writer.hpp"

#include "base/error.hpp"
#include "base/handle.hpp"

#include <rpm/header.h>
#include <rpm/rpmds.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

namespace rpm {
namespace {

using HeaderOwner = base::Handle<headerToken_s, headerFree>;

constexpr bool same(std::uint32_t ours, std::uint32_t theirs) {
    return ours == theirs;
}
static_assert(same(Config, RPMFILE_CONFIG) && same(Doc, RPMFILE_DOC) && same(MissingOk, RPMFILE_MISSINGOK));
static_assert(same(NoReplace, RPMFILE_NOREPLACE) && same(Ghost, RPMFILE_GHOST));
static_assert(same(License, RPMFILE_LICENSE) && same(Readme, RPMFILE_README));

constexpr std::size_t lead_bytes = 96;
constexpr std::size_t signature_header_bytes = 4096;
constexpr std::string_view header_magic("\x8e\xad\xe8\x01\0\0\0\0", 8);
constexpr std::uint64_t most_32_bits = std::numeric_limits<std::uint32_t>::max();

/// A header that is being filled. Every value goes in with its type said: the typed helpers of librpm look
/// numbers of signature tags up in the table of the main tags and then do nothing.
class HeaderText {
public:
    HeaderText() : header_(headerNew()) {}

    void text(rpmTagVal tag, const std::string& value) { put(tag, RPM_STRING_TYPE, value.c_str(), 1); }
    void bytes(rpmTagVal tag, const std::string& value) {
        put(tag, RPM_BIN_TYPE, value.data(), value.size());
    }
    void number(rpmTagVal tag, std::uint32_t value) { put(tag, RPM_INT32_TYPE, &value, 1); }
    void numbers(rpmTagVal tag, const std::vector<std::uint32_t>& values) {
        put(tag, RPM_INT32_TYPE, values.data(), values.size());
    }
    void numbers(rpmTagVal tag, const std::vector<std::uint16_t>& values) {
        put(tag, RPM_INT16_TYPE, values.data(), values.size());
    }
    void texts(rpmTagVal tag, const std::vector<std::string>& values) {
        list(tag, RPM_STRING_ARRAY_TYPE, values);
    }
    void translated(rpmTagVal tag, const std::string& value) { list(tag, RPM_I18NSTRING_TYPE, {value}); }
    /// A size under one tag while it fits into 32 bits, and under the other one beyond.
    void size(rpmTagVal tag, rpmTagVal long_tag, std::uint64_t value) {
        if (value < most_32_bits) {
            number(tag, static_cast<std::uint32_t>(value));
        } else {
            put(long_tag, RPM_INT64_TYPE, &value, 1);
        }
    }
    /// As it stands in a file, sorted and in one region; consumes the header.
    std::string finish(rpmTagVal region) {
        header_.reset(headerReload(header_.release(), static_cast<int>(region)));
        unsigned int length = 0;
        const base::Handle<void, std::free> blob(header_ ? headerExport(header_.get(), &length) : nullptr);
        if (!blob) {
            throw base::Error(base::Fault::Input,
                              "a package header cannot be built: it is larger than the format allows");
        }
        return std::string(header_magic).append(static_cast<const char*>(blob.get()), length);
    }

private:
    void put(rpmTagVal tag, rpmTagType type, const void* data, std::size_t count) {
        rpmtd_s value;
        rpmtdReset(&value);
        value.tag = tag;
        value.type = type;
        value.count = static_cast<rpm_count_t>(count);
        value.data = const_cast<void*>(data); // rpmtd has no const; headerPut copies
        if (headerPut(header_.get(), &value, HEADERPUT_DEFAULT) == 0) {
            throw base::Error(base::Fault::Internal,
                              "librpm does not take tag {} with {} values into a header", tag, count);
        }
    }
    void list(rpmTagVal tag, rpmTagType type, const std::vector<std::string>& values) {
        std::vector<const char*> pointers;
        pointers.reserve(values.size());
        for (const std::string& value : values) {
            pointers.push_back(value.c_str());
        }
        put(tag, type, pointers.data(), pointers.size());
    }

    HeaderOwner header_;
};

rpmsenseFlags sense_of(const Dependency& dependency) {
    rpmsenseFlags sense = RPMSENSE_ANY;
    for (const char letter : dependency.comparison) {
        sense |= letter == '<' ? RPMSENSE_LESS : letter == '>' ? RPMSENSE_GREATER : RPMSENSE_EQUAL;
    }
    return sense;
}

struct FlaggedDependency {
    Dependency dependency;
    rpmsenseFlags flags = RPMSENSE_ANY;

    auto key() const { return std::tie(dependency.name, dependency.evr, flags); }
};

struct DependencyTags {
    rpmTagVal name, version, flags;
};

std::vector<FlaggedDependency> flagged(const std::vector<Dependency>& dependencies) {
    std::vector<FlaggedDependency> result;
    for (const Dependency& dependency : dependencies) {
        result.push_back({dependency, sense_of(dependency)});
    }
    return result;
}

void put(HeaderText& header, DependencyTags tags, std::vector<FlaggedDependency> dependencies) {
    std::sort(dependencies.begin(), dependencies.end(),
              [](const auto& left, const auto& right) { return left.key() < right.key(); });
    dependencies.erase(
        std::unique(dependencies.begin(), dependencies.end(),
                    [](const auto& left, const auto& right) { return left.key() == right.key(); }),
        dependencies.end());
    if (dependencies.empty()) {
        return;
    }
    std::vector<std::string> names;
    std::vector<std::string> versions;
    std::vector<std::uint32_t> flags;
    for (const FlaggedDependency& one : dependencies) {
        names.push_back(one.dependency.name);
        versions.push_back(one.dependency.evr);
        flags.push_back(one.flags);
    }
    header.texts(tags.name, names);
    header.texts(tags.version, versions);
    header.numbers(tags.flags, flags);
}

/// `NAME(x86-64)`: how rpm says that a library is of this machine's kind.
std::optional<std::string> isa_of(const std::string& arch) {
    static const std::map<std::string, std::string> suffixes{
        {"x86_64", "x86-64"},  {"i686", "x86-32"},      {"aarch64", "aarch-64"}, {"armv7hl", "armv7hl-32"},
        {"ppc64le", "ppc-64"}, {"riscv64", "riscv-64"}, {"s390x", "s390-64"}};
    const auto found = suffixes.find(arch);
    return found == suffixes.end() ? std::nullopt : std::optional(found->second);
}

bool is_config(const PackagedFile& file) {
    return (file.flags & RPMFILE_CONFIG) != 0 && !S_ISDIR(file.mode);
}

void put_provides(HeaderText& header, const PackageFacts& facts, bool has_config) {
    const std::string evr = facts.nevra.evr.str();
    auto provides = flagged(facts.provides);
    provides.push_back({{facts.nevra.name, "=", evr}, RPMSENSE_EQUAL});
    if (const auto isa = isa_of(facts.nevra.arch)) {
        provides.push_back({{facts.nevra.name + "(" + *isa + ")", "=", evr}, RPMSENSE_EQUAL});
    }
    if (has_config) {
        provides.push_back(
            {{"config(" + facts.nevra.name + ")", "=", evr}, RPMSENSE_EQUAL | RPMSENSE_CONFIG});
    }
    put(header, {RPMTAG_PROVIDENAME, RPMTAG_PROVIDEVERSION, RPMTAG_PROVIDEFLAGS}, std::move(provides));
}

std::vector<const std::vector<Dependency>*> all_dependencies(const PackageFacts& facts) {
    return {&facts.requires_, &facts.provides,    &facts.conflicts, &facts.obsoletes,
            &facts.suggests,  &facts.supplements, &facts.enhances,  &facts.recommends};
}

bool has_version_with(const PackageFacts& facts, char letter) {
    const auto has = [letter](const std::string& text) {
        return text.find(letter) != std::string::npos;
    };
    const auto lists = all_dependencies(facts);
    return has(facts.nevra.evr.str()) || std::any_of(lists.begin(), lists.end(), [&](const auto* list) {
               return std::any_of(list->begin(), list->end(), [&](const Dependency& one) {
                   return has(one.name[0] == '(' ? one.name : one.evr);
               });
           });
}

bool has_rich_dependency(const PackageFacts& facts) {
    const auto lists = all_dependencies(facts);
    return std::any_of(lists.begin(), lists.end(), [](const auto* list) {
        return std::any_of(list->begin(), list->end(),
                           [](const Dependency& one) { return one.name[0] == '('; });
    });
}

void put_requires(HeaderText& header, const PackageFacts& facts, bool has_config) {
    auto requires_list = flagged(facts.requires_);
    // What rpm must be able to do to install this package, each with the version of rpm that was the first
    // to.
    const auto feature = [&](const std::string& name, const std::string& since) {
        requires_list.push_back(
            {{"rpmlib(" + name + ")", "<=", since}, RPMSENSE_RPMLIB | RPMSENSE_LESS | RPMSENSE_EQUAL});
    };
    feature("CompressedFileNames", "3.0.4-1");
    feature("FileDigests", "4.6.0-1");
    feature("PayloadFilesHavePrefix", "4.0-1");
    feature("PayloadIsZstd", "5.4.18-1");
    if (has_version_with(facts, '~')) {
        feature("TildeInVersions", "4.10.0-1");
    }
    if (has_version_with(facts, '^')) {
        feature("CaretInVersions", "4.15.0-1");
    }
    if (has_rich_dependency(facts)) {
        feature("RichDependencies", "4.12.0-1");
    }
    if (has_config) {
        requires_list.push_back({{"config(" + facts.nevra.name + ")", "=", facts.nevra.evr.str()},
                                 RPMSENSE_EQUAL | RPMSENSE_CONFIG});
    }
    put(header, {RPMTAG_REQUIRENAME, RPMTAG_REQUIREVERSION, RPMTAG_REQUIREFLAGS}, std::move(requires_list));
}

void put_dependencies(HeaderText& header, const PackageFacts& facts) {
    const bool has_config = std::any_of(facts.files.begin(), facts.files.end(), is_config);
    put_provides(header, facts, has_config);
    put_requires(header, facts, has_config);
    put(header, {RPMTAG_CONFLICTNAME, RPMTAG_CONFLICTVERSION, RPMTAG_CONFLICTFLAGS},
        flagged(facts.conflicts));
    put(header, {RPMTAG_OBSOLETENAME, RPMTAG_OBSOLETEVERSION, RPMTAG_OBSOLETEFLAGS},
        flagged(facts.obsoletes));
    put(header, {RPMTAG_RECOMMENDNAME, RPMTAG_RECOMMENDVERSION, RPMTAG_RECOMMENDFLAGS},
        flagged(facts.recommends));
    put(header, {RPMTAG_SUGGESTNAME, RPMTAG_SUGGESTVERSION, RPMTAG_SUGGESTFLAGS}, flagged(facts.suggests));
    put(header, {RPMTAG_SUPPLEMENTNAME, RPMTAG_SUPPLEMENTVERSION, RPMTAG_SUPPLEMENTFLAGS},
        flagged(facts.supplements));
    put(header, {RPMTAG_ENHANCENAME, RPMTAG_ENHANCEVERSION, RPMTAG_ENHANCEFLAGS}, flagged(facts.enhances));
}

std::uint32_t verify_flags_of(const PackagedFile& file) {
    std::uint32_t flags = std::numeric_limits<std::uint32_t>::max();
    if ((file.flags & RPMFILE_GHOST) != 0) {
        flags &= ~static_cast<std::uint32_t>(RPMVERIFY_FILEDIGEST | RPMVERIFY_FILESIZE | RPMVERIFY_LINKTO |
                                             RPMVERIFY_MTIME);
    }
    return flags;
}

/// The arrays of the header, one element a file.
struct FileColumns {
    std::vector<std::uint32_t> sizes, mtimes, flags, verify_flags, devices, inodes, directories;
    std::vector<std::uint16_t> modes, device_numbers;
    std::vector<std::string> digests, links, owners, groups, languages, base_names, directory_names;
};

FileColumns columns_of(const std::vector<PackagedFile>& files) {
    FileColumns columns;
    std::map<std::string, std::uint32_t> directory_at;
    for (const PackagedFile& file : files) {
        if (file.bytes >= most_32_bits) {
            throw base::Error(base::Fault::Input,
                              "file '{}' has {} bytes, but packages carry files below 4 GiB only", file.path,
                              file.bytes);
        }
        columns.sizes.push_back(static_cast<std::uint32_t>(file.bytes));
        columns.mtimes.push_back(file.modified_unix_seconds);
        columns.flags.push_back(file.flags);
        columns.verify_flags.push_back(verify_flags_of(file));
        columns.devices.push_back(1);
        columns.inodes.push_back(static_cast<std::uint32_t>(columns.inodes.size()) +
                                 1); // equal ones would be hard links
        columns.modes.push_back(static_cast<std::uint16_t>(file.mode));
        columns.device_numbers.push_back(0);
        columns.digests.push_back(file.type == 'f' && file.digest.empty() ? base::Digest().hex()
                                                                          : file.digest);
        columns.links.push_back(file.link_target);
        columns.owners.push_back(file.owner);
        columns.groups.push_back(file.group);
        columns.languages.emplace_back();
        const std::size_t slash = file.path.rfind('/');
        const std::string directory = file.path.substr(0, slash + 1);
        const auto [at, is_new] =
            directory_at.emplace(directory, static_cast<std::uint32_t>(columns.directory_names.size()));
        if (is_new) {
            columns.directory_names.push_back(directory);
        }
        columns.directories.push_back(at->second);
        columns.base_names.push_back(file.path.substr(slash + 1));
    }
    return columns;
}

void put_files(HeaderText& header, const std::vector<PackagedFile>& files) {
    const auto by_path = [](const PackagedFile& left, const PackagedFile& right) {
        return left.path < right.path;
    };
    if (!std::is_sorted(files.begin(), files.end(), by_path)) {
        throw base::Error(base::Fault::Internal, "the files of a package are not sorted by path");
    }
    std::uint64_t installed_bytes = 0;
    for (const PackagedFile& file : files) {
        installed_bytes += S_ISREG(file.mode) || S_ISLNK(file.mode) ? file.bytes : 0;
    }
    header.size(RPMTAG_SIZE, RPMTAG_LONGSIZE, installed_bytes);
    header.number(RPMTAG_FILEDIGESTALGO, PGPHASHALGO_SHA256);
    if (files.empty()) {
        return;
    }
    const FileColumns columns = columns_of(files);
    header.numbers(RPMTAG_FILESIZES, columns.sizes);
    header.numbers(RPMTAG_FILEMODES, columns.modes);
    header.numbers(RPMTAG_FILERDEVS, columns.device_numbers);
    header.numbers(RPMTAG_FILEMTIMES, columns.mtimes);
    header.texts(RPMTAG_FILEDIGESTS, columns.digests);
    header.texts(RPMTAG_FILELINKTOS, columns.links);
    header.numbers(RPMTAG_FILEFLAGS, columns.flags);
    header.texts(RPMTAG_FILEUSERNAME, columns.owners);
    header.texts(RPMTAG_FILEGROUPNAME, columns.groups);
    header.numbers(RPMTAG_FILEVERIFYFLAGS, columns.verify_flags);
    header.numbers(RPMTAG_FILEDEVICES, columns.devices);
    header.numbers(RPMTAG_FILEINODES, columns.inodes);
    header.texts(RPMTAG_FILELANGS, columns.languages);
    header.numbers(RPMTAG_DIRINDEXES, columns.directories);
    header.texts(RPMTAG_BASENAMES, columns.base_names);
    header.texts(RPMTAG_DIRNAMES, columns.directory_names);
}

void put_optional(HeaderText& header, rpmTagVal tag, const std::string& text) {
    if (!text.empty()) {
        header.text(tag, text);
    }
}

void put_identity(HeaderText& header, const PackageFacts& facts) {
    header.texts(RPMTAG_HEADERI18NTABLE, {"C"});
    header.text(RPMTAG_NAME, facts.nevra.name);
    if (facts.nevra.evr.epoch != 0) {
        header.number(RPMTAG_EPOCH, facts.nevra.evr.epoch);
    }
    header.text(RPMTAG_VERSION, facts.nevra.evr.version);
    header.text(RPMTAG_RELEASE, facts.nevra.evr.release);
    header.text(RPMTAG_ARCH, facts.nevra.arch);
    header.text(RPMTAG_OS, "linux");
    header.text(RPMTAG_PLATFORM, facts.nevra.arch + "-linux");
    header.text(RPMTAG_ENCODING, "utf-8");
    header.translated(RPMTAG_SUMMARY, facts.summary);
    header.translated(RPMTAG_DESCRIPTION, facts.description);
    header.translated(RPMTAG_GROUP, facts.group);
    header.text(RPMTAG_LICENSE, facts.license);
    put_optional(header, RPMTAG_URL, facts.url);
    put_optional(header, RPMTAG_VENDOR, facts.vendor);
    put_optional(header, RPMTAG_PACKAGER, facts.packager);
    header.number(RPMTAG_BUILDTIME, static_cast<std::uint32_t>(facts.build_time));
    header.text(RPMTAG_BUILDHOST, facts.build_host);
    // Its presence is what makes a package a binary one.
    header.text(RPMTAG_SOURCERPM, facts.source_rpm);
}

std::string header_of(const PackageFacts& facts, const PayloadFacts& payload) {
    HeaderText header;
    put_identity(header, facts);
    put_dependencies(header, facts);
    put_files(header, facts.files);
    header.text(RPMTAG_PAYLOADFORMAT, "cpio");
    header.text(RPMTAG_PAYLOADCOMPRESSOR, "zstd");
    header.text(RPMTAG_PAYLOADFLAGS, std::to_string(payload.level));
    header.texts(RPMTAG_PAYLOADDIGEST, {payload.digest.hex()});
    header.number(RPMTAG_PAYLOADDIGESTALGO, PGPHASHALGO_SHA256);
    return header.finish(RPMTAG_HEADERIMMUTABLE);
}

std::string signature_header_of(const std::string& header, const PayloadFacts& payload,
                                const std::string& signature, bool is_rsa, std::size_t reserved_bytes) {
    HeaderText text;
    text.text(RPMSIGTAG_SHA256, base::sha256(header).hex());
    text.size(RPMSIGTAG_SIZE, RPMSIGTAG_LONGSIZE, header.size() + payload.bytes);
    text.size(RPMSIGTAG_PAYLOADSIZE, RPMSIGTAG_LONGARCHIVESIZE, payload.archive_bytes);
    if (!signature.empty()) {
        text.bytes(is_rsa ? RPMSIGTAG_RSA : RPMSIGTAG_DSA, signature); // EdDSA travels under DSA's tag
    }
    text.bytes(RPMSIGTAG_RESERVEDSPACE, std::string(reserved_bytes, '\0'));
    return text.finish(RPMTAG_HEADERSIGNATURES);
}

std::string lead_of(const base::Nevra& nevra) {
    std::string lead("\xed\xab\xee\xdb\x03\x00\x00\x00\x00\x01", 10);
    lead += (nevra.name + "-" + nevra.evr.version + "-" + nevra.evr.release).substr(0, 65);
    lead.resize(lead_bytes);
    lead[77] = 1; // linux
    lead[79] = 5; // the signature is a header
    return lead;
}

} // namespace

std::string package_head(const PackageFacts& facts, const PayloadFacts& payload, const SigningKey* key,
                         std::uint32_t signed_at_unix_seconds) {
    const std::string header = header_of(facts, payload);
    const std::string signature = key != nullptr ? key->openpgp().sign(header, signed_at_unix_seconds) : "";
    const bool is_rsa = key != nullptr && key->openpgp().is_rsa();
    const std::size_t least = signature_header_of(header, payload, signature, is_rsa, 1).size();
    if (least > signature_header_bytes) {
        throw base::Error(base::Fault::Input,
                          "the signature of package '{}' has {} bytes, more than fit into a package",
                          facts.nevra.str(), signature.size());
    }
    std::string text =
        signature_header_of(header, payload, signature, is_rsa, 1 + signature_header_bytes - least);
    if (text.size() != signature_header_bytes) {
        throw base::Error(base::Fault::Internal, "a signature header has {} bytes instead of {}", text.size(),
                          signature_header_bytes);
    }
    return lead_of(facts.nevra) + text + header;
}

} // namespace rpm
