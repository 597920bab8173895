// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/methods.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

const std::vector<std::string_view> stop_words{"stop", "ask", "rollback-all"};

const Argument level{"level", Slot::Level, "", "one of `ctx.levels`"};
const Argument max_unavailable{"max_unavailable", Slot::Portion, "\"25%\"",
                               "portion of each component's targets that may be out of service at once, "
                               "rounded down, at least 1"};
const Argument max_failures{"max_failures", Slot::Budget, "0",
                            "how many targets may fail; one more stops the run"};
const Argument where{"where", Slot::Where, "", "only targets whose node has this label: `\"rack=a\"`"};
const Argument settle{"settle", Slot::Duration, "\"0s\"",
                      "how long a target must stay well before it serves again"};
const Argument spread{
    "spread", Slot::Label, "\"\"",
    "label of nodes, such as `\"rack\"`: those out of service at once are spread over its values"};
const Argument on_failure{"on_failure", Slot::Choice, "\"stop\"", "what happens beyond `max_failures`",
                          stop_words};
const Argument deadlines{"deadlines", Slot::Deadlines, "",
                         "until when a node must have answered each step: `{ apply = \"20m\" }`"};
const Argument expires{"expires", Slot::Duration, "\"24h\"", "after which it counts as rejected"};

const std::vector<Field> done_fields{{"level", "integer", "its index"},
                                     {"done", "integer", "targets that did it"},
                                     {"failures", "integer", "targets that failed"},
                                     {"left_out", "integer", "targets that were away or already failed"}};
const std::vector<Field> approval_fields{{"approved", "boolean", "enough people said yes in time"},
                                         {"by", "string[]", "who decided"},
                                         {"reason", "string", "what they said"}};

Method service_method(std::string_view name, std::string_view example, std::string_view meaning) {
    Method method{name,    name,       example,
                  meaning, {level},    {max_unavailable, max_failures, spread, where, on_failure, deadlines},
                  "table", done_fields};
    if (name != "stop") {
        method.options.push_back(settle);
    }
    return method;
}

std::vector<Method> all_methods() {
    return {
        {"preflight",
         "preflight",
         "ctx:preflight { quorum = \"90%\" }",
         "asks every node to hold the packages, test the transaction, render and validate the config; "
         "changes "
         "nothing. Once in a run, before the first update",
         {},
         {{"quorum", Slot::Portion, "\"100%\"",
           "portion of the targets that must be ready, rounded up; with fewer the run ends `refused`"},
          {"deadline", Slot::Duration, "\"10m\"", "until when a node may answer"}},
         "table",
         {{"ready", "integer", "targets that can be updated"},
          {"left_out", "integer", "targets that did not answer, or refused"},
          {"changed", "integer", "targets that have something to change"},
          {"package_changes", "integer", "targets with other packages"},
          {"config_changes", "integer", "targets with other config"}}},
        {"update",
         "update",
         "ctx:update(level, { ramp = { 1, \"20%\", \"100%\" }, soak = \"1m\" })",
         "brings the targets of a level to the release, batch by batch",
         {level},
         {{"ramp", Slot::Ramp, "{ \"100%\" }",
           "cumulative portions of each component's targets that change, rounded up; each is a batch"},
          {"window",
           Slot::Choice,
           "\"barrier\"",
           "`\"barrier\"`: a batch ends before the next one starts; `\"sliding\"`: the next target starts "
           "when "
           "one is through",
           {"barrier", "sliding"}},
          {"soak", Slot::Soak, "\"0s\"",
           "after each batch, before its gate; a list has one for each entry of the ramp, the last repeats"},
          settle,
          {"hold", Slot::Flag, "false",
           "nobody of a batch serves again before all of it are well; not with a sliding window"},
          where,
          {"standby", Slot::Where, "",
           "nodes by a label, such as `\"color=blue\"`, that leave service, with what they hold, when the "
           "held batch "
           "serves; they serve again when they are updated, when the run goes back, or at its end"},
          max_failures,
          max_unavailable,
          spread,
          {"zone", Slot::Label, "\"\"",
           "label of nodes, such as `\"zone\"`: one of its values after the other"},
          {"zone_soak", Slot::Duration, "\"0s\"", "between two zones"},
          {"on_failure",
           Slot::Choice,
           "\"rollback-all\"",
           "what happens beyond `max_failures`",
           {"rollback-all", "rollback-batch", "stop", "ask"}},
          deadlines,
          {"analysis", Slot::Analysis, "{}",
           "measurements that judge a batch while it soaks; not with a sliding window"}},
         "table",
         {{"level", "integer", "its index"},
          {"updated", "integer", "targets that have the release now"},
          {"unchanged", "integer", "targets that had it already"},
          {"failures", "integer", "targets that failed"},
          {"left_out", "integer", "targets that were away or refused in preflight"}}},
        service_method("restart", "ctx:restart(level, { max_unavailable = 1 })",
                       "restarts the services of a level's targets: drained, restarted, probed, undrained"),
        service_method("stop", "ctx:stop(level, { max_unavailable = \"100%\" })",
                       "stops the services of a level's targets and keeps them down until `ctx:start`, "
                       "`ctx:restart`, or the way back"),
        service_method("start", "ctx:start(level)",
                       "starts the services of a level's targets and probes them"),
        {"probe",
         "probe",
         "ctx:probe(level)",
         "probes a level's targets; changes nothing and never stops the run",
         {level},
         {deadlines},
         "table",
         {{"level", "integer", "its index"},
          {"passed", "integer", "targets that are well"},
          {"failed", "integer", "targets that are not"},
          {"inconclusive", "integer", "targets whose probe could not run"}},
         true},
        {"command",
         "command",
         "ctx:command(\"migrate\", \"shop/app\", { once = true })",
         "runs a command that a package of the component brings, on its targets",
         {{"name", Slot::Text, "", "of the command in `package.toml`"},
          {"component", Slot::Component, "", "whose targets run it"}},
         {{"once", Slot::Flag, "as the package says",
           "on one target; on the next one if its node cannot be reached"},
          {"max_parallel", Slot::Portion, "\"100%\"", "portion of the targets that run it at once"},
          max_failures,
          on_failure,
          {"deadline", Slot::Duration, "as the package says", "until when a node must have answered"}},
         "table",
         {{"ran", "integer", "targets where it succeeded"},
          {"changed", "integer", "targets where it says that it changed something"},
          {"failures", "integer", "targets where it failed"},
          {"left_out", "integer", "targets that were away"},
          {"node", "string?", "with `once`: where it ran"},
          {"exit_code", "integer?", "with `once`: how it ended"}},
         true},
        {"wait",
         "wait",
         "ctx:wait(\"30s\")",
         "waits; the timer survives restarts of the dispatcher",
         {{"duration", Slot::Duration, "", "how long"}},
         {},
         "",
         {},
         true},
        {"approve",
         "approve",
         "ctx:approve(\"go on to production\", { count = 2, role = \"release-manager\" })",
         "waits until people say yes (`tiercel run approve`); the run's own author does not count",
         {{"what", Slot::Text, "", "what they decide on"}},
         {{"count", Slot::Count, "1", "how many people"},
          {"role", Slot::Label, "\"\"", "that they must have"},
          expires},
         "table",
         approval_fields},
        {"outage",
         "outage",
         "ctx:outage(\"the schema changes under running servers\")",
         "declares an outage and asks for its approval; once granted, `max_unavailable` and budgets do not "
         "bind "
         "this run, and the plan says so",
         {{"reason", Slot::Text, "", "why nothing else will do"}},
         {expires},
         "table",
         approval_fields},
        {"await",
         "await",
         "ctx:await(\"backup-done\", \"2h\")",
         "waits for a signal from outside (`tiercel run signal`)",
         {{"signal", Slot::Text, "", "its name"}, {"timeout", Slot::Duration, "", "how long at most"}},
         {},
         "table",
         {{"received", "boolean", "it came in time"},
          {"by", "string", "who sent it"},
          {"value", "any", "what came with it"}}},
        {"now",
         "now",
         "ctx:now()",
         "the time, RFC 3339 in UTC; on a replay the same again",
         {},
         {},
         "string",
         {},
         true},
        {"random",
         "random",
         "ctx:random()",
         "a number from 0 up to but not 1; on a replay the same again",
         {},
         {},
         "number"},
        {"uuid", "uuid", "ctx:uuid()", "a UUID; on a replay the same again", {}, {}, "string"},
        {"side_effect",
         "record",
         "ctx:side_effect(function() return choice end)",
         "calls the function and records what it returns, nil too; on a replay the record is the answer, "
         "whatever the function returns then",
         {{"value", Slot::Function, "", "returns data"}},
         {},
         "any"},
        {"log",
         "log",
         "ctx:log(\"canary is well\", { errors = 0 })",
         "puts a line into the run's story",
         {{"message", Slot::Text, "", "a constant sentence"}, {"fields", Slot::Record, "{}", "what varies"}},
         {},
         "",
         {},
         true},
        {"defer",
         "defer",
         "ctx:defer(function(outcome) ctx:command(\"unmute\", \"shop/app\") end)",
         "has the function called at the end of the run, whatever its end, with `\"succeeded\"`, "
         "`\"failed\"` "
         "(the script raised an error) or `\"stopped\"`; the last one registered is called first",
         {{"fn", Slot::Function, "", "gets the outcome"}},
         {},
         ""},
    };
}

} // namespace

const std::vector<Method>& methods() {
    static const std::vector<Method> all = all_methods();
    return all;
}

const Method* find_method(std::string_view name) noexcept {
    const auto found = std::ranges::find(methods(), name, &Method::name);
    return found == methods().end() ? nullptr : &*found;
}

const std::vector<Argument>& measurement_fields() {
    static const std::vector<Argument> fields{
        {"name", Slot::Text, "", "of the measurement"},
        {"command", Slot::Text, "", "a packaged command that prints a number, run on the targets"},
        {"http", Slot::Address, "", "a JSON document, and where the number stands in it", {"url", "path"}},
        {"prometheus", Slot::Address, "", "a server, and what it is asked", {"url", "query"}},
        {"pass", Slot::Text, "", "what the number must be: `\"<= 0.01\"`"},
        {"compare",
         Slot::Choice,
         "the number itself",
         "with the targets that are not yet updated: the ratio, or the difference",
         {"peers", "peers-difference"}},
        {"interval", Slot::Duration, "\"30s\"", "between two measurements"},
        {"initial_delay", Slot::Duration, "\"0s\"", "before the first one"},
        {"count", Slot::Count, "1", "how many"},
        {"failures", Slot::Number, "0", "how many may fail"},
        {"inconclusive", Slot::Number, "1", "how many may give no number before the run waits for a person"},
        {"consecutive_successes", Slot::Count, "", "so many in a row are enough"},
        {"dry_run", Slot::Flag, "false", "only told, decides nothing"}};
    return fields;
}

const std::vector<std::string>& deadline_steps() {
    static const std::vector<std::string> steps{"drain", "apply", "restart", "probe", "undrain", "undo"};
    return steps;
}

const std::vector<Field>& context_fields() {
    static const std::vector<Field> fields{
        {"kind", "\"deploy\"|\"operation\"", "what the run is"},
        {"environment", "string", "`prod`"},
        {"release", "string", "`shop/2.0`"},
        {"from", "string", "the release before it; empty at the first"},
        {"levels", "tiercel.Level[]", "producers first"},
        {"components", "tiercel.Component[]", "all components of the release"}};
    return fields;
}

const std::vector<Field>& level_fields() {
    static const std::vector<Field> fields{{"index", "integer", "from 0, as in plans"},
                                           {"components", "string[]", "`\"shop/web\"` …"}};
    return fields;
}

const std::vector<Field>& component_fields() {
    static const std::vector<Field> fields{
        {"name", "string", "`\"shop/web\"`"},
        {"level", "integer", "index of its level"},
        {"targets", "integer", "how many it has"},
        {"commands", "string[]", "that its packages bring"},
        {"migrate", "string|false", "the command that app.lua names for its migration"}};
    return fields;
}

} // namespace workflows::engine
