// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/executor.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "ctl-client/cancellation.hpp"
#include "ctl-client/command_run.hpp"
#include "ctl-client/http_get.hpp"
#include "ctl-client/measurement.hpp"
#include "ctl-client/planned_changes.hpp"
#include "templates/template.hpp"

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

constexpr std::size_t most_reason_bytes = 8u << 10;

base::Fields body_of(const Order& order) {
    return base::Fields(order.body, "order '" + order.id + "'", "body");
}

base::Object told(const Upkeep& upkeep) {
    return {{"restarted", upkeep.restarted},
            {"reloaded", upkeep.reloaded},
            {"started", upkeep.started},
            {"stopped", upkeep.stopped}};
}

std::string outcome(const Change& change) {
    return change.state == Change::State::Quarantined
               ? fmt::format("component '{}' is neither here nor there and is quarantined: {}",
                             change.component, change.reason)
               : change.reason;
}

} // namespace

Executor::Executor(base::Database& database, Host host)
    : host_(std::move(host)), journal_(database), generations_(database, host_.state),
      transaction_(database, generations_, host_.state, host_.packages, host_.files, host_.root),
      preparation_({generations_, host_.state, host_.packages, host_.files, host_.programs, host_.root,
                    host_.source, host_.manifest_source}),
      services_(database), drain_(database, host_.files, host_.pause), hooks_(host_.programs) {}

void Executor::recover() {
    transaction_.recover();
}

bool Executor::perform_next() {
    const bool cancelled = carry_out_cancels(journal_, host_.interruption);
    const std::optional<Journal::Entry> entry = journal_.next(host_.clock.now());
    if (!entry) {
        return cancelled;
    }
    // Whoever finds it begun in the journal finds it here, too.
    host_.interruption.begin(entry->order.id, journal_.is_cancelled(entry->order.id));
    resumed_ = entry->begun;
    if (!journal_.begin(entry->order.id)) {
        host_.interruption.end();
        return true;
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
    journal_.finish(report, host_.interruption.ended_so_far());
    host_.interruption.end();
    return true;
}

Report Executor::perform(const Order& order) {
    Report report = carry_out(order);
    if (const std::vector<std::string> warnings = hooks_.take_warnings(); !warnings.empty()) {
        base::Object detail = report.detail.object() != nullptr ? *report.detail.object() : base::Object{};
        detail.set("warnings", warnings);
        report.detail = std::move(detail);
    }
    if (!report.ok && host_.interruption.asked() && report.code == "failed") {
        report.code = "cancelled";
    }
    return report;
}

Report Executor::carry_out(const Order& order) {
    using Step = Report (Executor::*)(const Order&, Report);
    static const std::map<std::string_view, Step> steps{
        {"prepare", &Executor::prepare}, {"drain", &Executor::drain},     {"apply", &Executor::apply},
        {"restart", &Executor::restart}, {"probe", &Executor::probe},     {"undrain", &Executor::undrain},
        {"undo", &Executor::undo},       {"settle", &Executor::settle},   {"stop", &Executor::stop},
        {"start", &Executor::start},     {"command", &Executor::command}, {"measure", &Executor::measure}};
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
    const std::optional<base::Fields> manifest = body.record("manifest");
    if (!manifest) {
        body.fail("manifest", "'manifest' is missing");
    }
    const std::string envelope = preparation_.envelope(dispatcher::protocol::EnvelopeName::from(*manifest));
    const Wanted wanted = Wanted::checked(*desired, envelope, host_.release_keys);
    if (wanted.component.str() != order.component) {
        body.fail("desired", fmt::format("the order is for component '{}', but wants '{}'", order.component,
                                         wanted.component));
    }
    Generation candidate = preparation_.make(wanted);
    if (const auto now = generations_.current(order.component)) {
        preparation_.require_held(now->packages);
    }
    host_.interruption.check();
    const std::vector<std::string> objections = transaction_.objections(candidate, order.run);
    if (!objections.empty()) {
        std::string reason;
        for (const std::string& objection : objections) {
            reason += (reason.empty() ? "" : "; ") + objection;
        }
        return refused(std::move(report), "refused", std::move(reason));
    }
    base::Object detail = changes(candidate, due(services_, host_.services, candidate.component, candidate));
    detail.set("present", transaction_.present(candidate.component, order.run).str());
    if (!body.flag("plan", false)) {
        generations_.record_candidate(candidate, order.run);
    }
    return done(std::move(report), std::move(detail));
}

base::Object Executor::changes(const Generation& candidate, const std::vector<ServiceAction>& acts) {
    return planned_changes(candidate, generations_.current(candidate.component), host_.packages.installed(),
                           ConfigSet(host_.files, host_.root), acts);
}

Report Executor::drain(const Order& order, Report report) {
    const auto now = generations_.current(order.component);
    const auto coming = generations_.candidate_of_run(order.component, order.run);
    int ran = hooks_.run("before-drain", now, coming);
    const bool drained = drain_.drain(order.component, now);
    ran += hooks_.run("after-drain", now, coming);
    return done(std::move(report), {{"drained", drained || ran > 0}});
}

Report Executor::undrain(const Order& order, Report report) {
    const auto now = generations_.current(order.component);
    hooks_.run("before-undrain", now);
    const bool undrained = drain_.undrain(order.component);
    hooks_.run("after-undrain", now);
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
            expected && base::Digest::parse(*expected) != transaction_.present(order.component, order.run)) {
            return refused(std::move(report), "refused",
                           fmt::format("component '{}' is not as it was when this was planned; plan again",
                                       order.component));
        }
        hooks_.run("before-apply", generations_.current(order.component), candidate);
        host_.interruption.check();
        const Interruption::Whole whole(host_.interruption, "the change of packages and config");
        change = transaction_.apply(order.id, order.run, *candidate);
    }
    if (change->state != Change::State::Done) {
        return refused(std::move(report),
                       change->state == Change::State::Quarantined ? "quarantined" : "failed",
                       outcome(*change));
    }
    const auto now = generations_.current(order.component);
    hooks_.run("after-apply", now);
    base::Object detail;
    tell_actions(detail, due(services_, host_.services, order.component, now));
    detail.set("generation", generations_.current_id(order.component).value_or(0));
    return done(std::move(report), std::move(detail));
}

Upkeep Executor::bring_up(const std::string& component, bool all) {
    const Interruption::Whole whole(host_.interruption, "the change of services");
    services_.set_stopped(component, false);
    return ctl_client::bring_up(services_, host_.services, component, generations_.current(component), all);
}

Report Executor::restart(const Order& order, Report report) {
    const auto now = generations_.current(order.component);
    hooks_.run("before-restart", now);
    host_.interruption.check();
    const Upkeep upkeep = bring_up(order.component, body_of(order).flag("all", false));
    hooks_.run("after-restart", now);
    return done(std::move(report), told(upkeep));
}

Report Executor::start(const Order& order, Report report) {
    const auto now = generations_.current(order.component);
    hooks_.run("before-start", now);
    host_.interruption.check();
    const Upkeep upkeep = bring_up(order.component);
    hooks_.run("after-start", now);
    return done(std::move(report), told(upkeep));
}

Report Executor::stop(const Order& order, Report report) {
    const auto now = generations_.current(order.component);
    hooks_.run("before-stop", now);
    Upkeep upkeep;
    {
        host_.interruption.check();
        const Interruption::Whole whole(host_.interruption, "the stop of services");
        services_.set_stopped(order.component, true);
        upkeep = bring_down(services_, host_.services, order.component, now);
    }
    hooks_.run("after-stop", now);
    return done(std::move(report), {{"stopped", upkeep.stopped}});
}

Report Executor::command(const Order& order, Report report) {
    const auto now = generations_.current(order.component);
    const rpm::PackagedCommand& packaged =
        packaged_command(now, order.component, body_of(order).text("name"));
    const auto began = std::chrono::steady_clock::now();
    const auto outcome =
        resumed_ ? host_.programs.left_behind(order.id) : run_command(packaged, host_.programs);
    if (!outcome) {
        return refused(std::move(report), "lost",
                       fmt::format("command '{}' was begun, and nobody knows how it ended: {} was killed",
                                   packaged.name, resumed_ ? "the client" : "its keeper"));
    }
    base::Object detail{{"exit_code", outcome->exit_code},
                        {"changed", !outcome->timed_out && packaged.has_changed(outcome->exit_code)},
                        {"output", outcome->output}};
    if (!resumed_) {
        detail.set("duration", base::to_text(std::chrono::duration_cast<base::Duration>(
                                   std::chrono::steady_clock::now() - began)));
    }
    const std::string objection = ctl_client::objection(packaged, *outcome);
    report = done(std::move(report), std::move(detail));
    return objection.empty() ? report : refused(std::move(report), "failed", objection);
}

double Executor::measured(const base::Fields& body, const std::string& component) {
    const auto now = generations_.current(component);
    if (const auto name = body.maybe_text("command")) {
        const rpm::PackagedCommand& packaged = packaged_command(now, component, *name);
        const auto outcome = run_command(packaged, host_.programs);
        const std::string objection =
            outcome ? ctl_client::objection(packaged, *outcome) : "its keeper was killed";
        if (!objection.empty()) {
            throw base::Error(base::Fault::Unavailable, "{}", objection);
        }
        return number_in_last_line(outcome->output);
    }
    const auto http = body.record("http");
    if (!http) {
        body.fail("http", "a measurement needs 'command', or 'http' with url and path");
    }
    if (!now) {
        throw base::Error(base::Fault::Unavailable, "component '{}' is not installed here", component);
    }
    const base::Value desired = base::parse_json(now->desired, "desired");
    const base::Value* settings = desired.object()->find("settings");
    const std::string url = templates::render(
        http->text("url"),
        variables_of(desired,
                     settings != nullptr && settings->object() != nullptr ? *settings->object()
                                                                          : base::Object{},
                     node_root(host_.root)),
        "url of measurement");
    constexpr std::size_t most_bytes = 4u << 20;
    const Deadline deadline =
        std::chrono::steady_clock::now() + body.duration("timeout", std::chrono::seconds(10));
    return number_at(base::parse_json(http_body(url, deadline, most_bytes), url), http->text("path"));
}

Report Executor::measure(const Order& order, Report report) {
    const base::Fields body = body_of(order);
    const std::string name = body.text("name");
    try {
        return done(std::move(report), {{"value", measured(body, order.component)}});
    } catch (const base::Error& error) {
        // What could not be measured is no bad value (law 15); what is not to be is another matter.
        if (error.fault() == base::Fault::Denied || host_.interruption.asked()) {
            throw;
        }
        return refused({}, "inconclusive",
                       fmt::format("'{}' could not be measured: {}", name, error.message()));
    }
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
        const CheckResult result = check(probe, host_.programs, time);
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
            const bool stopped = services_.stopped(order.component);
            base::Object detail = stopped ? told(bring_up(order.component)) : base::Object{};
            detail.set("undone", false);
            detail.set("present", transaction_.present(order.component, run).str());
            return done(std::move(report), std::move(detail));
        }
        hooks_.run("before-undo", generations_.current(order.component), std::nullopt, Hooks::Mercy::All);
        const Interruption::Whole whole(host_.interruption, "the way back of packages and config");
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
    base::Object detail = told(bring_up(order.component));
    hooks_.run("after-undo", generations_.current(order.component));
    detail.set("undone", undone);
    detail.set("present", transaction_.present(order.component, run).str());
    return done(std::move(report), std::move(detail));
}

Report Executor::settle(const Order& order, Report report) {
    const base::Fields body = body_of(order);
    const std::string release = body.text("release");
    auto generation = generations_.current(order.component);
    if (!generation || generation->release != release) {
        // A release that changes nothing here is never applied; the node still is of that release from now
        // on.
        const auto coming = generations_.candidate_of_run(order.component, order.run);
        const auto changed = [&] {
            return *changes(*coming, actions(services_.of(order.component), coming)).find("changed")->flag();
        };
        if (coming && coming->release == release && !changed()) {
            generations_.adopt(*coming);
            generation = coming;
        }
    }
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
        status.stopped = services_.stopped(component);
        status.generation = generation.id;
        for (const ServiceAction& action : due(services_, host_.services, component, generation)) {
            status.pending.push_back(fmt::format("service '{}': {}", action.name, action.reason));
        }
        list.push_back(std::move(status));
    }
    return list;
}

} // namespace ctl_client
