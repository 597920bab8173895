// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/patient_script.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "dispatcher/runs/vm_lines.hpp"
#include "workflows/engine/plan.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::chrono::seconds script_patience{30};

/// With one child, line by line.
struct Talk {
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

std::vector<std::string> findings_in(Talk& talk, const std::string& source, const std::string& name) {
    talk.say(check_line(source, name));
    return findings_of(talk.line());
}

/// "release 'shop/2.0' brings workflow 'fast', which cannot run: fast:12:9: …; and 2 more"
void check_text(Talk& talk, const Composition& composition, const std::string& name,
                const std::string& source) {
    const std::vector<std::string> findings = findings_in(talk, source, name);
    if (!findings.empty()) {
        throw base::Error(base::Fault::Input, "workflow '{}' of release '{}' cannot run: {}{}", name,
                          composition.input.release, findings.front(),
                          findings.size() == 1 ? "" : fmt::format("; and {} more", findings.size() - 1));
    }
}

} // namespace

struct PatientScript::State : Talk {};

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

std::vector<std::string> findings_in(const std::string& source, const std::string& name) {
    Talk talk;
    return findings_in(talk, source, name);
}

void check_workflows(const Composition& composition) {
    if (composition.workflows.empty()) {
        return;
    }
    Talk talk;
    for (const auto& [name, source] : composition.workflows) {
        check_text(talk, composition, name, source);
    }
    const engine::RunInput& input = composition.input;
    const engine::Script::Step first = PatientScript(script_start(input)).next(std::nullopt);
    if (const auto ended = engine::end_in(first); ended && !ended->ok) {
        throw base::Error(base::Fault::Input, "workflow '{}' cannot run: {}", input.workflow, ended->error);
    }
}

void try_workflow(const Composition& composition, base::Time now) {
    const engine::RunInput& input = composition.input;
    if (composition.workflows.empty()) {
        return;
    }
    PatientScript script(script_start(input));
    const auto next = [&](const std::optional<engine::Answer>& answer) {
        return script.next(answer);
    };
    if (const std::optional<std::string> misuse = engine::misuse_in(input, next, now)) {
        throw base::Error(base::Fault::Input, "workflow '{}' cannot run: {}", input.workflow, *misuse);
    }
}

} // namespace dispatcher::runs
