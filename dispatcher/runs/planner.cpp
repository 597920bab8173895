// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/planner.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "dispatcher/runs/vm_lines.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::chrono::seconds time_to_answer{60};
constexpr std::chrono::seconds script_patience{30};

base::Value target_value(const engine::Target& target) {
    return base::Object{{"component", target.component.str()}, {"node", target.node.str()}};
}

} // namespace

// ---- asking the nodes ----

struct Planner::Question {
    Composition composition;
    std::map<std::int64_t, engine::Target> asked; ///< by order number, while unanswered
    std::function<void(Answers)> done;
};

Planner::Planner(World& world, const Composer& composer)
    : world_(world), composer_(composer), orders_(world.database), records_(world.database) {}

void Planner::ask(const RunRequest& request, const std::string& actor, std::function<void(Answers)> done) {
    const base::Time now = world_.alarms.now();
    const std::string plan = base::make_ulid(now);
    auto question = std::make_shared<Question>(Question{composer_.compose(request), {}, std::move(done)});
    std::vector<OrderRecord> orders;
    {
        base::Transaction transaction(world_.database);
        records_.remember_plan(question->composition.input.hash().str(),
                               question->composition.input.to_value(), actor, now);
        std::int64_t number = 0;
        for (const engine::Desired& desired : question->composition.input.targets) {
            if (!world_.fleet.online(desired.target.node)) {
                continue;
            }
            const protocol::Order text{.id = base::make_ulid(now),
                                       .run = plan,
                                       .epoch = records_.current_epoch(),
                                       .expires = now + time_to_answer,
                                       .component = desired.target.component.str(),
                                       .kind = "prepare",
                                       .body = base::Object{{"desired", desired.document},
                                                            {"manifest", question->composition.envelope},
                                                            {"plan", true}}};
            orders.push_back({.id = text.id,
                              .run = plan,
                              .number = ++number,
                              .node = desired.target.node.str(),
                              .component = text.component,
                              .kind = text.kind,
                              .text = text.text(),
                              .expires = text.expires});
            orders_.add(orders.back(), now);
            question->asked.emplace(number, desired.target);
        }
        transaction.commit();
    }
    base::log(base::LogLevel::Info, "plan requested",
              {{"plan", plan},
               {"environment", request.environment},
               {"actor", actor},
               {"asked", std::int64_t(orders.size())}});
    open_[plan] = question;
    world_.alarms.wake(orders.empty() ? now : now + time_to_answer, [this, plan] { finish(plan); });
    for (const OrderRecord& order : orders) {
        world_.fleet.send(order);
    }
}

void Planner::reported(const std::string& plan) {
    const auto question = open_.find(plan);
    if (question == open_.end()) {
        return;
    }
    if (orders_.unanswered(plan).empty()) {
        finish(plan);
    }
}

void Planner::finish(const std::string& plan) {
    const auto found = open_.find(plan);
    if (found == open_.end()) {
        return;
    }
    const std::shared_ptr<Question> question = found->second;
    open_.erase(found);
    Answers answers{question->composition, {}, {}, {}};
    std::set<engine::Target> silent;
    for (const engine::Desired& desired : question->composition.input.targets) {
        answers.prepared[desired.target] = base::Value();
        silent.insert(desired.target);
    }
    for (const auto& [order, report] : orders_.reports(plan)) {
        const engine::Target& target = question->asked.at(order.number);
        silent.erase(target);
        if (report.ok) {
            answers.prepared[target] = report.detail;
        } else {
            answers.refused.emplace_back(target, report.reason.empty() ? report.code : report.reason);
        }
    }
    answers.unreachable.assign(silent.begin(), silent.end());
    try {
        base::Transaction transaction(world_.database);
        orders_.void_unanswered(plan);
        transaction.commit();
    } catch (const base::Error& error) {
        // They expire by themselves.
        base::log(base::LogLevel::Warning, "plan could not be closed",
                  {{"plan", plan}, {"error", error.message()}});
    }
    question->done(std::move(answers));
}

// ---- running the script ----

struct PatientScript::State {
    base::Child child{{vm_program().string()}};
    std::string heard;
    std::chrono::steady_clock::time_point end = std::chrono::steady_clock::now() + script_patience;

    void wait_for(int descriptor, short events) const {
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
            pollfd entry{descriptor, events, 0};
            const int ready = left.count() <= 0 ? 0 : ::poll(&entry, 1, static_cast<int>(left.count()));
            if (ready > 0) {
                return;
            }
            if (ready == 0) {
                throw base::Error(base::Fault::Unavailable,
                                  std::string("workflow script did not come to an end within 30 s"));
            }
            if (errno != EINTR) {
                throw base::Error(base::Fault::Unavailable, "program 'workflow-vm' cannot be spoken with: {}",
                                  base::system_reason(errno));
            }
        }
    }

    void say(std::string_view line) {
        while (!line.empty()) {
            wait_for(child.to(), POLLOUT);
            const ssize_t sent = ::write(child.to(), line.data(), std::min<std::size_t>(line.size(), 4096));
            if (sent < 0 && errno != EINTR) {
                throw base::Error(base::Fault::Unavailable, "program 'workflow-vm' ended early: {}",
                                  base::system_reason(errno));
            }
            line.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
        }
    }

    std::string line() {
        for (;;) {
            if (const std::size_t end_of_line = heard.find('\n'); end_of_line != std::string::npos) {
                const std::string line = heard.substr(0, end_of_line);
                heard.erase(0, end_of_line + 1);
                return line;
            }
            wait_for(child.from(), POLLIN);
            char bytes[4096];
            const ssize_t count = ::read(child.from(), bytes, sizeof bytes);
            if (count == 0 || heard.size() > max_vm_line_bytes) {
                throw base::Error(base::Fault::Unavailable,
                                  std::string("program 'workflow-vm' ended in the middle of a script"));
            }
            if (count > 0) {
                heard.append(bytes, static_cast<std::size_t>(count));
            }
        }
    }
};

PatientScript::PatientScript(const ScriptStart& start) : state_(std::make_unique<State>()) {
    state_->say(start_line(start));
}
PatientScript::~PatientScript() = default;

engine::Script::Step PatientScript::next(const std::optional<engine::Answer>& answer) {
    if (answer) {
        state_->say(answer_line(*answer));
    }
    return step_of(state_->line());
}

base::Value plan_document(const Planner::Answers& answers, base::Time now) {
    const engine::RunInput& input = answers.composition.input;
    PatientScript script(script_start(input));
    const engine::Plan plan = engine::make_plan(
        input, answers.prepared,
        [&](const std::optional<engine::Answer>& answer) { return script.next(answer); }, now);
    base::Value document = plan.to_value();
    base::Object& members = *document.object();
    members.set("hash", input.hash().str());
    members.set("release", input.release.str());
    members.set("from", input.from ? base::Value(input.from->str()) : base::Value());
    base::Array unreachable;
    for (const engine::Target& target : answers.unreachable) {
        unreachable.push_back(target_value(target));
    }
    members.set("unreachable", std::move(unreachable));
    base::Array refused;
    for (const auto& [target, reason] : answers.refused) {
        base::Value entry = target_value(target);
        entry.object()->set("reason", reason);
        refused.push_back(std::move(entry));
    }
    members.set("refused", std::move(refused));
    return document;
}

void check_script(const engine::RunInput& input) {
    if (input.kind != engine::RunKind::Deploy) {
        return;
    }
    const engine::Script::Step first = PatientScript(script_start(input)).next(std::nullopt);
    if (const auto* ended = std::get_if<engine::ScriptEnded>(&first); ended != nullptr && !ended->ok) {
        throw base::Error(base::Fault::Input, "workflow '{}' cannot run: {}", input.workflow, ended->error);
    }
}

} // namespace dispatcher::runs
