// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/executor.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "ctl-client/unified_diff.hpp"

#include <algorithm>
#include <map>

namespace ctl_client {
namespace {

using dispatcher::protocol::Order;
using dispatcher::protocol::Report;

Report refused(Report report, std::string_view code, std::string reason) {
    report.ok = false;
    report.code = code;
    report.reason = std::move(reason);
    return report;
}

Report done(Report report, base::Object detail) {
    report.ok = true;
    report.code.clear();
    report.detail = std::move(detail);
    return report;
}

/// A refusal says that this order is not to be; anything else failed and may work another time.
std::string_view code_of(base::Fault fault) {
    return fault == base::Fault::Denied || fault == base::Fault::Conflict ? "refused" : "failed";
}

/// All diffs of a report together: a report must fit into one frame.
constexpr std::size_t most_diff_bytes = 256u << 10;
constexpr std::size_t most_reason_bytes = 8u << 10;

base::Fields body_of(const Order& order) {
    return base::Fields(order.body, "order '" + order.id + "'", "body");
}

std::string outcome(const Change& change) {
    return change.state == Change::State::Quarantined
               ? fmt::format("component '{}' is neither here nor there and is quarantined: {}",
                             change.component, change.reason)
               : change.reason;
}

void restarts(base::Object& detail, const std::vector<ServiceAction>& actions) {
    std::map<ServiceAction::Kind, std::vector<std::string>> by_kind;
    base::Object why;
    for (const ServiceAction& action : actions) {
        by_kind[action.kind].push_back(action.name);
        why.set(action.name, action.reason);
    }
    detail.set("restart", by_kind[ServiceAction::Kind::Restart]);
    detail.set("reload", by_kind[ServiceAction::Kind::Reload]);
    detail.set("start", by_kind[ServiceAction::Kind::Start]);
    detail.set("stop", by_kind[ServiceAction::Kind::Stop]);
    detail.set("restart_why", std::move(why));
}

} // namespace

Executor::Executor(base::Database& database, Host host)
    : host_(std::move(host)), journal_(database), generations_(database, host_.state),
      transaction_(database, generations_, host_.state, host_.packages, host_.files, host_.root),
      preparation_({generations_, host_.state, host_.packages, host_.files, host_.processes, host_.root,
                    host_.source}),
      services_(database), drain_(database, host_.files, host_.pause) {}

void Executor::recover() {
    transaction_.recover();
}

bool Executor::perform_next() {
    const std::optional<Journal::Entry> entry = journal_.next(host_.clock.now());
    if (!entry) {
        return false;
    }
    if (!entry->begun) {
        journal_.begin(entry->order.id);
    }
    Report report = perform(entry->order);
    report.order = entry->order.id;
    report.order_digest = base::sha256(entry->text);
    if (report.reason.size() > most_reason_bytes) {
        report.reason.resize(most_reason_bytes);
        report.reason += " …";
    }
    // Escapes make it longer than it is here, and it stands in a frame with more around it.
    if (base::to_json(report.detail).size() > dispatcher::protocol::max_frame_bytes / 2) {
        report.detail =
            base::Object{{"left_out", "the details are too large for one message; see 'ctl-client status'"}};
    }
    base::log(report.ok ? base::LogLevel::Info : base::LogLevel::Warning, "order is done",
              {{"order", report.order},
               {"kind", entry->order.kind},
               {"component", entry->order.component},
               {"ok", report.ok},
               {"code", report.code},
               {"reason", report.reason}});
    journal_.finish(report);
    return true;
}

Report Executor::perform(const Order& order) {
    using Step = Report (Executor::*)(const Order&, Report);
    static const std::map<std::string_view, Step> steps{
        {"prepare", &Executor::prepare}, {"drain", &Executor::drain},  {"apply", &Executor::apply},
        {"restart", &Executor::restart}, {"probe", &Executor::probe},  {"undrain", &Executor::undrain},
        {"undo", &Executor::undo},       {"settle", &Executor::settle}};
    try {
        return (this->*steps.at(order.kind))(order, {}); // Order::parse knows all kinds
    } catch (const base::Error& error) {
        Report report;
        report.detail = base::Object{{"fault", base::word(error.fault())}};
        return refused(std::move(report), code_of(error.fault()), error.message());
    } catch (const std::exception& error) {
        // A defect of ours ends this order, not the client, which would take it up again at each start.
        Report report;
        report.detail = base::Object{{"fault", base::word(base::Fault::Internal)}};
        return refused(std::move(report), "failed", error.what());
    }
}

Report Executor::prepare(const Order& order, Report report) {
    const base::Fields body = body_of(order);
    const base::Value* desired = body.any("desired");
    if (desired == nullptr) {
        body.fail("desired", "'desired' is missing");
    }
    if (const auto reason = generations_.quarantined(order.component)) {
        return refused(std::move(report), "quarantined", *reason);
    }
    const Wanted wanted = Wanted::checked(*desired, body.text("manifest"), host_.release_keys);
    if (wanted.component.str() != order.component) {
        body.fail("desired", fmt::format("the order is for component '{}', but wants '{}'", order.component,
                                         wanted.component));
    }
    Generation candidate = preparation_.make(wanted);
    if (const auto now = generations_.current(order.component)) {
        preparation_.require_held(now->packages);
    }
    const std::vector<std::string> objections = transaction_.objections(candidate);
    if (!objections.empty()) {
        std::string reason;
        for (const std::string& objection : objections) {
            reason += (reason.empty() ? "" : "; ") + objection;
        }
        return refused(std::move(report), "refused", std::move(reason));
    }
    base::Object detail = changes(candidate);
    if (!body.flag("plan", false)) {
        generations_.record_candidate(candidate);
    }
    return done(std::move(report), std::move(detail));
}

base::Object Executor::changes(const Generation& candidate) {
    const std::optional<Generation> now = generations_.current(candidate.component);
    std::map<std::string, std::pair<base::Value, base::Value>> builds; // name → from, to
    for (const rpm::Installed& package : host_.packages.installed()) {
        const HeldPackage* wanted = candidate.find(package.nevra.name);
        const bool leaves = wanted == nullptr && now && now->find(package.nevra.name) != nullptr;
        if ((wanted != nullptr && !(wanted->identity == package)) || leaves) {
            builds[package.nevra.name].first = package.nevra.str();
        } else if (wanted != nullptr) {
            builds[package.nevra.name] = {true, true}; // stays
        }
    }
    for (const HeldPackage& package : candidate.packages) {
        auto& build = builds[package.identity.nevra.name];
        if (build.first.flag() == nullptr) {
            build.second = package.identity.nevra.str();
        }
    }
    base::Array packages;
    for (const auto& [name, build] : builds) {
        if (build.first.flag() == nullptr) {
            packages.push_back(base::Object{{"name", name}, {"from", build.first}, {"to", build.second}});
        }
    }
    ConfigSet config(host_.files, host_.root);
    base::Array files;
    std::size_t diff_bytes = 0;
    const auto compare = [&](const std::string& path, const std::string& after) {
        const FileState there = config.look(path);
        std::string diff = unified_diff(there.bytes.value_or(""), after, path);
        if (diff.empty() && !there.bytes) {
            diff = fmt::format("--- {}\n+++ {}\n", path, path);
        }
        if (!diff.empty()) {
            diff_bytes += diff.size();
            if (diff_bytes > most_diff_bytes) {
                diff = fmt::format("--- {}\n+++ {}\n@@ not shown: too long @@\n", path, path);
            }
            files.push_back(base::Object{{"path", path}, {"diff", std::move(diff)}});
        }
    };
    for (const ConfigFile& file : candidate.config) {
        compare(file.path, file.bytes);
    }
    for (const ConfigFile& file : now ? now->config : std::vector<ConfigFile>{}) {
        const bool stays = std::any_of(candidate.config.begin(), candidate.config.end(),
                                       [&](const ConfigFile& one) { return one.path == file.path; });
        if (!stays) {
            compare(file.path, "");
        }
    }
    const std::vector<ServiceAction> service_actions = actions(services_.of(candidate.component), candidate);
    base::Object detail{{"changed", !packages.empty() || !files.empty() || !service_actions.empty()}};
    detail.set("packages", std::move(packages));
    detail.set("config", std::move(files));
    restarts(detail, service_actions);
    detail.set("validated", "staged");
    detail.set("present", transaction_.present(candidate.component).str());
    detail.set("installed", now.has_value());
    return detail;
}

Report Executor::drain(const Order& order, Report report) {
    const bool drained = drain_.drain(order.component, generations_.current(order.component));
    return done(std::move(report), {{"drained", drained}});
}

Report Executor::undrain(const Order& order, Report report) {
    const bool undrained = drain_.undrain(order.component);
    return done(std::move(report), {{"undrained", undrained}});
}

Report Executor::apply(const Order& order, Report report) {
    // Begun before a kill: the host transaction was finished by recover(), one way or the other.
    std::optional<Change> change = transaction_.of_order(order.id);
    if (!change) {
        const base::Fields body = body_of(order);
        if (const auto reason = generations_.quarantined(order.component)) {
            return refused(std::move(report), "quarantined", *reason);
        }
        const auto candidate =
            generations_.candidate(order.component, base::Digest::parse(body.text("desired_digest")));
        if (!candidate) {
            return refused(
                std::move(report), "refused",
                fmt::format("component '{}' was not prepared for this; prepare it first", order.component));
        }
        if (const auto expected = body.maybe_text("present");
            expected && base::Digest::parse(*expected) != transaction_.present(order.component)) {
            return refused(std::move(report), "refused",
                           fmt::format("component '{}' is not as it was when this was planned; plan again",
                                       order.component));
        }
        change = transaction_.apply(order.id, order.run, *candidate);
    }
    if (change->state != Change::State::Done) {
        return refused(std::move(report),
                       change->state == Change::State::Quarantined ? "quarantined" : "failed",
                       outcome(*change));
    }
    base::Object detail;
    restarts(detail, actions(services_.of(order.component), generations_.current(order.component)));
    detail.set("generation", generations_.current_id(order.component).value_or(0));
    return done(std::move(report), std::move(detail));
}

Report Executor::restart(const Order& order, Report report) {
    const Upkeep upkeep =
        bring_up(services_, host_.services, order.component, generations_.current(order.component));
    return done(std::move(report), {{"restarted", upkeep.restarted},
                                    {"reloaded", upkeep.reloaded},
                                    {"started", upkeep.started},
                                    {"stopped", upkeep.stopped}});
}

Report Executor::probe(const Order& order, Report report) {
    std::vector<rpm::Probe> probes;
    if (const auto generation = generations_.current(order.component)) {
        for (const rpm::About& about : generation->abouts) {
            probes.insert(probes.end(), about.health.begin(), about.health.end());
        }
    }
    for (const base::Fields& consumed : body_of(order).records("availability")) {
        probes.push_back(reachability(consumed.text("service"), consumed.text("address"),
                                      static_cast<int>(consumed.whole("port", 1, 65535))));
    }
    base::Array checks;
    std::string failed;
    std::string unknown;
    for (const rpm::Probe& probe : probes) {
        ProbeTime time;
        time.pause = host_.pause;
        const CheckResult result = check(probe, host_.processes, time);
        const bool passed = result.verdict == CheckResult::Verdict::Pass;
        checks.push_back(base::Object{{"name", result.name}, {"ok", passed}, {"reason", result.reason}});
        if (!passed) {
            std::string& list = result.verdict == CheckResult::Verdict::Fail ? failed : unknown;
            list += fmt::format("{}check '{}': {}", list.empty() ? "" : "; ", result.name, result.reason);
        }
    }
    base::Object detail{{"checks", std::move(checks)}};
    if (failed.empty() && unknown.empty()) {
        return done(std::move(report), std::move(detail));
    }
    report.detail = std::move(detail);
    return refused(std::move(report), failed.empty() ? "inconclusive" : "failed",
                   failed.empty() ? unknown : failed);
}

Report Executor::undo(const Order& order, Report report) {
    const std::string run = body_of(order).text("run", order.run);
    std::optional<Change> change = transaction_.of_order(order.id);
    bool undone = change.has_value();
    if (!change) {
        if (!transaction_.can_undo(run, order.component)) {
            return done(std::move(report),
                        {{"undone", false}, {"present", transaction_.present(order.component).str()}});
        }
        // While their packages are still there: a stop command may be in one of them.
        const auto before = transaction_.generation_before(run, order.component);
        Upkeep stopped;
        stop_leftover_services(services_, host_.services, order.component,
                               before ? std::optional(generations_.load(*before)) : std::nullopt, stopped);
        change = transaction_.undo(order.id, run, order.component);
        undone = change.has_value();
    }
    if (change && change->state != Change::State::Done) {
        return refused(std::move(report),
                       change->state == Change::State::Quarantined ? "quarantined" : "failed",
                       outcome(*change));
    }
    const Upkeep upkeep =
        bring_up(services_, host_.services, order.component, generations_.current(order.component));
    return done(std::move(report), {{"undone", undone},
                                    {"present", transaction_.present(order.component).str()},
                                    {"restarted", upkeep.restarted},
                                    {"reloaded", upkeep.reloaded},
                                    {"started", upkeep.started},
                                    {"stopped", upkeep.stopped}});
}

Report Executor::settle(const Order& order, Report report) {
    const base::Fields body = body_of(order);
    const std::string release = body.text("release");
    const auto generation = generations_.current(order.component);
    if (!generation || generation->release != release) {
        return refused(
            std::move(report), "refused",
            fmt::format("component '{}' is {} here, not release '{}'", order.component,
                        generation ? "release '" + generation->release + "'" : std::string("not installed"),
                        release));
    }
    generations_.settle(order.component, body.flag("known_good", false));
    return done(std::move(report), {});
}

std::vector<Executor::ComponentStatus> Executor::status() {
    std::vector<ComponentStatus> list;
    for (const std::string& component : generations_.components()) {
        const Generation generation = *generations_.current(component);
        ComponentStatus status;
        status.component = component;
        status.release = generation.release;
        status.reason = generations_.quarantined(component).value_or("");
        status.state = !status.reason.empty()  ? "quarantined"
                       : generation.known_good ? "known-good"
                                               : "applied";
        status.present = transaction_.present(component);
        status.drained = drain_.drained(component);
        status.generation = generation.id;
        for (const ServiceAction& action : actions(services_.of(component), generation)) {
            status.pending.push_back(fmt::format("service '{}': {}", action.name, action.reason));
        }
        list.push_back(std::move(status));
    }
    return list;
}

} // namespace ctl_client
