// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room that work on a host's rpm database.
#pragma once

#include "base/handle.hpp"
#include "rpm/transaction.hpp"

#include <rpm/rpmdb.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmps.h>
#include <rpm/rpmts.h>

#include <filesystem>
#include <string>
#include <vector>

namespace rpm {

using HeaderHandle = base::Handle<headerToken_s, headerFree>;
using IteratorHandle = base::Handle<rpmdbMatchIterator_s, rpmdbFreeIterator>;
using FilesHandle = base::Handle<rpmfiles_s, rpmfilesFree>;

/// One rpmts on one root, with librpm configured first. What librpm logs as an error while it lives is kept
/// here instead of being printed.
class Session {
public:
    /// @throws base::Error{Fault::Internal} when librpm's own configuration cannot be read.
    explicit Session(const std::filesystem::path& root, const TrustedKeys& trust = {});
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    rpmts ts() const noexcept { return ts_.get(); }
    const std::filesystem::path& root() const noexcept { return root_; }
    /// librpm's error lines so far, each without the final newline.
    const std::vector<std::string>& complaints() const noexcept { return complaints_; }
    /// Headers of the installed packages of this name, oldest first, each with its place in the database.
    struct Instance {
        HeaderHandle header;
        unsigned at = 0;
    };
    std::vector<Instance> instances(const std::string& name) const;
    /// The header of a package file. Its signatures count when the transaction runs.
    /// @throws base::Error{Fault::Input}
    HeaderHandle header_of(const std::filesystem::path& package) const;

private:
    static int keep(rpmlogRec record, rpmlogCallbackData self) noexcept;

    std::filesystem::path root_;
    base::Handle<rpmts_s, rpmtsFree> ts_;
    std::vector<std::string> complaints_;
};

base::Nevra nevra_of(Header header);
/// The text of a string tag; empty when absent.
std::string text_of(Header header, rpmTag tag);
std::vector<std::string> texts_of(Header header, rpmTag tag);

} // namespace rpm
