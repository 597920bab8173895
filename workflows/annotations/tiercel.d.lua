---@meta
-- Copyright the Tiercel authors
-- SPDX-License-Identifier: Apache-2.0
-- The language of workflows, for editors that speak LuaLS ("workspace.library"). docs/workflows.md explains it.

---@alias tiercel.Duration string `"30s"`, `"1h30m"`
---@alias tiercel.Portion integer|string a count of targets (2) or a share of them ("20%")

---@class tiercel.Budget
---@field total? tiercel.Portion of the call
---@field batch? tiercel.Portion of each batch
---@field component? tiercel.Portion of each component
---@field domain? { label: string, max: tiercel.Portion } of each value of a label

---@class tiercel.Workflow
---@field summary? string one line of text
---@field params? table<string, tiercel.Parameter>
---@field run fun(ctx: tiercel.Context, params: table<string, any>)

---@class tiercel.Parameter

---@param fields tiercel.Workflow
---@return tiercel.Workflow
function workflow(fields) end

---@param default tiercel.Portion[]
---@return tiercel.Parameter
function ramp(default) end

---@param default tiercel.Duration
---@return tiercel.Parameter
function duration(default) end

---@param default integer
---@return tiercel.Parameter
function count(default) end

---@param default string
---@return tiercel.Parameter
function text(default) end

---@param default boolean
---@return tiercel.Parameter
function flag(default) end

---@class tiercel.Level
---@field index integer from 0, as in plans
---@field components string[] `"shop/web"` …

---@class tiercel.Component
---@field name string `"shop/web"`
---@field level integer index of its level
---@field targets integer how many it has
---@field commands string[] that its packages bring
---@field migrate string|false the command that app.lua names for its migration

---@class tiercel.Deadlines
---@field drain? tiercel.Duration
---@field apply? tiercel.Duration
---@field restart? tiercel.Duration
---@field probe? tiercel.Duration
---@field undrain? tiercel.Duration
---@field undo? tiercel.Duration

---@class tiercel.Measurement
---@field name? string of the measurement
---@field command? string a packaged command that prints a number, run on the targets
---@field http? { url: string, path: string } a JSON document, and where the number stands in it
---@field prometheus? { url: string, query: string } a server, and what it is asked
---@field pass? string what the number must be: `"<= 0.01"`
---@field compare? "peers"|"peers-difference" with the targets that are not yet updated: the ratio, or the difference; the number itself without it
---@field interval? tiercel.Duration between two measurements; "30s" without it
---@field initial_delay? tiercel.Duration before the first one; "0s" without it
---@field count? integer how many; 1 without it
---@field failures? integer how many may fail; 0 without it
---@field inconclusive? integer how many may give no number before the run waits for a person; 1 without it
---@field consecutive_successes? integer so many in a row are enough
---@field dry_run? boolean only told, decides nothing; false without it

---@class tiercel.preflight_options
---@field quorum? tiercel.Portion portion of the targets that must be ready, rounded up; with fewer the run ends `refused`; "100%" without it
---@field deadline? tiercel.Duration until when a node may answer; "10m" without it

---@class tiercel.preflight_answer
---@field ready integer targets that can be updated
---@field left_out integer targets that did not answer, or refused
---@field changed integer targets that have something to change
---@field package_changes integer targets with other packages
---@field config_changes integer targets with other config

---@class tiercel.update_options
---@field ramp? tiercel.Portion[] cumulative portions of each component's targets that change, rounded up; each is a batch; { "100%" } without it
---@field window? "barrier"|"sliding" `"barrier"`: a batch ends before the next one starts; `"sliding"`: the next target starts when one is through; "barrier" without it
---@field soak? tiercel.Duration|tiercel.Duration[] after each batch, before its gate; a list has one for each entry of the ramp, the last repeats; "0s" without it
---@field settle? tiercel.Duration how long a target must stay well before it serves again; "0s" without it
---@field hold? boolean nobody of a batch serves again before all of it are well; not with a sliding window; false without it
---@field where? string only targets whose node has this label: `"rack=a"`
---@field standby? string nodes by a label, such as `"color=blue"`, that leave service, with what they hold, when the held batch serves; they serve again when they are updated, when the run goes back, or at its end
---@field max_failures? tiercel.Portion|tiercel.Budget how many targets may fail; one more stops the run; 0 without it
---@field max_unavailable? tiercel.Portion portion of each component's targets that may be out of service at once, rounded down, at least 1; "25%" without it
---@field spread? string label of nodes, such as `"rack"`: those out of service at once are spread over its values; "" without it
---@field zone? string label of nodes, such as `"zone"`: one of its values after the other; "" without it
---@field zone_soak? tiercel.Duration between two zones; "0s" without it
---@field on_failure? "rollback-all"|"rollback-batch"|"stop"|"ask" what happens beyond `max_failures`; "rollback-all" without it
---@field deadlines? tiercel.Deadlines until when a node must have answered each step: `{ apply = "20m" }`
---@field analysis? tiercel.Measurement[] measurements that judge a batch while it soaks; not with a sliding window; {} without it

---@class tiercel.update_answer
---@field level integer its index
---@field updated integer targets that have the release now
---@field unchanged integer targets that had it already
---@field failures integer targets that failed
---@field left_out integer targets that were away or refused in preflight

---@class tiercel.restart_options
---@field max_unavailable? tiercel.Portion portion of each component's targets that may be out of service at once, rounded down, at least 1; "25%" without it
---@field max_failures? tiercel.Portion|tiercel.Budget how many targets may fail; one more stops the run; 0 without it
---@field spread? string label of nodes, such as `"rack"`: those out of service at once are spread over its values; "" without it
---@field where? string only targets whose node has this label: `"rack=a"`
---@field on_failure? "stop"|"ask"|"rollback-all" what happens beyond `max_failures`; "stop" without it
---@field deadlines? tiercel.Deadlines until when a node must have answered each step: `{ apply = "20m" }`
---@field settle? tiercel.Duration how long a target must stay well before it serves again; "0s" without it

---@class tiercel.restart_answer
---@field level integer its index
---@field done integer targets that did it
---@field failures integer targets that failed
---@field left_out integer targets that were away or already failed

---@class tiercel.stop_options
---@field max_unavailable? tiercel.Portion portion of each component's targets that may be out of service at once, rounded down, at least 1; "25%" without it
---@field max_failures? tiercel.Portion|tiercel.Budget how many targets may fail; one more stops the run; 0 without it
---@field spread? string label of nodes, such as `"rack"`: those out of service at once are spread over its values; "" without it
---@field where? string only targets whose node has this label: `"rack=a"`
---@field on_failure? "stop"|"ask"|"rollback-all" what happens beyond `max_failures`; "stop" without it
---@field deadlines? tiercel.Deadlines until when a node must have answered each step: `{ apply = "20m" }`

---@class tiercel.stop_answer
---@field level integer its index
---@field done integer targets that did it
---@field failures integer targets that failed
---@field left_out integer targets that were away or already failed

---@class tiercel.start_options
---@field max_unavailable? tiercel.Portion portion of each component's targets that may be out of service at once, rounded down, at least 1; "25%" without it
---@field max_failures? tiercel.Portion|tiercel.Budget how many targets may fail; one more stops the run; 0 without it
---@field spread? string label of nodes, such as `"rack"`: those out of service at once are spread over its values; "" without it
---@field where? string only targets whose node has this label: `"rack=a"`
---@field on_failure? "stop"|"ask"|"rollback-all" what happens beyond `max_failures`; "stop" without it
---@field deadlines? tiercel.Deadlines until when a node must have answered each step: `{ apply = "20m" }`
---@field settle? tiercel.Duration how long a target must stay well before it serves again; "0s" without it

---@class tiercel.start_answer
---@field level integer its index
---@field done integer targets that did it
---@field failures integer targets that failed
---@field left_out integer targets that were away or already failed

---@class tiercel.probe_options
---@field deadlines? tiercel.Deadlines until when a node must have answered each step: `{ apply = "20m" }`

---@class tiercel.probe_answer
---@field level integer its index
---@field passed integer targets that are well
---@field failed integer targets that are not
---@field inconclusive integer targets whose probe could not run

---@class tiercel.command_options
---@field once? boolean on one target; on the next one if its node cannot be reached; as the package says without it
---@field max_parallel? tiercel.Portion portion of the targets that run it at once; "100%" without it
---@field max_failures? tiercel.Portion|tiercel.Budget how many targets may fail; one more stops the run; 0 without it
---@field on_failure? "stop"|"ask"|"rollback-all" what happens beyond `max_failures`; "stop" without it
---@field deadline? tiercel.Duration until when a node must have answered; as the package says without it

---@class tiercel.command_answer
---@field ran integer targets where it succeeded
---@field changed integer targets where it says that it changed something
---@field failures integer targets where it failed
---@field left_out integer targets that were away
---@field node string? with `once`: where it ran
---@field exit_code integer? with `once`: how it ended

---@class tiercel.approve_options
---@field count? integer how many people; 1 without it
---@field role? string that they must have; "" without it
---@field expires? tiercel.Duration after which it counts as rejected; "24h" without it

---@class tiercel.approve_answer
---@field approved boolean enough people said yes in time
---@field by string[] who decided
---@field reason string what they said

---@class tiercel.outage_options
---@field expires? tiercel.Duration after which it counts as rejected; "24h" without it

---@class tiercel.outage_answer
---@field approved boolean enough people said yes in time
---@field by string[] who decided
---@field reason string what they said

---@class tiercel.await_answer
---@field received boolean it came in time
---@field by string who sent it
---@field value any what came with it

---@class tiercel.Context
---@field kind "deploy"|"operation" what the run is
---@field environment string `prod`
---@field release string `shop/2.0`
---@field from string the release before it; empty at the first
---@field levels tiercel.Level[] producers first
---@field components tiercel.Component[] all components of the release
local Context = {}

---asks every node to hold the packages, test the transaction, render and validate the config; changes nothing. Once in a run, before the first update
---@param options? tiercel.preflight_options
---@return tiercel.preflight_answer
function Context:preflight(options) end

---brings the targets of a level to the release, batch by batch
---@param level tiercel.Level one of `ctx.levels`
---@param options? tiercel.update_options
---@return tiercel.update_answer
function Context:update(level, options) end

---restarts the services of a level's targets: drained, restarted, probed, undrained
---@param level tiercel.Level one of `ctx.levels`
---@param options? tiercel.restart_options
---@return tiercel.restart_answer
function Context:restart(level, options) end

---stops the services of a level's targets and keeps them down until `ctx:start`, `ctx:restart`, or the way back
---@param level tiercel.Level one of `ctx.levels`
---@param options? tiercel.stop_options
---@return tiercel.stop_answer
function Context:stop(level, options) end

---starts the services of a level's targets and probes them
---@param level tiercel.Level one of `ctx.levels`
---@param options? tiercel.start_options
---@return tiercel.start_answer
function Context:start(level, options) end

---probes a level's targets; changes nothing and never stops the run
---@param level tiercel.Level one of `ctx.levels`
---@param options? tiercel.probe_options
---@return tiercel.probe_answer
function Context:probe(level, options) end

---runs a command that a package of the component brings, on its targets
---@param name string of the command in `package.toml`
---@param component string whose targets run it
---@param options? tiercel.command_options
---@return tiercel.command_answer
function Context:command(name, component, options) end

---waits; the timer survives restarts of the dispatcher
---@param duration tiercel.Duration how long
function Context:wait(duration) end

---waits until people say yes (`tiercel run approve`); the run's own author does not count
---@param what string what they decide on
---@param options? tiercel.approve_options
---@return tiercel.approve_answer
function Context:approve(what, options) end

---declares an outage and asks for its approval; once granted, `max_unavailable` and budgets do not bind this run, and the plan says so
---@param reason string why nothing else will do
---@param options? tiercel.outage_options
---@return tiercel.outage_answer
function Context:outage(reason, options) end

---waits for a signal from outside (`tiercel run signal`)
---@param signal string its name
---@param timeout tiercel.Duration how long at most
---@return tiercel.await_answer
function Context:await(signal, timeout) end

---the time, RFC 3339 in UTC; on a replay the same again
---@return string
function Context:now() end

---a number from 0 up to but not 1; on a replay the same again
---@return number
function Context:random() end

---a UUID; on a replay the same again
---@return string
function Context:uuid() end

---calls the function and records what it returns, nil too; on a replay the record is the answer, whatever the function returns then
---@param value fun(): any returns data
---@return any
function Context:side_effect(value) end

---puts a line into the run's story
---@param message string a constant sentence
---@param fields? table<string, any> what varies
function Context:log(message, fields) end

---has the function called at the end of the run, whatever its end, with `"succeeded"`, `"failed"` (the script raised an error) or `"stopped"`; the last one registered is called first
---@param fn fun(outcome: "succeeded"|"failed"|"stopped") gets the outcome
function Context:defer(fn) end
