// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel workflow`: rollouts as code, before they run.
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/checked_workflows.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/server.hpp"
#include "cli/simulated.hpp"
#include "cli/terminal.hpp"
#include "workflows/engine/methods.hpp"
#include "workflows/engine/native_rollback.hpp"
#include "workflows/engine/script_check.hpp"
#include "workflows/engine/trial_replay.hpp"

#include <algorithm>
#include <iostream>

namespace cli {

namespace {

namespace engine = workflows::engine;

constexpr std::size_t source_limit_bytes = 1u << 20;
constexpr int something_found = 2;
constexpr int other_commands = 3;

/// Whether the run could go on with this text.
engine::TrialReplay replay(const Server& server, const std::string& run, const std::string& file,
                           const std::string& source) {
    const base::Value document = server.get("/v1/runs/" + url_part(run) + "/journal");
    const base::Fields fields(document, "journal of run " + run);
    const engine::RunInput input = engine::RunInput::from_value(*fields.any("input"));
    std::vector<std::pair<engine::Event, base::Time>> journal;
    for (const base::Fields& entry : fields.records("events")) {
        journal.emplace_back(engine::event_from_value(*entry.any("event")),
                             base::from_rfc3339(entry.text("time")));
    }
    engine::Script script(source, file, input.params, engine::ScriptModel::of(input));
    return engine::trial_replay(
        input, journal, [&](const std::optional<engine::Answer>& answer) { return script.resume(answer); });
}

int check(const Arguments& arguments) {
    const std::vector<std::string> files = arguments.texts("FILE");
    const std::optional<std::string> run = arguments.maybe("--replay");
    if (run && files.size() != 1) {
        throw base::Error(base::Fault::Input, "--replay tries one file at a time, but {} are given",
                          files.size());
    }
    base::Array list;
    base::Object document;
    int code = 0;
    for (const std::string& file : files) {
        const std::string source = base::SystemFiles().read(file, source_limit_bytes);
        const std::vector<engine::Finding> findings = engine::check_script(source);
        for (const engine::Finding& finding : findings) {
            list.push_back(finding.to_value(file));
            if (!arguments.json) {
                std::cout << printable(finding.str(file)) << "\n";
            }
        }
        code = findings.empty() ? code : something_found;
        if (run && findings.empty()) {
            const engine::TrialReplay trial = replay(Server::from(arguments), *run, file, source);
            document.set("replay", base::Object{{"run", *run},
                                                {"same", trial.same()},
                                                {"compared", trial.compared},
                                                {"difference", trial.difference},
                                                {"place", trial.place}});
            code = trial.same() ? code : other_commands;
            if (!arguments.json) {
                std::cout << (trial.same()
                                  ? fmt::format("run '{}' can go on with it: the same in {}", *run,
                                                count(static_cast<std::size_t>(trial.compared), "command"))
                                  : fmt::format("run '{}' cannot go on with it: {}{}", *run,
                                                trial.place.empty() ? "it " : trial.place + " ",
                                                trial.difference))
                          << "\n";
            }
        }
    }
    if (arguments.json) {
        document.set("findings", std::move(list));
        std::cout << base::to_json(document) << "\n";
    } else if (code == 0 && !run && !arguments.quiet) {
        std::cout << count(files.size(), "workflow") << ", nothing is wrong\n";
    }
    return code;
}

/// A default as a command line would have it.
std::string default_text(const base::Value& value) {
    if (value.text() != nullptr) {
        return *value.text();
    }
    if (value.array() == nullptr) {
        return base::to_json(value);
    }
    std::string list;
    for (const base::Value& one : *value.array()) {
        list += (list.empty() ? "" : ",") + default_text(one);
    }
    return list;
}

/// The way back is started by a command of its own: that command's options are what it can be told.
std::vector<Option> options_of_rollback() {
    const std::vector<Verb> verbs = deploy_verbs();
    std::vector<Option> options = std::find_if(verbs.begin(), verbs.end(), [](const Verb& verb) {
                                      return verb.verb == engine::rollback_name;
                                  })->options;
    const std::vector<Option> everywhere = Server::options({});
    std::erase_if(options, [&](const Option& option) {
        return std::any_of(everywhere.begin(), everywhere.end(),
                           [&](const Option& other) { return other.name == option.name; });
    });
    return options;
}

int show_rollback(const Arguments& arguments) {
    std::vector<std::vector<std::string>> rows{{"OPTION", "MEANING"}};
    base::Array documents;
    for (const Option& option : options_of_rollback()) {
        rows.push_back({option.name, option.help});
        documents.push_back(base::Object{{"name", option.name}, {"meaning", option.help}});
    }
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"name", engine::rollback_name},
                                                {"summary", engine::rollback_summary},
                                                {"native", true},
                                                {"parameters", base::Array{}},
                                                {"options", std::move(documents)}})
                  << "\n";
        return 0;
    }
    std::cout << paint(Color::Bold, std::string(engine::rollback_name)) << "  " << engine::rollback_summary
              << "\nIt is no script: it works whatever scripts say. Start it with 'tiercel rollback'.\n"
              << table(rows);
    return 0;
}

int show(const Arguments& arguments) {
    const auto [name, source, kind] = find_workflow(arguments.text("WORKFLOW"), {});
    if (kind == engine::RunKind::Rollback) {
        return show_rollback(arguments);
    }
    const engine::Script script(source, name + ".lua", {}, {});
    if (arguments.json) {
        base::Array parameters;
        for (const engine::Script::Parameter& parameter : script.parameters()) {
            parameters.push_back(base::Object{
                {"name", parameter.name}, {"type", parameter.type}, {"default", parameter.absent}});
        }
        std::cout << base::to_json(base::Object{{"name", name},
                                                {"summary", script.summary()},
                                                {"native", false},
                                                {"parameters", std::move(parameters)}})
                  << "\n";
        return 0;
    }
    std::cout << paint(Color::Bold, name)
              << (script.summary().empty() ? "" : "  " + printable(script.summary())) << "\n";
    std::vector<std::vector<std::string>> rows{{"PARAMETER", "TYPE", "DEFAULT"}};
    for (const engine::Script::Parameter& parameter : script.parameters()) {
        rows.push_back({parameter.name, parameter.type, printable(default_text(parameter.absent))});
    }
    if (rows.size() > 1) {
        std::cout << table(rows);
    }
    return 0;
}

int list(const Arguments& arguments) {
    base::Array documents;
    std::vector<std::vector<std::string>> rows{{"WORKFLOW", "SUMMARY"}};
    for (const std::string& known : stock_workflows()) {
        const auto [name, source, kind] = find_workflow(known, {});
        const std::string summary = kind == engine::RunKind::Rollback
                                        ? std::string(engine::rollback_summary)
                                        : engine::Script(source, name + ".lua", {}, {}).summary();
        documents.push_back(base::Object{{"name", name}, {"summary", summary}});
        rows.push_back({name, printable(summary)});
    }
    std::cout << (arguments.json ? base::to_json(base::Object{{"workflows", std::move(documents)}}) + "\n"
                                 : table(rows));
    return 0;
}

int print_annotations(const Arguments&) {
    std::cout << engine::annotations();
    return 0;
}

} // namespace

void check_workflows(const std::string& package, const std::map<std::string, std::string>& workflows) {
    std::string wrong;
    for (const auto& [name, text] : workflows) {
        if (name == engine::rollback_name) {
            wrong +=
                fmt::format("\n{0}.lua: the way back is no script, so that it works whatever scripts say; "
                            "give the workflow another name than '{0}'",
                            name);
        }
        for (const engine::Finding& finding : engine::check_script(text)) {
            wrong += "\n" + finding.str(name + ".lua");
        }
    }
    if (!wrong.empty()) {
        throw base::Error(base::Fault::Input, "package '{}' brings workflows that cannot run:{}", package,
                          wrong);
    }
}

std::vector<Verb> workflow_verbs() {
    return {
        {"workflow", "check",
         "All that is wrong with workflows, with line and column; 0 when nothing is, else 2",
         "tiercel workflow check packages/shop/workflows/*.lua",
         Server::options(
             {{"FILE", "workflows", Option::Kind::Positionals, true},
              {"--replay", "a run: could it go on with this file? 3 when not", Option::Kind::Text, false}}),
         check},
        {"workflow",
         "list",
         "The stock workflows, and what each of them does",
         "tiercel workflow list",
         {},
         list},
        {"workflow",
         "show",
         "What a workflow does, and its parameters with types and defaults",
         "tiercel workflow show rolling",
         {{"WORKFLOW", "name of a stock workflow, or a file", Option::Kind::Positional, true}},
         show},
        {"workflow",
         "annotations",
         "The language of workflows for editors that speak LuaLS",
         "tiercel workflow annotations > .lua/tiercel.d.lua",
         {},
         print_annotations},
    };
}

} // namespace cli
