// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/packages.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <thread>

namespace ctl_client {
namespace {

using namespace std::chrono_literals;

base::Value paths(const std::vector<std::filesystem::path>& list) {
    base::Array array;
    for (const std::filesystem::path& path : list) {
        array.emplace_back(path.string());
    }
    return array;
}

rpm::Installed read_identity(const base::Fields& fields) {
    return {base::Nevra::parse(fields.text("nevra")), fields.text("header_digest")};
}

} // namespace

base::Value HelperPackages::ask(base::Object request, base::Duration timeout) const {
    const std::filesystem::path program = base::libexec_directory() / "ctl-transact";
    request.set("root", setting_.root.string());
    request.set("lock", setting_.lock.string());
    request.set("trust", setting_.trust.armored);
    if (setting_.ca) {
        request.set("ca", setting_.ca->str());
    }
    request.set("certificate", setting_.certificate.string());
    request.set("key", setting_.key.string());
    base::Command command;
    command.argv = {program.string()};
    command.input = base::to_json(request);
    command.timeout = timeout;
    command.output_limit_bytes = 64u << 20;
    const base::Outcome outcome = processes_.run(command);
    // The last line is the answer; an answer without "done" is the helper's own refusal.
    const std::string_view output = outcome.output;
    const std::size_t end = output.find_last_not_of('\n');
    if (end == std::string_view::npos) {
        throw base::Error(
            base::Fault::Unavailable, "ctl-transact ended without an answer{}{}",
            outcome.timed_out ? " after its time was over"
                              : fmt::format(" with exit code {}", outcome.exit_code),
            outcome.errors.empty() ? "" : ": " + outcome.errors.substr(0, outcome.errors.find('\n')));
    }
    const std::size_t begin = output.rfind('\n', end);
    const base::Value answer =
        base::parse_json(output.substr(begin == std::string_view::npos ? 0 : begin + 1), "ctl-transact",
                         base::JsonLimits{64u << 20, 64});
    const base::Fields fields(answer, "ctl-transact");
    if (fields.has("fault")) {
        throw base::Error(base::fault_from(fields.text("fault")), "{}", fields.text("message"));
    }
    return answer;
}

void HelperPackages::fetch(const std::vector<Download>& downloads) {
    if (downloads.empty()) {
        return;
    }
    base::Array list;
    for (const Download& download : downloads) {
        list.push_back(base::Object{{"url", download.url},
                                    {"digest", download.digest.str()},
                                    {"bytes", download.bytes},
                                    {"to", download.to.string()}});
    }
    const base::Object request{{"verb", "fetch"}, {"downloads", std::move(list)}};
    // A dispatcher that was killed is back within seconds, and what has arrived is kept: going on costs
    // nothing.
    for (const base::Duration pause : {500ms, 1000ms, 2000ms, 4000ms, 8000ms}) {
        try {
            ask(request, 6h);
            return;
        } catch (const base::Error& error) {
            if (error.fault() != base::Fault::Unavailable) {
                throw;
            }
        }
        std::this_thread::sleep_for(pause);
    }
    ask(request, 6h);
}

PackageContent HelperPackages::read(const std::filesystem::path& package) {
    const base::Value answer = ask(base::Object{{"verb", "read"}, {"package", package.string()}}, 5min);
    const base::Fields fields(answer, "ctl-transact");
    PackageContent content{read_identity(fields), std::nullopt, {}};
    if (const base::Value* about = fields.any("about"); about != nullptr && !about->is_null()) {
        content.about = rpm::About::from_value(*about, rpm::About::path_of(content.identity.nevra.name));
    }
    if (const auto templates = fields.record("templates")) {
        for (const base::Member& member : templates->members()) {
            content.templates[member.name] = templates->text(member.name);
        }
    }
    return content;
}

std::vector<rpm::Installed> HelperPackages::installed() {
    const base::Value answer = ask(base::Object{{"verb", "installed"}}, 15min);
    std::vector<rpm::Installed> all;
    for (const base::Fields& package : base::Fields(answer, "ctl-transact").records("packages")) {
        all.push_back(read_identity(package));
    }
    return all;
}

rpm::TransactionResult HelperPackages::transact(rpm::TransactionRequest request) {
    // Long: what is worse than a slow transaction is a killed one.
    const base::Value answer = ask(base::Object{{"verb", request.test ? "check" : "run"},
                                                {"install", paths(request.install)},
                                                {"erase", request.erase},
                                                {"transaction_id", request.transaction_id},
                                                {"recover", request.recover}},
                                   6h);
    const base::Fields fields(answer, "ctl-transact");
    return {fields.texts("problems"),
            static_cast<std::uint64_t>(fields.whole("bytes_needed", 0, INT64_MAX, 0))};
}

std::vector<std::string> HelperPackages::verify(rpm::Scope scope) {
    const base::Value answer = ask(base::Object{{"verb", "verify"},
                                                {"names", scope.names},
                                                {"packages", paths(scope.packages)},
                                                {"transaction_id", scope.transaction_id}},
                                   1h);
    return base::Fields(answer, "ctl-transact").texts("differences");
}

void HelperPackages::clean_up(rpm::Scope scope) {
    ask(base::Object{{"verb", "clean_up"},
                     {"names", scope.names},
                     {"packages", paths(scope.packages)},
                     {"transaction_id", scope.transaction_id}},
        1h);
}

} // namespace ctl_client
