// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/metadata.hpp"

#include "repo/pool.hpp"
#include "repo/xml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace repo {

namespace {

using Out = std::back_insert_iterator<std::string>;

constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::array<std::string_view, kinds> roots{"metadata", "filelists", "otherdata"};
constexpr std::array<std::string_view, kinds> namespaces{
    "xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"",
    "xmlns=\"http://linux.duke.edu/metadata/filelists\"", "xmlns=\"http://linux.duke.edu/metadata/other\""};

/// As many entries of a changelog as createrepo_c shows.
constexpr std::size_t changelog_entries = 10;

std::string element(std::string_view indent, std::string_view tag, std::string_view text) {
    return text.empty() ? fmt::format("{}<{}/>\n", indent, tag)
                        : fmt::format("{0}<{1}>{2}</{1}>\n", indent, tag, xml_escaped(text));
}

std::string_view flags_of(std::string_view comparison) {
    return comparison == "="    ? "EQ"
           : comparison == "<"  ? "LT"
           : comparison == "<=" ? "LE"
           : comparison == ">"  ? "GT"
           : comparison == ">=" ? "GE"
                                : "";
}

/// ` epoch="0" ver="1.0" rel="1"` of "[epoch:]version[-release]"; without a release, no `rel`.
std::string version_attributes(std::string_view evr) {
    std::string_view epoch = "0";
    if (const std::size_t colon = evr.find(':'); colon != std::string_view::npos) {
        epoch = colon == 0 ? epoch : evr.substr(0, colon);
        evr.remove_prefix(colon + 1);
    }
    const std::size_t dash = evr.rfind('-');
    std::string out =
        fmt::format(" epoch=\"{}\" ver=\"{}\"", xml_escaped(epoch), xml_escaped(evr.substr(0, dash)));
    if (dash != std::string_view::npos) {
        out += fmt::format(" rel=\"{}\"", xml_escaped(evr.substr(dash + 1)));
    }
    return out;
}

/// The files that `primary` lists, so that a dependency on a program resolves without the big document: the
/// rule of yum, kept since by all.
bool is_primary(std::string_view path) {
    return path.starts_with("/etc/") || path.find("bin/") != std::string_view::npos ||
           path == "/usr/lib/sendmail";
}

bool same_capability(const rpm::Dependency& left, const rpm::Dependency& right) {
    return std::tie(left.name, left.comparison, left.evr) ==
           std::tie(right.name, right.comparison, right.evr);
}

/// Without what rpm itself provides, and without what the package brings along.
std::vector<rpm::Dependency> requirements(const rpm::PackageFacts& facts) {
    std::vector<rpm::Dependency> outside;
    for (const rpm::Dependency& one : facts.requires_) {
        const bool brought =
            std::any_of(facts.provides.begin(), facts.provides.end(),
                        [&](const rpm::Dependency& other) { return same_capability(one, other); });
        const bool own_file =
            is_primary(one.name) && one.name.starts_with('/') &&
            std::any_of(facts.files.begin(), facts.files.end(),
                        [&](const rpm::PackagedFile& file) { return file.path == one.name; });
        if (!one.name.starts_with("rpmlib(") && !brought && !own_file) {
            outside.push_back(one);
        }
    }
    return outside;
}

void write_dependencies(Out out, std::string_view what, const std::vector<rpm::Dependency>& list) {
    std::set<std::string> entries; // createrepo_c keeps some doubles; nobody needs them
    std::vector<std::string> ordered;
    for (const rpm::Dependency& one : list) {
        std::string entry = fmt::format("      <rpm:entry name=\"{}\"", xml_escaped(one.name));
        if (const std::string_view flags = flags_of(one.comparison); !flags.empty()) {
            entry += fmt::format(" flags=\"{}\"{}", flags, version_attributes(one.evr));
        }
        entry += one.before_scriptlets ? " pre=\"1\"/>\n" : "/>\n";
        if (entries.insert(entry).second) {
            ordered.push_back(std::move(entry));
        }
    }
    if (ordered.empty()) {
        return;
    }
    fmt::format_to(out, "    <rpm:{}>\n", what);
    for (const std::string& entry : ordered) {
        fmt::format_to(out, "{}", entry);
    }
    fmt::format_to(out, "    </rpm:{}>\n", what);
}

void write_file(Out out, std::string_view indent, const rpm::PackagedFile& file) {
    const std::string_view type = file.type == 'd'   ? " type=\"dir\""
                                  : file.type == 'g' ? " type=\"ghost\""
                                                     : "";
    fmt::format_to(out, "{}<file{}>{}</file>\n", indent, type, xml_escaped(file.path));
}

std::string version_element(const base::Nevra& nevra) {
    return fmt::format("  <version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>\n", nevra.evr.epoch,
                       xml_escaped(nevra.evr.version), xml_escaped(nevra.evr.release));
}

std::string primary_element(const rpm::PackageFacts& facts, const base::Digest& digest, std::uint64_t bytes) {
    std::string text = "<package type=\"rpm\">\n";
    const Out out(text);
    text += element("  ", "name", facts.nevra.name);
    text += element("  ", "arch", facts.nevra.arch);
    text += version_element(facts.nevra);
    fmt::format_to(out, "  <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n", digest.hex());
    text += element("  ", "summary", facts.summary);
    text += element("  ", "description", facts.description);
    text += element("  ", "packager", facts.packager);
    text += element("  ", "url", facts.url);
    fmt::format_to(out, "  <time file=\"{0}\" build=\"{0}\"/>\n", facts.build_time);
    fmt::format_to(out, "  <size package=\"{}\" installed=\"{}\" archive=\"{}\"/>\n", bytes,
                   facts.installed_bytes, facts.archive_bytes);
    fmt::format_to(out, "  <location href=\"{}\"/>\n", xml_escaped(pool_href(digest, facts.nevra)));
    text += "  <format>\n";
    text += element("    ", "rpm:license", facts.license);
    text += element("    ", "rpm:vendor", facts.vendor);
    text += element("    ", "rpm:group", facts.group);
    text += element("    ", "rpm:buildhost", facts.build_host);
    text += element("    ", "rpm:sourcerpm", facts.source_rpm);
    fmt::format_to(out, "    <rpm:header-range start=\"{}\" end=\"{}\"/>\n", facts.header_start,
                   facts.header_end);
    write_dependencies(out, "provides", facts.provides);
    write_dependencies(out, "requires", requirements(facts));
    write_dependencies(out, "conflicts", facts.conflicts);
    write_dependencies(out, "obsoletes", facts.obsoletes);
    write_dependencies(out, "suggests", facts.suggests);
    write_dependencies(out, "enhances", facts.enhances);
    write_dependencies(out, "recommends", facts.recommends);
    write_dependencies(out, "supplements", facts.supplements);
    for (const rpm::PackagedFile& file : facts.files) {
        if (is_primary(file.path)) {
            write_file(out, "    ", file);
        }
    }
    text += "  </format>\n</package>\n";
    return text;
}

/// How an element of the two lesser documents begins.
std::string lesser_start(const base::Nevra& nevra, const base::Digest& digest) {
    return fmt::format("<package pkgid=\"{}\" name=\"{}\" arch=\"{}\">\n{}", digest.hex(),
                       xml_escaped(nevra.name), xml_escaped(nevra.arch), version_element(nevra));
}

std::string filelists_element(const rpm::PackageFacts& facts, const base::Digest& digest) {
    std::string text = lesser_start(facts.nevra, digest);
    for (const rpm::PackagedFile& file : facts.files) {
        write_file(Out(text), "  ", file);
    }
    return text + "</package>\n";
}

std::string other_element(const rpm::PackageFacts& facts, const base::Digest& digest) {
    std::string text = lesser_start(facts.nevra, digest);
    // A header has the newest entry first, rpm-md has it last.
    const std::size_t shown = std::min(facts.changelog.size(), changelog_entries);
    for (std::size_t back = shown; back > 0; --back) {
        const rpm::ChangelogEntry& entry = facts.changelog[back - 1];
        fmt::format_to(Out(text), "  <changelog author=\"{}\" date=\"{}\">{}</changelog>\n",
                       xml_escaped(entry.author), entry.at_unix_seconds, xml_escaped(entry.text));
    }
    return text + "</package>\n";
}

} // namespace

Texts package_elements(const rpm::PackageFacts& facts, const base::Digest& digest, std::uint64_t bytes) {
    return {primary_element(facts, digest, bytes), filelists_element(facts, digest),
            other_element(facts, digest)};
}

std::string document_start(std::size_t kind, std::uint64_t packages) {
    return fmt::format("{}<{} {} packages=\"{}\">\n", declaration, roots.at(kind), namespaces.at(kind),
                       packages);
}

std::string document_end(std::size_t kind) {
    return fmt::format("</{}>\n", roots.at(kind));
}

std::string Document::file_name(std::size_t kind) const {
    return fmt::format("{}-{}.xml.gz", digest.hex(), kind_names.at(kind));
}

std::string repomd_xml(const std::array<Document, kinds>& documents, base::Time now) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    std::string text(declaration);
    text += "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" "
            "xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n";
    fmt::format_to(Out(text), "  <revision>{}</revision>\n", seconds);
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        const Document& document = documents.at(kind);
        fmt::format_to(Out(text),
                       "  <data type=\"{}\">\n"
                       "    <checksum type=\"sha256\">{}</checksum>\n"
                       "    <open-checksum type=\"sha256\">{}</open-checksum>\n"
                       "    <location href=\"repodata/{}\"/>\n"
                       "    <timestamp>{}</timestamp>\n"
                       "    <size>{}</size>\n"
                       "    <open-size>{}</open-size>\n"
                       "  </data>\n",
                       kind_names.at(kind), document.digest.hex(), document.open_digest.hex(),
                       document.file_name(kind), seconds, document.gzip.size(), document.open_bytes);
    }
    return text + "</repomd>\n";
}

} // namespace repo
