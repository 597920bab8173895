// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/package_file.hpp"

#include "base/error.hpp"

#include <rpm/rpmcli.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmpgp.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace rpm {
namespace {

using Signature = base::Handle<pgpDigParams_s, pgpDigParamsFree>;
using CertificateKey = base::Handle<rpmPubkey_s, rpmPubkeyFree>;

constexpr std::uint64_t lead_bytes = 96;
constexpr std::array<unsigned char, 4> lead_magic{0xed, 0xab, 0xee, 0xdb};
constexpr std::array<unsigned char, 3> header_magic{0x8e, 0xad, 0xe8};
// librpm's own bounds (lib/header.c: 64 Ki entries, 256 MiB of data).
constexpr std::uint32_t most_entries = 0xffff;
constexpr std::uint32_t most_data_bytes = 256u << 20;

/// Keeps librpm from writing to standard output and error while it lives; its words are not for people who
/// read JSON. Counted, because the level belongs to the process and several threads may read packages.
class Quiet {
public:
    Quiet() {
        const std::lock_guard guard(mutex_);
        if (count_++ == 0) {
            before_ = rpmlogSetMask(RPMLOG_MASK(RPMLOG_EMERG));
        }
    }
    ~Quiet() {
        const std::lock_guard guard(mutex_);
        if (--count_ == 0) {
            rpmlogSetMask(before_);
        }
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

private:
    static inline std::mutex mutex_;
    static inline int count_ = 0;
    static inline int before_ = 0;
};

void prepare() {
    static std::once_flag once;
    std::call_once(once, [] {
        rpmInitCrypto();
        // Reading packages needs no database. Debian's macro files would point at the caller's home
        // directory, so that a database would appear there; whoever works on a real one has said where
        // before.
        if (rpmExpandNumeric("%{?_dbpath:1}") == 0) {
            rpmDefineMacro(nullptr, "_dbpath /nonexistent/tiercel-reads-no-rpm-database", RMIL_CMDLINE);
        }
    });
}

/// @param flags which checks to leave out; @param level which of them must have been made.
ReadContext context(rpmKeyring keys, rpmVSFlags flags, int level) {
    ReadContext ts(rpmtsCreate());
    rpmtsSetKeyring(ts.get(), keys);
    rpmtsSetVSFlags(ts.get(), flags);
    rpmtsSetVfyFlags(ts.get(), flags);
    rpmtsSetVfyLevel(ts.get(), level);
    return ts;
}

bool passes(const PackageFile& file, rpmKeyring keys, rpmVSFlags flags, int level) {
    const ReadContext ts = context(keys, flags, level);
    const StreamHandle stream = file.stream(0, "r.ufdio");
    rpmQVKArguments_s arguments{};
    return rpmVerifySignatures(&arguments, ts.get(), stream.get(), file.name().c_str()) == 0;
}

std::uint32_t big_endian(const unsigned char* bytes) {
    return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
           (std::uint32_t{bytes[2]} << 8) | std::uint32_t{bytes[3]};
}

/// The signature over the header, or the older one over header and payload.
struct FoundSignature {
    Signature parsed;
    bool over_payload = false;
};

std::optional<FoundSignature> signature_in(Header header) {
    for (const auto& [tag, over_payload] :
         {std::pair{RPMTAG_RSAHEADER, false}, std::pair{RPMTAG_DSAHEADER, false},
          std::pair{RPMTAG_SIGPGP, true}, std::pair{RPMTAG_SIGGPG, true}}) {
        rpmtd_s data;
        rpmtdReset(&data);
        if (headerGet(header, tag, &data, HEADERGET_MINMEM) == 0) {
            continue;
        }
        pgpDigParams parsed = nullptr;
        const int problem =
            pgpPrtParams(static_cast<const uint8_t*>(data.data), data.count, PGPTAG_SIGNATURE, &parsed);
        rpmtdFreeData(&data);
        return FoundSignature{Signature(problem == 0 ? parsed : nullptr), over_payload};
    }
    return std::nullopt;
}

} // namespace

PackageFile::PackageFile(const std::filesystem::path& file)
    : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)), name_(file.filename().string()) {
    if (!descriptor_) {
        const int reason = errno;
        throw base::Error(reason == ENOENT ? base::Fault::NotFound : base::Fault::Unavailable,
                          "package file '{}' cannot be read: {}", file.string(), base::system_reason(reason));
    }
    prepare();
    std::array<unsigned char, 4> magic{};
    const ssize_t got = ::pread(descriptor_.get(), magic.data(), magic.size(), 0);
    if (got != static_cast<ssize_t>(magic.size()) || magic != lead_magic) {
        throw base::Error(base::Fault::Input, "'{}' is no RPM package", file.string());
    }
    header_start_ = (end_of_header(lead_bytes) + 7) / 8 * 8;
    header_end_ = end_of_header(header_start_);
}

std::uint64_t PackageFile::end_of_header(std::uint64_t at) const {
    std::array<unsigned char, 16> intro{};
    const ssize_t got = ::pread(descriptor_.get(), intro.data(), intro.size(), static_cast<off_t>(at));
    const std::uint32_t entries = big_endian(intro.data() + 8);
    const std::uint32_t data_bytes = big_endian(intro.data() + 12);
    if (got != static_cast<ssize_t>(intro.size()) ||
        std::memcmp(intro.data(), header_magic.data(), header_magic.size()) != 0 || entries > most_entries ||
        data_bytes > most_data_bytes) {
        throw base::Error(base::Fault::Corrupt, "package '{}' is damaged: there is no header at byte {}",
                          name_, at);
    }
    return at + intro.size() + std::uint64_t{entries} * 16 + data_bytes;
}

StreamHandle PackageFile::stream(std::uint64_t from, const char* mode) const {
    // Duplicates share one position: each stream is used before the next one is made.
    if (::lseek(descriptor_.get(), static_cast<off_t>(from), SEEK_SET) < 0) {
        throw base::Error(base::Fault::Unavailable, "package '{}' cannot be read: {}", name_,
                          base::system_reason(errno));
    }
    StreamHandle opened(Fdopen(fdDup(descriptor_.get()), mode));
    if (!opened) {
        throw base::Error(base::Fault::Internal, "librpm cannot read package '{}' as '{}'", name_, mode);
    }
    return opened;
}

ReadHeader PackageFile::header(rpmts context) const {
    const Quiet quiet;
    const StreamHandle in = stream(0, "r.ufdio");
    Header found = nullptr;
    const rpmRC verdict = rpmReadPackageFile(context, in.get(), name_.c_str(), &found);
    ReadHeader owned(found);
    return verdict == RPMRC_OK ? std::move(owned) : nullptr;
}

ReadHeader PackageFile::unchecked_header() const {
    const Keyring none(rpmKeyringNew());
    const ReadContext ts = context(none.get(), RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES, 0);
    ReadHeader found = header(ts.get());
    if (!found) {
        throw base::Error(base::Fault::Corrupt, "package '{}' is damaged: its header cannot be read", name_);
    }
    return found;
}

ReadHeader PackageFile::verified_header(rpmKeyring keys) const {
    const Quiet quiet;
    if (!passes(*this, keys, RPMVSF_DEFAULT, RPMSIG_VERIFIABLE_TYPE)) {
        explain_refusal(keys);
    }
    const ReadContext ts = context(keys, RPMVSF_DEFAULT, RPMSIG_VERIFIABLE_TYPE);
    ReadHeader found = header(ts.get());
    if (!found) {
        throw base::Error(base::Fault::Corrupt, "package '{}' is damaged: it changed while it was read",
                          name_);
    }
    return found;
}

void PackageFile::explain_refusal(rpmKeyring keys) const {
    const ReadHeader header = unchecked_header();
    if (!passes(*this, keys, RPMVSF_MASK_NOSIGNATURES, RPMSIG_DIGEST_TYPE)) {
        throw base::Error(base::Fault::Corrupt, "package '{}' is damaged or was altered: a digest is wrong",
                          name_);
    }
    const auto signature = signature_in(header.get());
    if (!signature) {
        throw base::Error(base::Fault::Denied, "package '{}' is not signed", name_);
    }
    rpmRC verdict = RPMRC_FAIL;
    if (signature->parsed) {
        DIGEST_CTX digest = rpmDigestInit(
            static_cast<int>(pgpDigParamsAlgo(signature->parsed.get(), PGPVAL_HASHALGO)), RPMDIGEST_NONE);
        std::array<char, 1u << 16> buffer;
        for (std::uint64_t at = header_start_; signature->over_payload || at < header_end_;) {
            const std::size_t wanted =
                signature->over_payload
                    ? buffer.size()
                    : static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), header_end_ - at));
            const ssize_t got = ::pread(descriptor_.get(), buffer.data(), wanted, static_cast<off_t>(at));
            if (got <= 0) {
                break;
            }
            rpmDigestUpdate(digest, buffer.data(), static_cast<std::size_t>(got));
            at += static_cast<std::uint64_t>(got);
        }
        verdict = rpmKeyringVerifySig(keys, signature->parsed.get(), digest);
        rpmDigestFinal(digest, nullptr, nullptr, 0);
    }
    if (verdict == RPMRC_NOKEY || verdict == RPMRC_NOTTRUSTED) {
        const std::string_view id(reinterpret_cast<const char*>(pgpDigParamsSignID(signature->parsed.get())),
                                  8);
        throw base::Error(base::Fault::Denied,
                          "package '{}' is signed by a key that is not trusted (key id {})", name_,
                          base::to_hex(id));
    }
    throw base::Error(base::Fault::Corrupt, "package '{}' is damaged or was altered: its signature is wrong",
                      name_);
}

Keyring keyring_of(const TrustedKeys& trust) {
    prepare();
    Keyring keyring(rpmKeyringNew());
    for (std::size_t i = 0; i < trust.armored.size(); ++i) {
        uint8_t* packets = nullptr;
        std::size_t bytes = 0;
        const bool is_key = pgpParsePkts(trust.armored[i].c_str(), &packets, &bytes) == PGPARMOR_PUBKEY;
        const base::Handle<uint8_t, std::free> owned(packets);
        std::size_t certificates = 0;
        for (std::size_t at = 0; is_key && at < bytes; ++certificates) {
            std::size_t length = 0;
            const CertificateKey key(pgpPubKeyCertLen(packets + at, bytes - at, &length) == 0
                                         ? rpmPubkeyNew(packets + at, length)
                                         : nullptr);
            if (!key) {
                certificates = 0;
                break;
            }
            rpmKeyringAddKey(keyring.get(), key.get());
            int count = 0;
            const base::Handle<rpmPubkey, std::free> subkeys(rpmGetSubkeys(key.get(), &count));
            for (int s = 0; s < count; ++s) {
                const CertificateKey subkey(subkeys.get()[s]);
                rpmKeyringAddKey(keyring.get(), subkey.get());
            }
            at += length;
        }
        if (certificates == 0) {
            throw base::Error(base::Fault::Input, "trusted key {} of {} is no armoured OpenPGP certificate",
                              i + 1, trust.armored.size());
        }
    }
    return keyring;
}

} // namespace rpm
