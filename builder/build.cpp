// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/build.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "builder/payload.hpp"
#include "builder/text_check.hpp"
#include "builder/tree.hpp"
#include "builder/version.hpp"
#include "rpm/package_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>

namespace builder {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t text_limit_bytes = 4u << 20; ///< of a template, app.lua or a workflow
constexpr const char* build_host = "tiercel";

std::string read_text(const Recipe& recipe, const std::string& file, int line) {
    const fs::path path = recipe.directory() / file;
    try {
        return base::SystemFiles().read(path, text_limit_bytes);
    } catch (const base::Error& error) {
        throw base::Error(error.fault() == base::Fault::NotFound ? base::Fault::Input : error.fault(),
                          "{}: {}", recipe.place(line), error.message());
    }
}

/// Packages the templates, and says in `about` where they lie then.
void add_templates(const Recipe& recipe, rpm::About& about, Tree& tree, std::vector<std::string>& notes) {
    if (about.templates.empty()) {
        return;
    }
    const std::string home = "/usr/share/tiercel/" + recipe.name;
    tree.add_directory(home);
    tree.add_directory(home + "/templates");
    for (std::size_t i = 0; i < about.templates.size(); ++i) {
        rpm::Template& part = about.templates[i];
        const int line = recipe.template_lines[i];
        std::string text = read_text(recipe, part.source, line);
        check_template(text, (recipe.directory() / part.source).string(), recipe, notes);
        part.source = home + "/templates/" + fs::path(part.source).filename().string();
        tree.add_text(part.source, std::move(text), line);
    }
}

void add_application(const Recipe& recipe, rpm::About& about) {
    if (recipe.kind != "application") {
        return;
    }
    about.model = read_text(recipe, recipe.model, recipe.application_line);
    for (const std::string& pattern : recipe.workflows) {
        const auto found = glob(recipe.directory(), pattern);
        if (found.empty()) {
            throw base::Error(base::Fault::Input, "{}: workflow '{}' matches nothing",
                              recipe.place(recipe.application_line), pattern);
        }
        for (const fs::path& file : found) {
            const std::string name = file.stem().string();
            const bool is_new =
                about.workflows.emplace(name, read_text(recipe, file.string(), recipe.application_line))
                    .second;
            if (!is_new) {
                throw base::Error(base::Fault::Input, "{}: workflow '{}' stands twice in 'workflows'",
                                  recipe.place(recipe.application_line), name);
            }
        }
    }
}

std::vector<Entry> contents_of(const Recipe& recipe, std::vector<std::string>& notes) {
    Tree tree(recipe);
    add_files(recipe, tree);
    rpm::About about = recipe.about;
    add_templates(recipe, about, tree, notes);
    add_application(recipe, about);
    tree.add_text(rpm::About::path_of(recipe.name), base::to_json(about.to_value()) + "\n", 0);
    return std::move(tree).finish();
}

std::int64_t newest_source(const Recipe& recipe, const std::vector<Entry>& entries) {
    std::int64_t newest = 0;
    const auto look = [&](const fs::path& path) {
        struct stat facts {};
        if (!path.empty() && ::stat(path.c_str(), &facts) == 0) {
            newest = std::max<std::int64_t>(newest, facts.st_mtime);
        }
    };
    look(recipe.file);
    for (const rpm::Template& part : recipe.about.templates) {
        look(recipe.directory() / part.source);
    }
    for (const Entry& entry : entries) {
        look(entry.source);
    }
    return newest;
}

std::uint32_t source_date(const Recipe& recipe, const BuildOptions& options,
                          const std::vector<Entry>& entries, base::Processes& processes,
                          std::vector<std::string>& notes) {
    auto date = options.source_date_epoch;
    if (!date) {
        const CommitTime commit = commit_time(processes, recipe.directory());
        date = commit.unix_seconds;
        if (!commit.refusal.empty()) {
            notes.push_back(fmt::format(
                "{}: the time of the commit is not known, so the newest source's is taken: git says '{}'",
                recipe.place(0), commit.refusal));
        }
    }
    if (!date) {
        date = newest_source(recipe, entries);
    }
    if (*date < 0 || *date > std::numeric_limits<std::uint32_t>::max()) {
        throw base::Error(base::Fault::Input, "the source date {} is not in unix seconds of 32 bits", *date);
    }
    return static_cast<std::uint32_t>(*date);
}

rpm::PackageFacts facts_of(const Recipe& recipe, const std::string& version, std::uint32_t date) {
    rpm::PackageFacts facts;
    facts.nevra = {recipe.name, {recipe.epoch, version, recipe.release}, recipe.arch};
    facts.summary = recipe.summary;
    facts.description = recipe.description;
    facts.license = recipe.license;
    facts.url = recipe.url;
    facts.vendor = recipe.vendor;
    facts.group = "Unspecified";
    facts.build_host = build_host;
    facts.source_rpm = recipe.name + "-" + version + "-" + recipe.release + ".src.rpm";
    facts.build_time = date;
    facts.requires_ = recipe.requires_;
    facts.provides = recipe.provides;
    facts.conflicts = recipe.conflicts;
    facts.obsoletes = recipe.obsoletes;
    facts.recommends = recipe.recommends;
    facts.suggests = recipe.suggests;
    return facts;
}

std::vector<rpm::PackagedFile> files_of(const std::vector<Entry>& entries) {
    std::vector<rpm::PackagedFile> files;
    files.reserve(entries.size());
    std::transform(entries.begin(), entries.end(), std::back_inserter(files),
                   [](const Entry& entry) { return entry.file; });
    return files;
}

/// The package while it is not complete: a hidden file beside its place, gone at the end of scope unless it
/// was published.
class UnfinishedFile {
public:
    explicit UnfinishedFile(const fs::path& place) : place_(place) {
        name_ = (place.parent_path() / ("." + place.filename().string() + ".XXXXXX")).string();
        descriptor_ = base::Descriptor(::mkostemp(name_.data(), O_CLOEXEC));
        if (!descriptor_ || ::fchmod(descriptor_.get(), 0644) != 0) {
            fail("created");
        }
    }
    ~UnfinishedFile() {
        if (!name_.empty()) {
            ::unlink(name_.c_str());
        }
    }
    UnfinishedFile(const UnfinishedFile&) = delete;
    UnfinishedFile& operator=(const UnfinishedFile&) = delete;

    int descriptor() const noexcept { return descriptor_.get(); }
    void write_head(const std::string& head) {
        if (::pwrite(descriptor_.get(), head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) {
            fail("written");
        }
    }
    void publish() {
        if (::fsync(descriptor_.get()) != 0) {
            fail("written");
        }
        base::SystemFiles().rename(name_, place_);
        name_.clear();
    }

private:
    [[noreturn]] void fail(std::string_view done) const {
        const int reason = errno;
        throw base::Error(base::Fault::Unavailable, "package '{}' cannot be {}: {}", place_.string(), done,
                          base::system_reason(reason));
    }

    fs::path place_;
    std::string name_;
    base::Descriptor descriptor_{-1};
};

void check_level(int level) {
    if (level < 1 || level > 22) {
        throw base::Error(base::Fault::Input, "compression level {} is not between 1 and 22", level);
    }
}

} // namespace

BuiltPackage build(const Recipe& recipe, const BuildOptions& options) {
    check_level(options.level);
    base::SystemProcesses processes;
    const std::string version = options.version
                                    ? version_from(*options.version)
                                    : version_from_git(processes, recipe.directory(), recipe.name);
    BuiltPackage built;
    std::vector<Entry> entries = contents_of(recipe, built.notes);
    const std::uint32_t date = source_date(recipe, options, entries, processes, built.notes);
    for (Entry& entry : entries) {
        // All alike: the times of a checkout say when it was made, and differ from machine to machine.
        entry.file.modified_unix_seconds = date;
    }
    rpm::PackageFacts facts = facts_of(recipe, version, date);
    facts.files = files_of(entries);

    built.nevra = facts.nevra;
    built.path = options.out / facts.nevra.file_name();
    base::SystemFiles().make_directories(options.out);
    UnfinishedFile file(built.path);
    FrameCache cache(options.cache);
    rpm::PayloadFacts unknown;
    unknown.level = options.level;
    const std::size_t head_bytes = rpm::package_head(facts, unknown, nullptr, date).size();
    const rpm::PayloadFacts payload =
        write_payload(entries, file.descriptor(), head_bytes, {options.level, options.threads}, cache);
    facts.files = files_of(entries);
    const std::string head = rpm::package_head(facts, payload, options.key, date);
    if (head.size() != head_bytes) {
        throw base::Error(base::Fault::Internal, "the head of package '{}' grew from {} to {} bytes",
                          facts.nevra.str(), head_bytes, head.size());
    }
    file.write_head(head);
    file.publish();
    cache.prune();
    built.bytes = head.size() + payload.bytes;
    built.digest = base::sha256_of_file(built.path);
    built.frames_reused = cache.hits();
    return built;
}

} // namespace builder
