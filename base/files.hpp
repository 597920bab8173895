// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// Seam to the file system, for what must survive a crash. The fake can lose what was not synced.
/// Thread: any. All errors are Error{NotFound | Denied | Unavailable} naming the path and the system's
/// reason, but Error{Input} for a file that is larger than `read` may read.
class Files {
public:
    virtual ~Files() = default;
    /// The whole file; refused when larger than `limit_bytes`.
    virtual std::string read(const std::filesystem::path& file,
                             std::size_t limit_bytes = 64u << 20) const = 0;
    virtual bool exists(const std::filesystem::path& path) const = 0;
    /// All or nothing, and durable on return: temporary file beside it, fsync, rename, fsync of the
    /// directory.
    virtual void write(const std::filesystem::path& file, std::string_view bytes, unsigned mode = 0644) = 0;
    /// A file, a symbolic link itself, or a directory with all that is in it. Removing what is not there is
    /// no error. Durable on return.
    virtual void remove(const std::filesystem::path& path) = 0;
    /// Creates all missing parents; what it creates has exactly this mode. Durable on return.
    virtual void make_directories(const std::filesystem::path& directory, unsigned mode = 0755) = 0;
    /// Atomic and durable, a file's content too; replaces an existing file.
    virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    /// A symbolic link that replaces an existing one in a single rename. Durable on return.
    virtual void link(const std::filesystem::path& target, const std::filesystem::path& link) = 0;
    /// Names in a directory, sorted bytewise; empty when it does not exist.
    virtual std::vector<std::string> list(const std::filesystem::path& directory) const = 0;
    /// Bytes that an unprivileged writer may still use on the file system that holds `path`, or will hold it
    /// once it is created.
    virtual std::uint64_t free_bytes(const std::filesystem::path& path) const = 0;
};

class SystemFiles final : public Files {
public:
    std::string read(const std::filesystem::path& file, std::size_t limit_bytes = 64u << 20) const override;
    bool exists(const std::filesystem::path& path) const override;
    void write(const std::filesystem::path& file, std::string_view bytes, unsigned mode = 0644) override;
    void remove(const std::filesystem::path& path) override;
    void make_directories(const std::filesystem::path& directory, unsigned mode = 0755) override;
    void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
    void link(const std::filesystem::path& target, const std::filesystem::path& link) override;
    std::vector<std::string> list(const std::filesystem::path& directory) const override;
    std::uint64_t free_bytes(const std::filesystem::path& path) const override;
};

/// A directory made with mkdtemp under the system's temporary directory (or `parent`), removed with its
/// content at the end of scope.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    explicit TemporaryDirectory(const std::filesystem::path& parent);
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// An exclusive advisory lock (flock) on a file that it creates; released at the end of scope or death.
class FileLock {
public:
    /// @throws Error{Fault::Conflict} `'<file>' is held by another process` when it is taken.
    explicit FileLock(const std::filesystem::path& file);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

private:
    int descriptor_;
};

/// `below` joined under `root` and made plain: an absolute path counts from `root`, as in a chroot. Symbolic
/// links are not looked at.
/// @throws Error{Fault::Input} when ".." would leave `root`.
std::filesystem::path inside(const std::filesystem::path& root, const std::filesystem::path& below);

enum class LastLink { Kept, Followed };
/// `inside`, with the symbolic links followed as after chroot(root): an absolute one counts from `root`, and
/// ".." ends there, so the result is never outside. `last` is for the path's last part. What does not exist
/// is taken as it is written.
/// @throws Error{Fault::Input} as `inside`, Error{Fault::Conflict} after 40 links, the kernel's own limit:
/// they lead to each other.
std::filesystem::path followed_inside(const std::filesystem::path& root, const std::filesystem::path& below,
                                      LastLink last);

} // namespace base
