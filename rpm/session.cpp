// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/session.hpp"

#include "base/error.hpp"

#include <rpm/header.h>
#include <rpm/rpmfileutil.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmtd.h>

#include <algorithm>
#include <cstdlib>
#include <type_traits>

namespace rpm {
namespace {

using FileHandle = base::Handle<std::remove_pointer_t<FD_t>, Fclose>;
using KeyringHandle = base::Handle<rpmKeyring_s, rpmKeyringFree>;
using PubkeyHandle = base::Handle<rpmPubkey_s, rpmPubkeyFree>;

/// librpm reads /etc/rpm and ~/.rpmmacros unless it is told the exact files; a line there could switch the
/// signature check off.
void configure() {
    static bool done = false;
    if (done) {
        return;
    }
    ::unsetenv("RPM_CONFIGDIR");
    const std::string own = rpmConfigDir();
    static const std::string macro_files = own + "/macros:" + own + "/platform/%{_target}/macros";
    macrofiles = macro_files.c_str();
    if (rpmReadConfigFiles((own + "/rpmrc").c_str(), nullptr) != 0) {
        throw base::Error(base::Fault::Internal,
                          "librpm's configuration in '{}' cannot be read; reinstall rpm", own);
    }
    // Debian's value is in the caller's home directory.
    rpmDefineMacro(nullptr, "_dbpath /var/lib/rpm", RMIL_CMDLINE);
    // Without it 3004 of 3004 new files were empty after a power cut that followed exit code 0.
    rpmDefineMacro(nullptr, "_flush_io 1", RMIL_CMDLINE);
    // Debian's value accepts unsigned packages.
    rpmDefineMacro(nullptr, "_pkgverify_level all", RMIL_CMDLINE);
    rpmSetVerbosity(RPMLOG_WARNING);
    done = true;
}

void add_certificate(rpmKeyring keyring, const std::string& armored) {
    uint8_t* packet = nullptr;
    std::size_t bytes = 0;
    if (pgpParsePkts(armored.c_str(), &packet, &bytes) != PGPARMOR_PUBKEY) {
        throw base::Error(
            base::Fault::Input,
            "a trusted package key is no armoured OpenPGP certificate; export it with 'tiercel key export'");
    }
    const base::Handle<uint8_t, std::free> owned(packet);
    const PubkeyHandle key(rpmPubkeyNew(packet, bytes));
    if (!key) {
        throw base::Error(base::Fault::Input, "a trusted package key is of a kind that librpm does not know");
    }
    rpmKeyringAddKey(keyring, key.get());
    int count = 0;
    const base::Handle<rpmPubkey, std::free> subkeys(rpmGetSubkeys(key.get(), &count));
    for (int at = 0; at < count; ++at) {
        const PubkeyHandle subkey(subkeys.get()[at]);
        rpmKeyringAddKey(keyring, subkey.get());
    }
}

} // namespace

Session::Session(const std::filesystem::path& root, const TrustedKeys& trust) : root_(root) {
    configure();
    rpmlogSetCallback(&Session::keep, this);
    ts_.reset(rpmtsCreate());
    rpmtsSetRootDir(ts_.get(), root.c_str());
    rpmtsSetVSFlags(ts_.get(), RPMVSF_DEFAULT);
    rpmtsSetVfyFlags(ts_.get(), RPMVSF_DEFAULT);
    rpmtsSetVfyLevel(ts_.get(), RPMSIG_VERIFIABLE_TYPE);
    // Set even when it is empty: librpm would load the keys of the root's own database.
    const KeyringHandle keyring(rpmKeyringNew());
    for (const std::string& armored : trust.armored) {
        add_certificate(keyring.get(), armored);
    }
    rpmtsSetKeyring(ts_.get(), keyring.get());
}

Session::~Session() {
    rpmlogSetCallback(nullptr, nullptr);
}

int Session::keep(rpmlogRec record, rpmlogCallbackData self) noexcept {
    if (rpmlogRecPriority(record) > RPMLOG_ERR) {
        return 0;
    }
    try {
        std::string line = rpmlogRecMessage(record);
        while (!line.empty() && line.back() == '\n') {
            line.pop_back();
        }
        static_cast<Session*>(self)->complaints_.push_back(std::move(line));
    } catch (...) {
        // Out of memory: the line is lost, the verdict is not taken from it.
    }
    return 0;
}

std::vector<Session::Instance> Session::instances(const std::string& name) const {
    std::vector<Instance> found;
    const IteratorHandle iterator(rpmtsInitIterator(ts(), RPMDBI_NAME, name.c_str(), 0));
    while (Header header = rpmdbNextIterator(iterator.get())) {
        found.push_back({HeaderHandle(headerLink(header)), rpmdbGetIteratorOffset(iterator.get())});
    }
    std::sort(found.begin(), found.end(),
              [](const Instance& left, const Instance& right) { return left.at < right.at; });
    return found;
}

HeaderHandle Session::header_of(const std::filesystem::path& package) const {
    const FileHandle file(Fopen(package.c_str(), "r.ufdio"));
    if (!file || Ferror(file.get())) {
        throw base::Error(base::Fault::Input, "package file '{}' cannot be read", package.string());
    }
    Header header = nullptr;
    const rpmRC verdict = rpmReadPackageFile(ts(), file.get(), package.c_str(), &header);
    HeaderHandle owned(header);
    // No key and not trusted are for the transaction's own check at level "all".
    if (!owned || (verdict != RPMRC_OK && verdict != RPMRC_NOTTRUSTED && verdict != RPMRC_NOKEY)) {
        const std::string reason = complaints_.empty() ? "librpm cannot read it" : complaints_.back();
        throw base::Error(base::Fault::Input, "'{}' is no intact package: {}", package.string(), reason);
    }
    return owned;
}

base::Nevra nevra_of(Header header) {
    base::Nevra nevra;
    nevra.name = text_of(header, RPMTAG_NAME);
    nevra.evr.epoch = static_cast<std::uint32_t>(headerGetNumber(header, RPMTAG_EPOCH));
    nevra.evr.version = text_of(header, RPMTAG_VERSION);
    nevra.evr.release = text_of(header, RPMTAG_RELEASE);
    nevra.arch = text_of(header, RPMTAG_ARCH);
    return nevra;
}

std::string text_of(Header header, rpmTag tag) {
    const char* text = headerGetString(header, tag);
    return text == nullptr ? std::string() : std::string(text);
}

std::vector<std::string> texts_of(Header header, rpmTag tag) {
    std::vector<std::string> texts;
    rpmtd_s data;
    rpmtdReset(&data);
    if (headerGet(header, tag, &data, HEADERGET_EXT | HEADERGET_MINMEM) != 0) {
        while (rpmtdNext(&data) >= 0) {
            if (const char* text = rpmtdGetString(&data)) {
                texts.emplace_back(text);
            }
        }
    }
    rpmtdFreeData(&data);
    return texts;
}

} // namespace rpm
