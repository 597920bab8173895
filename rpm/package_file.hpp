// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room that read package files.
#pragma once

#include "base/descriptor.hpp"
#include "base/handle.hpp"
#include "rpm/package.hpp"

#include <rpm/header.h>
#include <rpm/rpmio.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmts.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>

namespace rpm {

using StreamHandle = base::Handle<std::remove_pointer_t<FD_t>, Fclose>;
using ReadHeader = base::Handle<headerToken_s, headerFree>;
using Keyring = base::Handle<rpmKeyring_s, rpmKeyringFree>;
using ReadContext = base::Handle<rpmts_s, rpmtsFree>;

/// An open package file and where its parts lie: lead of 96 bytes, signature header padded to 8, header,
/// payload.
class PackageFile {
public:
    /// @throws base::Error{Input} when it is no package, Error{Corrupt} when it ends too early,
    /// Error{NotFound | Unavailable}.
    explicit PackageFile(const std::filesystem::path& file);

    std::uint64_t header_start() const noexcept { return header_start_; }
    std::uint64_t header_end() const noexcept { return header_end_; }
    const std::string& name() const noexcept { return name_; }
    /// A stream of librpm of its own over this very file, even if the path names another one by now. `mode`
    /// as "r.ufdio".
    StreamHandle stream(std::uint64_t from, const char* mode) const;
    /// The header without any look at digests or signature. @throws base::Error{Corrupt}
    ReadHeader unchecked_header() const;
    /// The header, after every digest and a signature by one of these keys were found right by librpm at
    /// level "all".
    /// @throws base::Error{Denied | Corrupt}
    ReadHeader verified_header(rpmKeyring keys) const;

private:
    std::uint64_t end_of_header(std::uint64_t at) const;
    [[noreturn]] void explain_refusal(rpmKeyring keys) const;
    ReadHeader header(rpmts context) const;

    base::Descriptor descriptor_;
    std::string name_;
    std::uint64_t header_start_ = 0;
    std::uint64_t header_end_ = 0;
};

/// Exactly these certificates. @throws base::Error{Input}
Keyring keyring_of(const TrustedKeys& trust);

} // namespace rpm
