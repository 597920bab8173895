// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// ctl-transact: what ctl-client needs libcurl and librpm for. One JSON request on standard input, one JSON
// line as the answer on standard output, then it ends: librpm's state is global to the process and its memory
// is not to stay with the client.
//
// Every request has `verb`, `root` and `trust` (armoured certificates); `lock` names a file that is held
// while the verb works, so that a helper that outlived its client is waited for.
//
//     fetch      downloads: [{url, digest, bytes, to}], ca, certificate, key   → {done, fetched}
//     read       package                                                       → {done, nevra, header_digest,
//     about, templates} check, run install, erase, transaction_id, recover                       → {done,
//     problems, bytes_needed} installed                                                                →
//     {done, packages: [{nevra, header_digest}]} verify     names, packages, transaction_id → {done,
//     differences} clean_up   names, packages, transaction_id                               → {done}
//
// Exit codes: 0 done; 3 the transaction has problems (they are in the answer); otherwise {fault, message} and
// 1 internal, 2 bad request, 6 denied, 7 unavailable.
#include "base/descriptor.hpp"
#include "base/download.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "rpm/package.hpp"
#include "rpm/transaction.hpp"

#include <fcntl.h>
#include <iostream>
#include <iterator>
#include <sys/file.h>
#include <unistd.h>

namespace {

using base::Fields;
using base::Object;
using base::Value;

/// Blocks until a helper of a client that was killed has ended: what it does cannot be taken back half-way.
base::Descriptor take_lock(const std::filesystem::path& file) {
    base::Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) {
        throw base::Error(base::Fault::Unavailable, "lock '{}' cannot be taken: {}", file.string(),
                          base::system_reason(errno));
    }
    return lock;
}

std::vector<std::filesystem::path> paths(const Fields& request, std::string_view key) {
    const std::vector<std::string> texts = request.texts(key);
    return {texts.begin(), texts.end()};
}

std::uint32_t transaction_id(const Fields& request) {
    return static_cast<std::uint32_t>(request.whole("transaction_id", 0, UINT32_MAX));
}

Value identity(const rpm::Installed& package) {
    return Object{{"nevra", package.nevra.str()}, {"header_digest", package.header_digest}};
}

Object fetch(const Fields& request) {
    base::Trust trust;
    if (const auto ca = request.maybe_text("ca")) {
        trust.ca = base::Digest::parse(*ca);
    }
    const std::string certificate = request.text("certificate", "");
    const std::string key = request.text("key", "");
    const base::SystemFiles files;
    if (!certificate.empty()) {
        trust.identity = base::Identity{files.read(certificate), files.read(key)};
    }
    std::int64_t fetched = 0;
    for (const Fields& item : request.records("downloads")) {
        base::FileRequest download;
        download.url = item.text("url");
        download.digest = base::Digest::parse(item.text("digest"));
        download.bytes = static_cast<std::uint64_t>(item.whole("bytes", 0, INT64_MAX));
        download.to = item.text("to");
        download.trust = trust;
        base::download(download);
        ++fetched;
    }
    return {{"done", true}, {"fetched", fetched}};
}

Object read(const Fields& request, const rpm::TrustedKeys& trust) {
    const std::filesystem::path package = request.text("package");
    const rpm::PackageFacts facts = rpm::read_package(package, trust);
    Object answer{{"done", true},
                  {"nevra", facts.nevra.str()},
                  {"header_digest", rpm::identity(package).header_digest}};
    const std::optional<rpm::About> about = rpm::read_about(package, facts);
    if (about) {
        Object templates;
        for (const rpm::Template& part : about->templates) {
            std::optional<std::string> text = rpm::read_packaged_file(package, part.source);
            if (!text) {
                throw base::Error(base::Fault::Corrupt,
                                  "package '{}' has no file '{}', which it says is a template",
                                  facts.nevra.str(), part.source);
            }
            templates.set(part.source, std::move(*text));
        }
        answer.set("about", about->to_value());
        answer.set("templates", std::move(templates));
    }
    return answer;
}

Object transact(const Fields& request, const rpm::TrustedKeys& trust, bool test) {
    rpm::TransactionRequest transaction;
    transaction.root = request.text("root");
    transaction.install = paths(request, "install");
    transaction.erase = request.texts("erase");
    transaction.trust = trust;
    transaction.transaction_id = transaction_id(request);
    transaction.test = test;
    transaction.recover = request.flag("recover", false);
    const rpm::TransactionResult result = rpm::transact(transaction);
    return {{"done", true}, {"problems", result.problems}, {"bytes_needed", result.bytes_needed}};
}

rpm::Scope scope(const Fields& request) {
    return {request.text("root"), request.texts("names"), paths(request, "packages"),
            transaction_id(request)};
}

Object answer(const Fields& request) {
    const std::string verb = request.text("verb");
    const rpm::TrustedKeys trust{request.texts("trust")};
    const std::string lock_file = request.text("lock", "");
    const base::Descriptor lock =
        lock_file.empty() || verb == "fetch" ? base::Descriptor(-1) : take_lock(lock_file);
    if (verb == "fetch") {
        return fetch(request);
    }
    if (verb == "read") {
        return read(request, trust);
    }
    if (verb == "check" || verb == "run") {
        return transact(request, trust, verb == "check");
    }
    if (verb == "installed") {
        base::Array packages;
        for (const rpm::Installed& package : rpm::installed(request.text("root"))) {
            packages.push_back(identity(package));
        }
        return {{"done", true}, {"packages", std::move(packages)}};
    }
    if (verb == "verify") {
        return {{"done", true}, {"differences", rpm::verify(scope(request))}};
    }
    if (verb == "clean_up") {
        rpm::clean_up(scope(request));
        return {{"done", true}};
    }
    request.fail("verb", fmt::format("'{}' is no verb of ctl-transact", verb));
}

} // namespace

int main() {
    // Scriptlets and librpm print where they like; only the answer goes to the one who asked.
    const base::Descriptor out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    Object reply;
    int code = 0;
    try {
        const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
        const Value request = base::parse_json(text, "request");
        reply = answer(Fields(request, "request"));
        const Value* problems = reply.find("problems");
        code = problems != nullptr && !problems->array()->empty() ? 3 : 0;
    } catch (const base::Error& error) {
        reply = {{"fault", base::word(error.fault())}, {"message", error.message()}};
        code = base::exit_code(error.fault());
    } catch (const std::exception& error) {
        reply = {{"fault", base::word(base::Fault::Internal)}, {"message", error.what()}};
        code = 1;
    }
    const std::string line = base::to_json(reply) + "\n";
    for (std::size_t at = 0; at < line.size();) {
        const ssize_t written = ::write(out.get(), line.data() + at, line.size() - at);
        if (written <= 0) {
            return 1;
        }
        at += static_cast<std::size_t>(written);
    }
    return code;
}
