// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/packaged_path.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace builder {
namespace {

// The Filesystem Hierarchy Standard and systemd's file-hierarchy(7), sorted bytewise.
constexpr std::array<std::string_view, 78> host_directories{"/",
                                                            "/bin",
                                                            "/boot",
                                                            "/dev",
                                                            "/etc",
                                                            "/etc/cron.d",
                                                            "/etc/cron.daily",
                                                            "/etc/cron.hourly",
                                                            "/etc/cron.monthly",
                                                            "/etc/cron.weekly",
                                                            "/etc/default",
                                                            "/etc/init.d",
                                                            "/etc/logrotate.d",
                                                            "/etc/opt",
                                                            "/etc/pki",
                                                            "/etc/profile.d",
                                                            "/etc/ssl",
                                                            "/etc/sudoers.d",
                                                            "/etc/sysconfig",
                                                            "/etc/sysctl.d",
                                                            "/etc/systemd",
                                                            "/etc/systemd/system",
                                                            "/etc/tmpfiles.d",
                                                            "/home",
                                                            "/lib",
                                                            "/lib64",
                                                            "/media",
                                                            "/mnt",
                                                            "/opt",
                                                            "/proc",
                                                            "/root",
                                                            "/run",
                                                            "/sbin",
                                                            "/srv",
                                                            "/sys",
                                                            "/tmp",
                                                            "/usr",
                                                            "/usr/bin",
                                                            "/usr/games",
                                                            "/usr/include",
                                                            "/usr/lib",
                                                            "/usr/lib/modules-load.d",
                                                            "/usr/lib/sysctl.d",
                                                            "/usr/lib/systemd",
                                                            "/usr/lib/systemd/system",
                                                            "/usr/lib/systemd/user",
                                                            "/usr/lib/sysusers.d",
                                                            "/usr/lib/tmpfiles.d",
                                                            "/usr/lib64",
                                                            "/usr/libexec",
                                                            "/usr/local",
                                                            "/usr/local/bin",
                                                            "/usr/local/etc",
                                                            "/usr/local/lib",
                                                            "/usr/local/sbin",
                                                            "/usr/local/share",
                                                            "/usr/sbin",
                                                            "/usr/share",
                                                            "/usr/share/applications",
                                                            "/usr/share/doc",
                                                            "/usr/share/icons",
                                                            "/usr/share/info",
                                                            "/usr/share/licenses",
                                                            "/usr/share/locale",
                                                            "/usr/share/man",
                                                            "/usr/share/man/man1",
                                                            "/usr/share/man/man5",
                                                            "/usr/share/man/man7",
                                                            "/usr/share/man/man8",
                                                            "/usr/share/tiercel",
                                                            "/usr/src",
                                                            "/var",
                                                            "/var/cache",
                                                            "/var/lib",
                                                            "/var/log",
                                                            "/var/opt",
                                                            "/var/spool",
                                                            "/var/tmp"};
static_assert(std::is_sorted(host_directories.begin(), host_directories.end()));

/// Well-formed UTF-8, without overlong forms and surrogates: rpm declares the header's encoding.
bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t i) {
            return static_cast<unsigned char>(text[i]);
        };
        const unsigned char first = byte(at);
        const std::size_t length = first < 0x80   ? 1
                                   : first < 0xc2 ? 0
                                   : first < 0xe0 ? 2
                                   : first < 0xf0 ? 3
                                   : first < 0xf5 ? 4
                                                  : 0;
        if (length == 0 || at + length > text.size()) {
            return false;
        }
        std::uint32_t letter = length == 1 ? first : first & (0x7fu >> length);
        for (std::size_t i = at + 1; i < at + length; ++i) {
            if ((byte(i) & 0xc0) != 0x80) {
                return false;
            }
            letter = letter << 6 | (byte(i) & 0x3fu);
        }
        if ((length == 3 && (letter < 0x800 || (letter >= 0xd800 && letter < 0xe000))) ||
            (length == 4 && (letter < 0x10000 || letter > 0x10ffff))) {
            return false;
        }
        at += length;
    }
    return true;
}

} // namespace

std::optional<std::string> packaged_path_objection(std::string_view path) {
    if (path.empty() || path.front() != '/') {
        return "is not absolute";
    }
    if (path == "/") {
        return "is the root directory, which belongs to no package";
    }
    if (path.size() > 4000) { // PATH_MAX, with the directory of a root before it
        return "is longer than 4000 bytes";
    }
    if (!is_utf8(path)) {
        return "is not UTF-8";
    }
    if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
        return "has a control character in it";
    }
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at + 1), path.size());
        const std::string_view part = path.substr(at + 1, end - at - 1);
        if (part == "." || part == ".." || (part.empty() && end < path.size())) {
            return part.empty() ? "has an empty part in it" : "has '" + std::string(part) + "' in it";
        }
        at = end;
    }
    return std::nullopt;
}

bool is_host_directory(std::string_view path) {
    return std::binary_search(host_directories.begin(), host_directories.end(), path);
}

} // namespace builder
