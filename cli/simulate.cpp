// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel simulate`: a workflow against thousands of virtual nodes, before it meets real ones.
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/nouns.hpp"
#include "cli/parameters.hpp"
#include "cli/simulated.hpp"
#include "cli/terminal.hpp"
#include "workflows/engine/plan.hpp"
#include "workflows/simulator/fleet.hpp"
#include "workflows/simulator/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <iostream>
#include <thread>

namespace cli {

namespace {

namespace engine = workflows::engine;
namespace simulator = workflows::simulator;
using simulator::Played;
using simulator::Scenario;
using simulator::Swept;

constexpr int a_law_broke = 3;
constexpr std::size_t default_nodes = 100;

std::uint64_t number(const Arguments& arguments, const std::string& option, std::uint64_t absent,
                     std::uint64_t most) {
    const std::optional<std::string> text = arguments.maybe(option);
    if (!text) {
        return absent;
    }
    std::uint64_t value = 0;
    const char* end = text->data() + text->size();
    const auto [last, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc() || last != end || value > most) {
        throw base::Error(base::Fault::Input, "{} '{}' is not a number from 0 to {}", option, *text, most);
    }
    return value;
}

/// What the options say, for each seed anew.
class Simulated {
public:
    explicit Simulated(const Arguments& arguments)
        : workflow_(workflow(arguments)),
          faults_(simulator::Faults::profile(arguments.maybe("--faults").value_or("none"))),
          small_(arguments.flag("--sweep") && !arguments.flag("--nodes")),
          has_faults_(arguments.flag("--faults")), params_(parameters(arguments)), fleet_(fleet(arguments)) {
        // A wrong workflow or parameter is an error here, not a thousand of them.
        const Scenario first = scenario(1);
        if (!small_ && !first.source.empty()) {
            engine::Script script(first.source, workflow_.name + ".lua", first.input.params,
                                  engine::ScriptModel::of(first.input));
            const auto next = [&](const std::optional<engine::Answer>& answer) {
                return script.resume(answer);
            };
            if (const std::optional<std::string> misuse = engine::misuse_in(first.input, next, {})) {
                throw base::Error(base::Fault::Input, "workflow '{}' cannot run: {}", workflow_.name,
                                  *misuse);
            }
        }
    }

    Scenario scenario(std::uint64_t seed) const {
        if (small_) {
            Scenario one = workflow_.kind == engine::RunKind::Rollback
                               ? simulator::random_rollback(seed)
                               : simulator::random_scenario(workflow_, seed);
            for (const base::Member& given : params_.members) {
                one.input.params.set(given.name, given.value);
            }
            one.faults = has_faults_ ? faults_ : one.faults;
            return one;
        }
        return {fleet_.input(workflow_, params_), workflow_.source, faults_, seed, {}, {}, {}, std::nullopt};
    }

private:
    static simulator::Workflow workflow(const Arguments& arguments) {
        simulator::Workflow found = find_workflow(arguments.text("WORKFLOW"), arguments.directory);
        const bool rollback = found.kind == engine::RunKind::Rollback;
        if (rollback && !arguments.texts("--param").empty()) {
            throw base::Error(base::Fault::Input, "'{}' has no parameters", found.name);
        }
        if (rollback && arguments.flag("--operation")) {
            throw base::Error(base::Fault::Input, "'{}' is no operation; leave --operation out", found.name);
        }
        found.kind = arguments.flag("--operation") ? engine::RunKind::Operation : found.kind;
        return found;
    }
    static simulator::Fleet fleet(const Arguments& arguments) {
        const auto nodes = static_cast<std::size_t>(number(arguments, "--nodes", default_nodes, 1'000'000));
        if (const std::optional<std::string> app = arguments.maybe("--app")) {
            if (arguments.flag("--levels")) {
                throw base::Error(base::Fault::Input,
                                  "--app and --levels contradict each other; an application has its levels");
            }
            return find_fleet(*app, arguments.directory, nodes);
        }
        return simulator::Fleet::of_levels(static_cast<std::size_t>(number(arguments, "--levels", 3, 1000)),
                                           nodes);
    }

    simulator::Workflow workflow_;
    simulator::Faults faults_;
    bool small_;
    bool has_faults_;
    base::Object params_;
    simulator::Fleet fleet_;
};

base::Array texts(const std::vector<std::string>& list) {
    base::Array array;
    for (const std::string& text : list) {
        array.emplace_back(text);
    }
    return array;
}

base::Object numbers(const std::map<std::string, std::size_t>& counts) {
    base::Object record;
    for (const auto& [name, count] : counts) {
        record.set(name, static_cast<std::int64_t>(count));
    }
    return record;
}

std::string in_words(const std::map<std::string, std::size_t>& counts) {
    std::string text;
    for (const auto& [name, count] : counts) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    }
    return text;
}

/// The same again, with this seed: for whoever wants to look.
std::string repeat(const Arguments& arguments, std::uint64_t seed) {
    std::string text = "tiercel simulate " + arguments.text("WORKFLOW");
    for (const char* option : {"--app", "--levels", "--nodes", "--faults"}) {
        if (const std::optional<std::string> value = arguments.maybe(option)) {
            text += fmt::format(" {} {}", option, *value);
        }
    }
    for (const std::string& param : arguments.texts("--param")) {
        text += " --param " + param;
    }
    text += arguments.flag("--operation") ? " --operation" : "";
    const bool small = arguments.flag("--sweep") && !arguments.flag("--nodes");
    return text + (small ? " --sweep 1" : "") + fmt::format(" --seed {} --full", seed);
}

void print(const simulator::Timeline& timeline) {
    std::size_t widest = 0;
    for (const simulator::Timeline::Line& line : timeline.lines()) {
        widest = std::max(widest, line.what.size());
    }
    for (const simulator::Timeline::Line& line : timeline.lines()) {
        std::cout << fmt::format("{:>8}  {:<{}}  ", simulator::clock_text(line.at), printable(line.what),
                                 widest)
                  << printable(line.detail) << "\n";
    }
}

int one(const Simulated& simulated, const Arguments& arguments, std::uint64_t seed) {
    simulator::Timeline timeline(arguments.flag("--full"));
    const Played played = simulator::play(simulated.scenario(seed), &timeline);
    const int code = played.broken.empty() ? 0 : a_law_broke;
    if (arguments.json) {
        base::Array lines;
        for (const simulator::Timeline::Line& line : timeline.lines()) {
            lines.push_back(
                base::Object{{"at", base::to_text(line.at)}, {"what", line.what}, {"detail", line.detail}});
        }
        std::cout << base::to_json(base::Object{{"seed", std::to_string(seed)},
                                                {"outcome", played.outcome},
                                                {"reason", played.reason},
                                                {"counts", numbers(played.counts)},
                                                {"lasted", base::to_text(played.lasted)},
                                                {"events", played.events},
                                                {"orders", played.orders},
                                                {"crashes", played.crashes},
                                                {"broken", texts(played.broken)},
                                                {"timeline", std::move(lines)}})
                  << "\n";
        return code;
    }
    if (!arguments.quiet) {
        print(timeline);
    }
    std::cout << paint(Color::Bold, played.outcome) << " after " << simulator::clock_text(played.lasted)
              << ": " << in_words(played.counts) << "; " << played.orders << " orders, " << played.events
              << " events";
    if (played.crashes > 0) {
        std::cout << ", the dispatcher was killed "
                  << count(static_cast<std::size_t>(played.crashes), "time");
    }
    std::cout << "\n";
    for (const std::string& law : played.broken) {
        std::cout << paint(Color::Red, law) << "\n";
    }
    std::cout << (played.broken.empty() ? "no law broke" : "again: " + repeat(arguments, seed)) << "\n";
    return code;
}

/// Seeds on all cores; the engine has no thread, each simulation has its own.
Swept on_all_cores(const Simulated& simulated, std::uint64_t first, std::size_t seeds) {
    const std::size_t workers =
        std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, std::max<std::size_t>(1, seeds));
    std::vector<Swept> parts(workers);
    std::vector<std::exception_ptr> failed(workers);
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < workers; ++worker) {
        threads.emplace_back([&, worker] {
            try {
                parts[worker] = simulator::sweep(
                    [&](std::uint64_t seed) { return simulated.scenario(seed); }, first + worker,
                    seeds / workers + (worker < seeds % workers ? 1 : 0), workers);
            } catch (...) { // the wall of this thread: told by the one that waits for it
                failed[worker] = std::current_exception();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    Swept all;
    for (std::size_t worker = 0; worker < workers; ++worker) {
        if (failed[worker]) {
            std::rethrow_exception(failed[worker]);
        }
        all.add(parts[worker]);
    }
    return all;
}

int many(const Simulated& simulated, const Arguments& arguments, std::uint64_t first, std::size_t seeds) {
    const auto began = std::chrono::steady_clock::now();
    const Swept swept = on_all_cores(simulated, first, seeds);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double speed = static_cast<double>(swept.seeds) / std::max(seconds, 0.001);
    const int code = swept.broken.empty() ? 0 : a_law_broke;
    if (arguments.json) {
        base::Array broken;
        for (const Swept::Broken& each : swept.broken) {
            broken.push_back(base::Object{{"seed", std::to_string(each.seed)}, {"law", each.law}});
        }
        std::cout << base::to_json(base::Object{{"seeds", static_cast<std::int64_t>(swept.seeds)},
                                                {"seeds_per_second", speed},
                                                {"events", swept.events},
                                                {"outcomes", numbers(swept.outcomes)},
                                                {"broken", std::move(broken)}})
                  << "\n";
        return code;
    }
    std::vector<std::vector<std::string>> rows{{"OUTCOME", "SEEDS"}};
    for (const auto& [outcome, times] : swept.outcomes) {
        rows.push_back({outcome, std::to_string(times)});
    }
    std::cout << table(rows)
              << fmt::format("{} seeds, {:.0f} a second, {} events\n", swept.seeds, speed, swept.events);
    for (const Swept::Broken& each : swept.broken) {
        std::cout << paint(Color::Red, each.law) << "\n  again: " << repeat(arguments, each.seed) << "\n";
    }
    std::cout << (swept.broken.empty() ? "no law broke" : "a law broke") << "\n";
    return code;
}

int simulate(const Arguments& arguments) {
    const Simulated simulated(arguments);
    const std::uint64_t seed = number(arguments, "--seed", 1, UINT64_MAX);
    const std::uint64_t seeds = number(arguments, "--sweep", 0, 1'000'000'000);
    return seeds > 1 ? many(simulated, arguments, seed, static_cast<std::size_t>(seeds))
                     : one(simulated, arguments, seed);
}

} // namespace

std::vector<Verb> simulate_verbs() {
    return {
        {"",
         "simulate",
         "Run a workflow against a virtual fleet and check the laws after each step",
         "tiercel simulate rolling --app shop --nodes 10000 --seed 7 --faults rough",
         {{"WORKFLOW", "a stock workflow (rolling), or a .lua file", Option::Kind::Positional, true},
          {"--app", "application of the project (shop), an app.lua, or a directory with one",
           Option::Kind::Text, false},
          {"--levels", "instead of --app: so many levels of one component each; 3 when absent",
           Option::Kind::Text, false},
          {"--nodes",
           "how many nodes, dealt out to the components; 100 when absent, in a sweep few and "
           "by chance",
           Option::Kind::Text, false},
          {"--seed", "names the course of events; 1 when absent", Option::Kind::Text, false},
          {"--faults", "none, light, rough or hostile; none when absent, in a sweep by chance",
           Option::Kind::Text, false},
          {"--param", "parameter of the workflow, NAME=VALUE; may be repeated", Option::Kind::Texts, false},
          {"--operation",
           "as 'tiercel run start' starts it, on the release that is there; when absent what updates is a "
           "deployment",
           Option::Kind::Flag, false},
          {"--full", "each event, order and change instead of batches", Option::Kind::Flag, false},
          {"--sweep", "so many seeds, on all cores", Option::Kind::Text, false}},
         simulate}};
}

} // namespace cli
