// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/config_set.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sys/stat.h>
#include <unistd.h>

namespace ctl_client {
namespace {

/// The number of an account in the root's own passwd or group file: the host's may differ.
id_t account(const base::Files& files, const std::filesystem::path& root, const char* file,
             const std::string& name, const char* kind) {
    if (name == "root") {
        return 0;
    }
    const std::filesystem::path list = base::followed_inside(root, file, base::LastLink::Followed);
    const std::string text = files.exists(list) ? files.read(list) : std::string();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line(text.data() + at, end - at);
        at = end + 1;
        if (!line.starts_with(name + ":")) {
            continue;
        }
        const std::size_t password = line.find(':') + 1;
        const std::size_t number = line.find(':', password);
        id_t id = 0;
        if (number != std::string_view::npos &&
            std::from_chars(line.data() + number + 1, line.data() + line.size(), id).ec == std::errc()) {
            return id;
        }
    }
    throw base::Error(base::Fault::Input,
                      "{} '{}' is unknown in '{}'; create it before the config that it shall own", kind, name,
                      root.string());
}

constexpr std::string_view new_suffix = ".tiercel-new";

std::filesystem::path beside(const std::filesystem::path& place) {
    return place.parent_path() / ("." + place.filename().string() + std::string(new_suffix));
}

} // namespace

FileState ConfigSet::look(const std::string& path) const {
    const std::filesystem::path there = place(path);
    FileState state;
    state.path = path;
    struct stat found {};
    if (::lstat(there.c_str(), &found) != 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            throw base::Error(base::Fault::Unavailable, "config '{}' cannot be looked at: {}", there.string(),
                              base::system_reason(errno));
        }
        for (std::filesystem::path directory = there.parent_path();
             directory != root_ && !files_.exists(directory); directory = directory.parent_path()) {
            state.first_missing = directory.string();
        }
        return state;
    }
    if (!S_ISREG(found.st_mode)) {
        throw base::Error(base::Fault::Conflict,
                          "'{}' is no plain file, so a template cannot be rendered to it; move it away",
                          there.string());
    }
    state.bytes = files_.read(there);
    state.mode = found.st_mode & 07777;
    state.owner = found.st_uid;
    state.group = found.st_gid;
    return state;
}

FileState ConfigSet::wanted(const ConfigFile& file) const {
    FileState state;
    state.path = file.path;
    state.bytes = file.bytes;
    state.mode = file.mode;
    state.owner = account(files_, root_, "/etc/passwd", file.owner, "user");
    state.group = account(files_, root_, "/etc/group", file.group, "group");
    return state;
}

bool ConfigSet::is(const FileState& wanted) const {
    const FileState there = look(wanted.path);
    if (!wanted.bytes || !there.bytes) {
        return !wanted.bytes && !there.bytes;
    }
    const bool ours = ::geteuid() != 0 || (there.owner == wanted.owner && there.group == wanted.group);
    return there.bytes == wanted.bytes && there.mode == wanted.mode && ours;
}

void ConfigSet::put(const FileState& wanted) {
    const std::filesystem::path there = place(wanted.path);
    if (!wanted.bytes) {
        files_.remove(there);
        // Directories that came with it go with it, as long as nobody else has put something there.
        std::filesystem::path directory = there.parent_path();
        const auto came_with_it = [&] {
            return !wanted.first_missing.empty() &&
                   (directory.string() + "/").starts_with(wanted.first_missing + "/");
        };
        while (came_with_it() && ::rmdir(directory.c_str()) == 0) {
            directory = directory.parent_path();
        }
        return;
    }
    if (is(wanted)) {
        return;
    }
    files_.make_directories(there.parent_path());
    // Owner and mode are right before the name is: nobody sees it half-made.
    files_.write(beside(there), *wanted.bytes, wanted.mode);
    if (::geteuid() == 0 && ::chown(beside(there).c_str(), wanted.owner, wanted.group) != 0) {
        throw base::Error(base::Fault::Denied, "config '{}' cannot be given its owner: {}", there.string(),
                          base::system_reason(errno));
    }
    files_.rename(beside(there), there);
}

void ConfigSet::clear_leftovers(const std::string& path) {
    const std::filesystem::path there = place(path);
    const std::string begin = "." + beside(there).filename().string() + ".";
    for (const std::string& name : files_.list(there.parent_path())) {
        if (name.starts_with(begin)) {
            files_.remove(there.parent_path() / name);
        }
    }
    files_.remove(beside(there));
}

} // namespace ctl_client
