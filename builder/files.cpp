// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Looks up on disk what the `files` of a recipe name.
#include "base/files.hpp"
#include "base/error.hpp"
#include "builder/packaged_path.hpp"
#include "builder/tree.hpp"

#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace builder {
namespace {

namespace fs = std::filesystem;

// rpm reports 4096 for a directory on the usual file systems; the true number varies with the file system.
constexpr std::uint64_t directory_bytes = 4096;
constexpr std::uint64_t most_file_bytes = std::numeric_limits<std::uint32_t>::max();

bool is_pattern(std::string_view text) {
    return text.find_first_of("*?[") != std::string_view::npos;
}

void expand(const fs::path& directory, const fs::path& below, const std::vector<std::string>& parts,
            std::size_t at, std::vector<fs::path>& found) {
    if (at == parts.size()) {
        found.push_back(below);
        return;
    }
    const bool last = at + 1 == parts.size();
    const auto follow = [&](const std::string& name) {
        const fs::path next = below.empty() ? fs::path(name) : below / name;
        struct stat facts {};
        const bool there = ::stat((directory / next).c_str(), &facts) == 0 ||
                           (last && ::lstat((directory / next).c_str(), &facts) == 0);
        if (there && (last || S_ISDIR(facts.st_mode))) {
            expand(directory, next, parts, at + 1, found);
        }
    };
    if (!is_pattern(parts[at])) {
        follow(parts[at]);
        return;
    }
    for (const std::string& name : base::SystemFiles().list(directory / below)) {
        if (::fnmatch(parts[at].c_str(), name.c_str(), FNM_PERIOD) == 0) {
            follow(name);
        }
    }
}

/// Adds the paths of one entry.
class Walk {
public:
    Walk(const Recipe& recipe, const FilesEntry& entry, Tree& tree)
        : recipe_(recipe), entry_(entry), tree_(tree) {}

    void add_all() {
        switch (entry_.kind) {
        case FilesEntry::Kind::From:
            add_sources();
            break;
        case FilesEntry::Kind::Directory:
            add_one(without_slash(entry_.to), S_IFDIR | entry_.dir_mode.value_or(0755), directory_bytes, {});
            break;
        case FilesEntry::Kind::Symlink:
            add_link(entry_.to, entry_.target);
            break;
        case FilesEntry::Kind::Ghost:
            add_one(entry_.to, S_IFREG | entry_.file_mode.value_or(0644), 0, {});
            break;
        }
    }

private:
    [[noreturn]] void fail(const std::string& message) const {
        throw base::Error(base::Fault::Input, "{}: {}", recipe_.place(entry_.line), message);
    }

    static std::string without_slash(std::string path) {
        while (path.size() > 1 && path.back() == '/') {
            path.pop_back();
        }
        return path;
    }

    void add_sources() {
        const fs::path root = recipe_.directory();
        const bool into = entry_.to.ends_with('/');
        if (is_pattern(entry_.from)) {
            const auto found = glob(root, entry_.from);
            if (found.empty()) {
                fail(fmt::format("'{}' matches nothing in '{}'", entry_.from, shown(root)));
            }
            need_into(into);
            for (const fs::path& path : found) {
                add_path(root / path, entry_.to + path.filename().string(), path.filename().string(), false);
            }
            return;
        }
        const fs::path source = root / without_slash(entry_.from);
        struct stat facts {};
        if (::stat(source.c_str(), &facts) != 0) {
            fail(fmt::format("'{}' does not exist in '{}'", entry_.from, shown(root)));
        }
        if (!entry_.from.ends_with('/')) {
            add_path(source, into ? entry_.to + source.filename().string() : entry_.to,
                     source.filename().string(), true);
            return;
        }
        if (!S_ISDIR(facts.st_mode)) {
            fail(fmt::format("'{}' is no directory; leave the '/' at its end away", entry_.from));
        }
        need_into(into);
        add_directory(source, without_slash(entry_.to), facts, "");
        if (added_ <= 1 && base::SystemFiles().list(source).empty()) {
            fail(fmt::format("'{}' is empty; build what it shall hold first", entry_.from));
        }
    }

    void need_into(bool into) const {
        if (!into) {
            fail(fmt::format("'{0}' is not one file, so 'to' must be a directory; write '{1}/'", entry_.from,
                             entry_.to));
        }
    }

    std::string shown(const fs::path& path) const { return path.empty() ? "." : path.string(); }

    bool is_excluded(const std::string& below) const {
        const std::string name = below.substr(below.rfind('/') + 1);
        return std::any_of(entry_.exclude.begin(), entry_.exclude.end(), [&](const std::string& pattern) {
            return pattern.find('/') == std::string::npos
                       ? ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0
                       : ::fnmatch(pattern.c_str(), below.c_str(), FNM_PATHNAME) == 0;
        });
    }

    /// @param below the path under `from`, for `exclude`; @param named it was named itself: links to files
    /// are followed.
    void add_path(const fs::path& source, const std::string& to, const std::string& below, bool named) {
        struct stat facts {};
        const int problem = named ? ::stat(source.c_str(), &facts) : ::lstat(source.c_str(), &facts);
        if (problem != 0) {
            const int reason = errno;
            fail(fmt::format("'{}' cannot be read: {}", source.string(), base::system_reason(reason)));
        }
        if (is_excluded(below)) {
            return;
        }
        if (const auto objection = packaged_path_objection(to)) {
            fail(fmt::format("'{}' cannot be packaged: its path {}", source.string(), *objection));
        }
        if (S_ISDIR(facts.st_mode)) {
            add_directory(source, to, facts, below);
        } else if (S_ISLNK(facts.st_mode)) {
            add_link(to, fs::read_symlink(source).string());
        } else if (S_ISREG(facts.st_mode)) {
            refuse_what_cannot_be_carried(source, facts);
            add_one(to, S_IFREG | entry_.file_mode.value_or(facts.st_mode & 07777),
                    static_cast<std::uint64_t>(facts.st_size), source);
        } else {
            fail(fmt::format("'{}' is a device, pipe or socket, which packages do not carry",
                             source.string()));
        }
    }

    void add_directory(const fs::path& source, const std::string& to, const struct stat& facts,
                       const std::string& below) {
        if (!is_host_directory(to)) {
            add_one(to, S_IFDIR | entry_.dir_mode.value_or(facts.st_mode & 07777), directory_bytes, source);
        }
        for (const std::string& name : base::SystemFiles().list(source)) {
            add_path(source / name, (to == "/" ? "" : to) + "/" + name,
                     below.empty() ? name : below + "/" + name, false);
        }
    }

    void refuse_what_cannot_be_carried(const fs::path& source, const struct stat& facts) const {
        if (static_cast<std::uint64_t>(facts.st_size) >= most_file_bytes) {
            fail(fmt::format(
                "'{}' has {} bytes, but packages carry files below 4 GiB only; split it or leave it to a "
                "download",
                source.string(), facts.st_size));
        }
        if (::getxattr(source.c_str(), "security.capability", nullptr, 0) > 0) {
            fail(fmt::format(
                "'{}' has capabilities, which packages do not carry; remove them with 'setcap -r', or they "
                "would be lost silently",
                source.string()));
        }
    }

    void add_link(const std::string& to, const std::string& target) {
        Entry entry = entry_at(to, S_IFLNK | 0777, target.size());
        entry.file.link_target = target;
        put(std::move(entry));
    }

    void add_one(const std::string& to, std::uint32_t mode, std::uint64_t bytes, const fs::path& source) {
        Entry entry = entry_at(to, mode, bytes);
        entry.implied = S_ISDIR(mode) && entry_.kind == FilesEntry::Kind::From;
        if (entry.is_plain()) {
            entry.source = source;
        }
        put(std::move(entry));
    }

    Entry entry_at(const std::string& to, std::uint32_t mode, std::uint64_t bytes) const {
        Entry entry;
        entry.file.path = to;
        entry.file.mode = mode;
        entry.file.bytes = bytes;
        entry.file.owner = entry_.owner;
        entry.file.group = entry_.group;
        // Only files can be configuration or documentation.
        entry.file.flags = S_ISDIR(mode) ? entry_.flags & rpm::Ghost : entry_.flags;
        entry.file.type = (entry_.flags & rpm::Ghost) != 0 ? 'g'
                          : S_ISDIR(mode)                  ? 'd'
                          : S_ISLNK(mode)                  ? 'l'
                                                           : 'f';
        entry.line = entry_.line;
        return entry;
    }

    void put(Entry entry) {
        ++added_;
        tree_.add(std::move(entry));
    }

    const Recipe& recipe_;
    const FilesEntry& entry_;
    Tree& tree_;
    std::size_t added_ = 0;
};

} // namespace

std::vector<fs::path> glob(const fs::path& directory, const std::string& pattern) {
    std::vector<std::string> parts;
    for (const fs::path& part : fs::path(pattern)) {
        if (!part.empty()) {
            parts.push_back(part.string());
        }
    }
    std::vector<fs::path> found;
    expand(directory, {}, parts, 0, found);
    std::sort(found.begin(), found.end(),
              [](const fs::path& left, const fs::path& right) { return left.native() < right.native(); });
    return found;
}

void add_files(const Recipe& recipe, Tree& tree) {
    for (const FilesEntry& entry : recipe.files) {
        Walk(recipe, entry, tree).add_all();
    }
}

} // namespace builder
