// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/transaction.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "rpm/session.hpp"

#include <rpm/rpmprob.h>

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <set>

namespace rpm {
namespace {

/// What the callback needs; librpm hands it back as an opaque pointer.
struct Course {
    rpmts ts = nullptr;
    std::uint32_t id = 0;
    FD_t open = nullptr;
    std::vector<std::string> failed;
};

void* notify(const void* header, rpmCallbackType what, rpm_loff_t, rpm_loff_t total, fnpyKey key,
             rpmCallbackData data) noexcept {
    auto& course = *static_cast<Course*>(data);
    switch (what) {
    case RPMCALLBACK_TRANS_START:
        // rpmtsRun overwrites what was set before it.
        rpmtsSetTid(course.ts, course.id);
        break;
    case RPMCALLBACK_INST_OPEN_FILE:
        course.open = Fopen(static_cast<const char*>(key), "r.ufdio");
        if (course.open == nullptr || Ferror(course.open)) {
            return nullptr;
        }
        return course.open;
    case RPMCALLBACK_INST_CLOSE_FILE:
        if (course.open != nullptr) {
            Fclose(course.open);
            course.open = nullptr;
        }
        break;
    case RPMCALLBACK_SCRIPT_ERROR:
    case RPMCALLBACK_UNPACK_ERROR:
    case RPMCALLBACK_CPIO_ERROR:
        try {
            const std::string which =
                header == nullptr
                    ? "?"
                    : nevra_of(headerLink(static_cast<Header>(const_cast<void*>(header)))).str();
            if (what != RPMCALLBACK_SCRIPT_ERROR) {
                course.failed.push_back(fmt::format("package '{}' could not be unpacked", which));
            } else if (total == RPMRC_FAIL) {
                course.failed.push_back(fmt::format("a scriptlet of package '{}' failed", which));
            }
        } catch (...) {
            // Out of memory: rpmtsRun's own verdict still says that it failed.
        }
        break;
    default:
        break;
    }
    return nullptr;
}

/// First column of `<root>/etc/passwd` or `group`. rpm knows root without them.
std::set<std::string> accounts(const std::filesystem::path& root, const char* file) {
    std::set<std::string> names = {"root"};
    std::ifstream lines(base::followed_inside(root, file, base::LastLink::Followed));
    for (std::string line; std::getline(lines, line);) {
        names.insert(line.substr(0, line.find(':')));
    }
    return names;
}

constexpr rpmTag scriptlet_programs[] = {RPMTAG_PREINPROG,
                                         RPMTAG_POSTINPROG,
                                         RPMTAG_PREUNPROG,
                                         RPMTAG_POSTUNPROG,
                                         RPMTAG_PRETRANSPROG,
                                         RPMTAG_POSTTRANSPROG,
                                         RPMTAG_TRIGGERSCRIPTPROG,
                                         RPMTAG_FILETRIGGERSCRIPTPROG,
                                         RPMTAG_TRANSFILETRIGGERSCRIPTPROG};

/// A scriptlet's program is its first word: `PREINPROG` is a list of program and arguments.
std::set<std::string> interpreters(Header header) {
    std::set<std::string> programs;
    for (const rpmTag tag : scriptlet_programs) {
        const std::vector<std::string> words = texts_of(header, tag);
        const bool a_list_of_programs = tag == RPMTAG_TRIGGERSCRIPTPROG ||
                                        tag == RPMTAG_FILETRIGGERSCRIPTPROG ||
                                        tag == RPMTAG_TRANSFILETRIGGERSCRIPTPROG;
        for (const std::string& word : words) {
            programs.insert(word);
            if (!a_list_of_programs) {
                break;
            }
        }
    }
    std::erase_if(programs,
                  [](const std::string& program) { return program.empty() || program.front() == '<'; });
    return programs;
}

/// What rpm does silently, with exit code 0: a missing interpreter fails the scriptlet with 127, an unknown
/// owner becomes root.
std::vector<std::string> silent_failures(const std::filesystem::path& root,
                                         const std::vector<HeaderHandle>& headers) {
    std::set<std::string> brought;
    for (const HeaderHandle& header : headers) {
        const std::vector<std::string> files = texts_of(header.get(), RPMTAG_FILENAMES);
        brought.insert(files.begin(), files.end());
    }
    const std::set<std::string> users = accounts(root, "/etc/passwd");
    const std::set<std::string> groups = accounts(root, "/etc/group");
    std::vector<std::string> problems;
    for (const HeaderHandle& header : headers) {
        const std::string name = nevra_of(header.get()).str();
        for (const std::string& program : interpreters(header.get())) {
            std::error_code ignored;
            const std::filesystem::path there =
                base::followed_inside(root, program, base::LastLink::Followed);
            if (!brought.contains(program) && !std::filesystem::exists(there, ignored)) {
                problems.push_back(fmt::format(
                    "package '{}' has a scriptlet for '{}', which is missing in '{}'; install it first", name,
                    program, root.string()));
            }
        }
        // A %pre scriptlet may be what creates the account.
        if (headerIsEntry(header.get(), RPMTAG_PREIN) || headerIsEntry(header.get(), RPMTAG_PREINPROG)) {
            continue;
        }
        const auto refuse = [&](rpmTag tag, const std::set<std::string>& known, const char* kind) {
            const std::vector<std::string> named = texts_of(header.get(), tag);
            for (const std::string& account : std::set<std::string>(named.begin(), named.end())) {
                if (!known.contains(account)) {
                    problems.push_back(fmt::format(
                        "package '{}' has files of {} '{}', who is unknown in '{}'; create it first", name,
                        kind, account, root.string()));
                }
            }
        };
        refuse(RPMTAG_FILEUSERNAME, users, "user");
        refuse(RPMTAG_FILEGROUPNAME, groups, "group");
    }
    return problems;
}

void collect(rpmts ts, TransactionResult& result) {
    const base::Handle<rpmps_s, rpmpsFree> problems(rpmtsProblems(ts));
    const base::Handle<rpmpsi_s, rpmpsFreeIterator> iterator(rpmpsInitIterator(problems.get()));
    while (rpmProblem problem = rpmpsiNext(iterator.get())) {
        const base::Handle<char, std::free> sentence(rpmProblemString(problem));
        result.problems.emplace_back(sentence.get());
        if (rpmProblemGetType(problem) == RPMPROB_DISKSPACE) {
            result.bytes_needed += rpmProblemGetDiskNeed(problem);
        }
    }
    rpmtsCleanProblems(ts);
}

} // namespace

TransactionResult transact(const TransactionRequest& request) {
    const Session session(request.root, request.trust);
    const rpmts ts = session.ts();
    TransactionResult result;
    if (rpmtsOpenDB(ts, O_RDWR | O_CREAT) != 0) {
        throw base::Error(base::Fault::Unavailable, "rpm database of '{}' cannot be opened: {}",
                          request.root.string(),
                          session.complaints().empty() ? "no reason given" : session.complaints().back());
    }

    std::vector<HeaderHandle> headers;
    for (const std::filesystem::path& package : request.install) {
        headers.push_back(session.header_of(package));
        // The path itself is the key: the request outlives the transaction.
        if (rpmtsAddInstallElement(ts, headers.back().get(), package.c_str(), 1, nullptr) != 0) {
            result.problems.push_back(fmt::format("package '{}' cannot be part of a transaction",
                                                  nevra_of(headers.back().get()).str()));
        }
    }
    for (const std::string& name : request.erase) {
        for (const Session::Instance& instance : session.instances(name)) {
            rpmtsAddEraseElement(ts, instance.header.get(), static_cast<int>(instance.at));
        }
    }
    if (!result.problems.empty() || rpmtsNElements(ts) == 0) {
        return result;
    }
    result.problems = silent_failures(request.root, headers);
    if (rpmtsCheck(ts) != 0) {
        result.problems.push_back("the dependencies cannot be checked");
    }
    collect(ts, result);
    if (!result.problems.empty()) {
        return result;
    }
    rpmtsOrder(ts);
    rpmtsClean(ts);

    rpmtransFlags flags = request.test ? RPMTRANS_FLAG_TEST : RPMTRANS_FLAG_NONE;
    if (request.root != "/") {
        // They speak to the host's own daemons: syslog, D-Bus, systemd's inhibitor, SELinux labels of another
        // tree.
        flags |= RPMTRANS_FLAG_NOPLUGINS;
    }
    rpmtsSetFlags(ts, flags);
    rpmprobFilterFlags allowed = RPMPROB_FILTER_OLDPACKAGE;
    if (request.recover) {
        allowed |= RPMPROB_FILTER_REPLACEPKG;
    }
    Course course{ts, request.transaction_id, nullptr, {}};
    rpmtsSetNotifyCallback(ts, notify, &course);
    rpmtsSetNotifyStyle(ts, 0);
    const int verdict = rpmtsRun(ts, nullptr, allowed);
    collect(ts, result);
    if (verdict != 0 && result.problems.empty()) {
        result.problems = course.failed;
        result.problems.insert(result.problems.end(), session.complaints().begin(),
                               session.complaints().end());
        if (result.problems.empty()) {
            result.problems.push_back("the transaction failed and librpm gave no reason");
        }
    }
    return result;
}

} // namespace rpm
