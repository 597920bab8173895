// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

namespace base {

namespace {

namespace fs = std::filesystem;

Fault fault_of(int error_number) noexcept {
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return Fault::NotFound;
    case EACCES:
    case EPERM:
    case EROFS:
        return Fault::Denied;
    default:
        return Fault::Unavailable;
    }
}

/// `'/etc/x' cannot be read: Permission denied`
[[noreturn]] void fail(const fs::path& path, std::string_view what, int error_number) {
    throw Error(fault_of(error_number), "'{}' cannot be {}: {}", path.native(), what,
                system_reason(error_number));
}

fs::path parent_of(const fs::path& path) {
    const fs::path parent = path.parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

void sync_directory(const fs::path& directory) {
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened) {
        fail(directory, "opened", errno);
    }
    // EINVAL: a file system that has nothing to sync for a directory.
    if (::fsync(opened.get()) != 0 && errno != EINVAL) {
        fail(directory, "synced", errno);
    }
}

void write_all(int descriptor, std::string_view bytes, const fs::path& file) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            fail(file, "written", errno);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// A name beside `path` that is removed again unless it was renamed away.
class Beside {
public:
    explicit Beside(const fs::path& path)
        : name_(parent_of(path) / ("." + path.filename().native() + ".XXXXXX")) {}
    ~Beside() {
        if (made_) {
            ::unlink(name_.c_str());
        }
    }
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;

    int make_file() {
        const int descriptor = ::mkostemp(name_.data(), O_CLOEXEC);
        made_ = descriptor >= 0;
        return descriptor;
    }

    bool make_link(const fs::path& target) {
        const std::string pattern = name_;
        for (int attempt = 0; attempt < 100; ++attempt) {
            unsigned chance = 0;
            if (::getentropy(&chance, sizeof chance) != 0) {
                return false;
            }
            name_ = pattern.substr(0, pattern.size() - 6) + fmt::format("{:06x}", chance & 0xffffffu);
            made_ = ::symlink(target.c_str(), name_.c_str()) == 0;
            if (made_ || errno != EEXIST) {
                return made_;
            }
        }
        return false;
    }

    bool rename_to(const fs::path& path) {
        if (::rename(name_.c_str(), path.c_str()) != 0) {
            return false;
        }
        made_ = false;
        return true;
    }

private:
    std::string name_;
    bool made_ = false;
};

} // namespace

std::string SystemFiles::read(const fs::path& file, std::size_t limit_bytes) const {
    const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) {
        fail(file, "read", errno);
    }
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) {
        fail(file, "read", errno);
    }
    // Read until the end and not until the size: files below /proc have none, and others may grow meanwhile.
    std::string bytes;
    const auto expected = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
    bytes.resize(std::min(expected, limit_bytes) + 1);
    std::size_t filled = 0;
    while (true) {
        const ssize_t got = ::read(opened.get(), bytes.data() + filled, bytes.size() - filled);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            fail(file, "read", errno);
        }
        if (got == 0) {
            bytes.resize(filled);
            return bytes;
        }
        filled += static_cast<std::size_t>(got);
        if (filled > limit_bytes) {
            throw Error(Fault::Input, "'{}' is larger than {} bytes, the most that is read of such a file",
                        file.native(), limit_bytes);
        }
        if (filled == bytes.size()) {
            bytes.resize(std::min(bytes.size() * 2 + 4096, limit_bytes + 1));
        }
    }
}

bool SystemFiles::exists(const fs::path& path) const {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
        return true;
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        return false;
    }
    fail(path, "looked at", errno);
}

void SystemFiles::write(const fs::path& file, std::string_view bytes, unsigned mode) {
    Beside beside(file);
    {
        const Descriptor opened(beside.make_file());
        if (!opened) {
            fail(file, "written", errno);
        }
        write_all(opened.get(), bytes, file);
        if (::fchmod(opened.get(), mode) != 0 || ::fsync(opened.get()) != 0) {
            fail(file, "written", errno);
        }
    }
    if (!beside.rename_to(file)) {
        fail(file, "written", errno);
    }
    sync_directory(parent_of(file));
}

void SystemFiles::remove(const fs::path& path) {
    std::error_code problem;
    if (fs::remove_all(path, problem) == 0 && !problem) {
        return;
    }
    if (problem) {
        fail(path, "removed", problem.value());
    }
    sync_directory(parent_of(path));
}

void SystemFiles::make_directories(const fs::path& directory, unsigned mode) {
    const fs::path plain = directory.has_filename() ? directory : directory.parent_path();
    std::error_code ignored; // whatever it is, mkdir says it better
    if (plain.empty() || fs::is_directory(plain, ignored)) {
        return;
    }
    if (plain.has_parent_path() && plain.parent_path() != plain) {
        make_directories(plain.parent_path(), mode);
    }
    if (::mkdir(plain.c_str(), mode) != 0) {
        const int error_number = errno;
        // Somebody else may have been faster.
        if (error_number == EEXIST && fs::is_directory(plain, ignored)) {
            return;
        }
        fail(plain, "created", error_number);
    }
    // Whatever the umask says: what must be read by a service must not depend on who started us.
    if (::chmod(plain.c_str(), mode) != 0) {
        fail(plain, "created", errno);
    }
    sync_directory(parent_of(plain));
}

void SystemFiles::rename(const fs::path& from, const fs::path& to) {
    // A durable name for content that is not durable would be an empty file after a power cut.
    if (const Descriptor opened(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        opened) {
        if (::fsync(opened.get()) != 0 && errno != EINVAL) {
            fail(from, "synced", errno);
        }
    }
    if (::rename(from.c_str(), to.c_str()) != 0) {
        const int error_number = errno;
        throw Error(fault_of(error_number), "'{}' cannot be renamed to '{}': {}", from.native(), to.native(),
                    system_reason(error_number));
    }
    sync_directory(parent_of(to));
    if (parent_of(from) != parent_of(to)) {
        sync_directory(parent_of(from));
    }
}

void SystemFiles::link(const fs::path& target, const fs::path& link) {
    Beside beside(link);
    if (!beside.make_link(target) || !beside.rename_to(link)) {
        fail(link, "linked", errno);
    }
    sync_directory(parent_of(link));
}

std::vector<std::string> SystemFiles::list(const fs::path& directory) const {
    std::error_code problem;
    std::vector<std::string> names;
    fs::directory_iterator at(directory, problem);
    for (; !problem && at != fs::directory_iterator(); at.increment(problem)) {
        names.push_back(at->path().filename().native());
    }
    if (problem == std::errc::no_such_file_or_directory) {
        return {};
    }
    if (problem) {
        fail(directory, "listed", problem.value());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::uint64_t SystemFiles::free_bytes(const fs::path& path) const {
    fs::path at = path;
    struct statvfs status {};
    while (::statvfs(at.empty() ? "." : at.c_str(), &status) != 0) {
        const int error_number = errno;
        if (error_number != ENOENT || at.empty() || at.parent_path() == at) {
            fail(path, "measured", error_number);
        }
        at = at.parent_path();
    }
    return std::uint64_t{status.f_bavail} * status.f_frsize;
}

TemporaryDirectory::TemporaryDirectory() : TemporaryDirectory(fs::temp_directory_path()) {}

TemporaryDirectory::TemporaryDirectory(const fs::path& parent) {
    std::string name = parent / "tiercel-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
        fail(parent / "tiercel-XXXXXX", "created", errno);
    }
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    // Nothing depends on what a temporary directory leaves behind, and there is nobody to tell.
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

FileLock::FileLock(const fs::path& file)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) {
        fail(file, "opened", errno);
    }
    while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        const int error_number = errno;
        if (error_number == EINTR) {
            continue;
        }
        ::close(descriptor_);
        if (error_number == EWOULDBLOCK) {
            throw Error(Fault::Conflict, "'{}' is held by another process", file.native());
        }
        fail(file, "locked", error_number);
    }
}

FileLock::~FileLock() {
    ::close(descriptor_);
}

fs::path inside(const fs::path& root, const fs::path& below) {
    fs::path plain;
    for (const fs::path& part : below.relative_path()) {
        if (part == "..") {
            if (plain.empty()) {
                throw Error(Fault::Input, "path '{}' leaves '{}'", below.native(), root.native());
            }
            plain = plain.parent_path();
        } else if (!part.empty() && part != ".") {
            plain /= part;
        }
    }
    if (plain.native().find('\0') != std::string::npos) {
        throw Error(Fault::Input, "a path below '{}' has a zero byte in it", root.native());
    }
    return plain.empty() ? root : root / plain;
}

fs::path followed_inside(const fs::path& root, const fs::path& below, LastLink last) {
    // One part after the other, not openat2(2) with RESOLVE_IN_ROOT: that opens what is there, and the caller
    // wants the name of what may not be there yet.
    std::vector<fs::path> todo; // reversed
    const auto queue = [&todo](const fs::path& path) {
        const std::vector<fs::path> parts(path.begin(), path.end());
        todo.insert(todo.end(), parts.rbegin(), parts.rend());
    };
    const fs::path plain = inside(root, below);
    queue(plain.lexically_relative(root));
    fs::path at; // below root
    for (int links = 0; !todo.empty();) {
        const fs::path part = todo.back();
        todo.pop_back();
        if (part.empty() || part == ".") {
            continue;
        }
        if (part == "..") {
            at = at.parent_path();
            continue;
        }
        at /= part;
        const fs::path here = root / at;
        std::error_code absent;
        if ((todo.empty() && last == LastLink::Kept) || !fs::is_symlink(here, absent)) {
            continue;
        }
        if (++links > 40) {
            throw Error(Fault::Conflict,
                        "'{}' leads through more than 40 symbolic links, '{}' among them; mend them",
                        plain.native(), here.native());
        }
        const fs::path target = fs::read_symlink(here, absent);
        at = target.is_absolute() ? fs::path() : at.parent_path();
        queue(target.relative_path());
    }
    return at.empty() ? root : root / at;
}

} // namespace base
