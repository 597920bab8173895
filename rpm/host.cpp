// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a root has, and what a killed transaction left in it.
#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "rpm/session.hpp"

#include <rpm/rpmcrypto.h>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace rpm {
namespace {

bool has_database(const std::filesystem::path& root) {
    std::error_code ignored;
    const std::filesystem::path directory =
        base::followed_inside(root, "/var/lib/rpm", base::LastLink::Followed);
    return std::filesystem::is_directory(directory, ignored) &&
           !std::filesystem::is_empty(directory, ignored);
}

std::string digest_of(const std::filesystem::path& file, int algorithm) {
    std::ifstream in(file, std::ios::binary);
    DIGEST_CTX context = rpmDigestInit(algorithm, RPMDIGEST_NONE);
    std::array<char, 65536> block;
    while (in.read(block.data(), block.size()) || in.gcount() > 0) {
        rpmDigestUpdate(context, block.data(), static_cast<std::size_t>(in.gcount()));
    }
    void* bytes = nullptr;
    std::size_t length = 0;
    rpmDigestFinal(context, &bytes, &length, 0);
    const base::Handle<void, std::free> owned(bytes);
    return std::string(static_cast<const char*>(bytes), length);
}

/// The first difference between what the database says of a file and what is there, as one word; empty: none.
std::string difference(rpmfiles files, int at, const std::filesystem::path& there) {
    struct stat found {};
    if (::lstat(there.c_str(), &found) != 0) {
        return (rpmfilesFFlags(files, at) & RPMFILE_MISSINGOK) != 0 ? "" : "missing";
    }
    const auto mode = static_cast<mode_t>(rpmfilesFMode(files, at));
    if ((found.st_mode & S_IFMT) != (mode & S_IFMT)) {
        // A directory may have been moved behind a link by the host's owner; rpm takes that, too.
        struct stat behind {};
        const bool linked_directory = S_ISDIR(mode) && S_ISLNK(found.st_mode) &&
                                      ::stat(there.c_str(), &behind) == 0 && S_ISDIR(behind.st_mode);
        return linked_directory ? "" : "type";
    }
    if (S_ISLNK(mode)) {
        std::error_code ignored;
        return std::filesystem::read_symlink(there, ignored).string() == rpmfilesFLink(files, at) ? ""
                                                                                                  : "link";
    }
    if ((found.st_mode & 07777) != (mode & 07777)) {
        return "mode";
    }
    if (!S_ISREG(mode)) {
        return "";
    }
    if (static_cast<rpm_loff_t>(found.st_size) != rpmfilesFSize(files, at)) {
        return "digest";
    }
    int algorithm = 0;
    std::size_t length = 0;
    const unsigned char* wanted = rpmfilesFDigest(files, at, &algorithm, &length);
    if (wanted == nullptr) {
        return "";
    }
    const auto* text = reinterpret_cast<const char*>(wanted);
    return digest_of(there, algorithm) == std::string_view(text, length) ? "" : "digest";
}

/// Directories of the scope's packages, installed or in files, as they lie on this host.
std::set<std::filesystem::path> directories(const Session& session, const Scope& scope) {
    std::set<std::filesystem::path> found;
    const auto add = [&](Header header) {
        for (const std::string& directory : texts_of(header, RPMTAG_DIRNAMES)) {
            found.insert(base::followed_inside(scope.root, directory, base::LastLink::Followed));
        }
    };
    for (const std::string& name : scope.names) {
        for (const Session::Instance& instance : session.instances(name)) {
            add(instance.header.get());
        }
    }
    for (const std::filesystem::path& package : scope.packages) {
        add(session.header_of(package).get());
    }
    return found;
}

std::vector<std::filesystem::path> leftovers(const Session& session, const Scope& scope) {
    std::vector<std::filesystem::path> found;
    const std::string suffix = fmt::format(";{:08x}", scope.transaction_id);
    for (const std::filesystem::path& directory : directories(session, scope)) {
        std::error_code absent;
        for (const auto& entry : std::filesystem::directory_iterator(directory, absent)) {
            if (entry.path().filename().string().ends_with(suffix)) {
                found.push_back(entry.path());
            }
        }
    }
    return found;
}

} // namespace

Installed identity(const std::filesystem::path& package) {
    const Session session("/");
    const HeaderHandle header = session.header_of(package);
    return {nevra_of(header.get()), text_of(header.get(), RPMTAG_SHA256HEADER)};
}

std::vector<Installed> installed(const std::filesystem::path& root) {
    std::vector<Installed> all;
    if (!has_database(root)) {
        return all;
    }
    const Session session(root);
    if (rpmtsOpenDB(session.ts(), O_RDONLY) != 0) {
        throw base::Error(base::Fault::Unavailable, "rpm database of '{}' cannot be opened", root.string());
    }
    const IteratorHandle iterator(rpmtsInitIterator(session.ts(), RPMDBI_PACKAGES, nullptr, 0));
    while (Header header = rpmdbNextIterator(iterator.get())) {
        Installed package{nevra_of(header), text_of(header, RPMTAG_SHA256HEADER)};
        if (package.nevra.name != "gpg-pubkey") {
            all.push_back(std::move(package));
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const Installed& left, const Installed& right) {
        return left.nevra.name < right.nevra.name;
    });
    return all;
}

std::vector<std::string> verify(const Scope& scope) {
    std::vector<std::string> differences;
    const Session session(scope.root);
    if (!has_database(scope.root)) {
        return differences;
    }
    for (const std::string& name : scope.names) {
        const std::vector<Session::Instance> instances = session.instances(name);
        if (instances.size() > 1) {
            differences.push_back("duplicate " + name);
        }
        if (instances.empty()) {
            continue;
        }
        const FilesHandle files(
            rpmfilesNew(nullptr, instances.back().header.get(), RPMTAG_BASENAMES, RPMFI_FLAGS_VERIFY));
        const auto count = static_cast<int>(rpmfilesFC(files.get()));
        for (int at = 0; at < count; ++at) {
            if ((rpmfilesFFlags(files.get(), at) & (RPMFILE_CONFIG | RPMFILE_GHOST)) != 0 ||
                rpmfilesFState(files.get(), at) != RPMFILE_STATE_NORMAL) {
                continue;
            }
            const base::Handle<char, std::free> path(rpmfilesFN(files.get(), at));
            const std::string word = difference(
                files.get(), at, base::followed_inside(scope.root, path.get(), base::LastLink::Kept));
            if (!word.empty()) {
                differences.push_back(word + " " + path.get());
            }
        }
    }
    for (const std::filesystem::path& left : leftovers(session, scope)) {
        differences.push_back("leftover " + left.string());
    }
    return differences;
}

void clean_up(const Scope& scope) {
    const Session session(scope.root);
    for (const std::filesystem::path& left : leftovers(session, scope)) {
        if (::unlink(left.c_str()) != 0 && errno != ENOENT) {
            throw base::Error(base::Fault::Unavailable, "leftover '{}' cannot be removed: {}", left.string(),
                              base::system_reason(errno));
        }
    }
    if (!has_database(scope.root)) {
        return;
    }
    for (const std::string& name : scope.names) {
        std::vector<Session::Instance> instances = session.instances(name);
        for (std::size_t at = 0; at + 1 < instances.size(); ++at) {
            rpmtsAddEraseElement(session.ts(), instances[at].header.get(),
                                 static_cast<int>(instances[at].at));
        }
    }
    if (rpmtsNElements(session.ts()) == 0) {
        return;
    }
    // Files that the newer one has, too, are left alone by librpm; so are those of other packages.
    rpmtsSetFlags(session.ts(), scope.root == "/" ? RPMTRANS_FLAG_NONE : RPMTRANS_FLAG_NOPLUGINS);
    if (rpmtsRun(session.ts(), nullptr, RPMPROB_FILTER_NONE) != 0) {
        throw base::Error(base::Fault::Unavailable,
                          "duplicates in the rpm database of '{}' cannot be removed: {}", scope.root.string(),
                          session.complaints().empty() ? "no reason given" : session.complaints().back());
    }
}

} // namespace rpm
