// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/files.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fakes {

/// A file system in memory that fails on purpose. It has two states: what is seen, and what a power cut would
/// leave. The changes of base::Files reach both, unless the disk lies; `scribble` reaches only the first.
/// Thread: one. Relative paths count from "/".
class Files final : public base::Files {
public:
    Files() { seen_[""] = kept_[""] = {Kind::Directory, {}, 0755}; }

    /// The n-th change from now (1 is the next write, remove, make_directories, rename or link) fails and
    /// changes nothing.
    void fail_change(int nth, base::Error error) {
        fails_at_ = changes_ + nth;
        failure_ = std::move(error);
    }
    /// How many changes were asked for: a test can fail each of them in turn.
    int changes() const noexcept { return changes_; }

    /// While it lies, the disk calls a change durable that it only remembers.
    void lie(bool lies) { lies_ = lies; }
    /// A file as a program writes it that does not sync: seen at once, gone with the power.
    void scribble(const std::filesystem::path& file, std::string bytes) {
        seen_[key(file)] = {Kind::File, std::move(bytes), 0644};
    }
    /// All goes that was not synced.
    void cut_power() { seen_ = kept_; }

    /// The disk holds this many bytes in all files together; a write beyond them fails and leaves the old
    /// file.
    void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

    /// The permission bits, for tests that care.
    unsigned mode(const std::filesystem::path& path) const { return entry(path, "looked at").mode; }
    /// Where a link points to.
    std::filesystem::path target(const std::filesystem::path& link) const {
        const auto found = seen_.find(resolve(link, false));
        return found == seen_.end() || found->second.kind != Kind::Link ? "" : found->second.bytes;
    }

    std::string read(const std::filesystem::path& file, std::size_t limit_bytes = 64u << 20) const override {
        const Entry& found = entry(file, "read");
        if (found.kind == Kind::Directory) {
            fail(file, "read", base::Fault::NotFound, "Is a directory");
        }
        if (found.bytes.size() > limit_bytes) {
            throw base::Error(base::Fault::Input,
                              "'{}' is larger than {} bytes, the most that is read of such a file",
                              file.native(), limit_bytes);
        }
        return found.bytes;
    }

    bool exists(const std::filesystem::path& path) const override {
        return seen_.contains(resolve(path, false));
    }

    void write(const std::filesystem::path& file, std::string_view bytes, unsigned mode = 0644) override {
        change();
        const std::string at = resolve(file, false);
        need_parent(at, file, "written");
        const auto old = seen_.find(at);
        if (old != seen_.end() && old->second.kind == Kind::Directory) {
            fail(file, "written", base::Fault::NotFound, "Is a directory");
        }
        // The new file stands beside the old one until it is renamed over it, so both need their place.
        if (bytes.size() > free_bytes(file)) {
            fail(file, "written", base::Fault::Unavailable, "No space left on device");
        }
        put(at, {Kind::File, std::string(bytes), mode});
    }

    void remove(const std::filesystem::path& path) override {
        change();
        const std::string at = resolve(path, false);
        for (Tree* tree : durably()) {
            erase_below(*tree, at);
        }
    }

    void make_directories(const std::filesystem::path& directory, unsigned mode = 0755) override {
        change();
        std::filesystem::path so_far = "/";
        for (const auto& part : std::filesystem::path(key(directory)).relative_path()) {
            so_far /= part;
            const auto found = seen_.find(resolve(so_far, true));
            if (found == seen_.end()) {
                put(resolve(so_far, true), {Kind::Directory, {}, mode});
            } else if (found->second.kind != Kind::Directory) {
                fail(so_far, "created", base::Fault::Unavailable, "File exists");
            }
        }
    }

    void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        change();
        const std::string source = resolve(from, false);
        const std::string target = resolve(to, false);
        if (!seen_.contains(source) || !seen_.contains(parent(target))) {
            throw base::Error(base::Fault::NotFound,
                              "'{}' cannot be renamed to '{}': No such file or directory", from.native(),
                              to.native());
        }
        if (source == target) {
            return;
        }
        const Entry moved = seen_.at(source);
        for (Tree* tree : durably()) {
            std::vector<std::pair<std::string, Entry>> members;
            for (const auto& [name, member] : *tree) {
                if (name == source || name.starts_with(source + "/")) {
                    members.emplace_back(target + name.substr(source.size()), member);
                }
            }
            erase_below(*tree, source);
            erase_below(*tree, target);
            tree->insert(members.begin(), members.end());
            (*tree)[target] = moved;
        }
    }

    void link(const std::filesystem::path& target, const std::filesystem::path& link) override {
        change();
        const std::string at = resolve(link, false);
        need_parent(at, link, "linked");
        put(at, {Kind::Link, target.native(), 0777});
    }

    std::vector<std::string> list(const std::filesystem::path& directory) const override {
        const std::string at = resolve(directory, true);
        std::vector<std::string> names;
        for (const auto& [name, member] : seen_) {
            if (!name.empty() && parent(name) == at) {
                names.push_back(name.substr(at.size() + 1));
            }
        }
        std::sort(names.begin(), names.end());
        return names;
    }

    std::uint64_t free_bytes(const std::filesystem::path&) const override {
        std::uint64_t used = 0;
        for (const auto& [name, member] : seen_) {
            used += member.bytes.size();
        }
        return used > capacity_ ? 0 : capacity_ - used;
    }

private:
    enum class Kind { File, Directory, Link };
    struct Entry {
        Kind kind = Kind::File;
        std::string bytes; ///< of a link: where it points to
        unsigned mode = 0;
    };
    /// By plain absolute path; the root is "".
    using Tree = std::map<std::string, Entry>;

    [[noreturn]] static void fail(const std::filesystem::path& path, std::string_view what, base::Fault fault,
                                  std::string_view reason) {
        throw base::Error(fault, "'{}' cannot be {}: {}", path.native(), what, reason);
    }

    static std::string key(const std::filesystem::path& path) {
        std::string plain = ("/" / path).lexically_normal().native();
        while (!plain.empty() && plain.back() == '/') {
            plain.pop_back();
        }
        return plain;
    }

    static std::string parent(const std::string& name) { return name.substr(0, name.rfind('/')); }

    /// Follows the links in all parts but the last, and in that one if `also_last`.
    std::string resolve(const std::filesystem::path& path, bool also_last) const {
        std::string at = key(path);
        for (int followed = 0; followed < 40; ++followed) {
            bool changed = false;
            for (std::size_t end = at.find('/', 1);; end = at.find('/', end + 1)) {
                const std::string part = at.substr(0, end);
                const auto found = seen_.find(part);
                const bool last = end == std::string::npos;
                if (found != seen_.end() && found->second.kind == Kind::Link && (also_last || !last)) {
                    const std::string rest = last ? "" : at.substr(end);
                    at = key(parent(part) / std::filesystem::path(found->second.bytes)) + rest;
                    changed = true;
                    break;
                }
                if (last) {
                    break;
                }
            }
            if (!changed) {
                return at;
            }
        }
        fail(path, "opened", base::Fault::NotFound, "Too many levels of symbolic links");
    }

    const Entry& entry(const std::filesystem::path& path, std::string_view what) const {
        const auto found = seen_.find(resolve(path, true));
        if (found == seen_.end()) {
            fail(path, what, base::Fault::NotFound, "No such file or directory");
        }
        return found->second;
    }

    void need_parent(const std::string& at, const std::filesystem::path& path, std::string_view what) const {
        const auto found = seen_.find(parent(at));
        if (found == seen_.end() || found->second.kind != Kind::Directory) {
            fail(path, what, base::Fault::NotFound, "No such file or directory");
        }
    }

    void change() {
        ++changes_;
        if (changes_ == fails_at_) {
            throw *failure_;
        }
    }

    std::vector<Tree*> durably() {
        return lies_ ? std::vector<Tree*>{&seen_} : std::vector<Tree*>{&seen_, &kept_};
    }

    void put(const std::string& at, const Entry& made) {
        for (Tree* tree : durably()) {
            (*tree)[at] = made;
        }
    }

    static void erase_below(Tree& tree, const std::string& at) {
        std::erase_if(tree, [&](const auto& member) {
            return member.first == at || member.first.starts_with(at + "/");
        });
    }

    Tree seen_;
    Tree kept_;
    bool lies_ = false;
    std::uint64_t capacity_ = std::numeric_limits<std::uint64_t>::max();
    int changes_ = 0;
    int fails_at_ = 0;
    std::optional<base::Error> failure_;
};

} // namespace fakes
