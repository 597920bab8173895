#!/usr/bin/python3
"""Operations on a real fleet, as people ask for them: services restarted, stopped and started, packaged commands and hooks, and their end."""
# SPDX-License-Identifier: Apache-2.0
import json
import unittest

from acts import Acts, hook
from fleet import BIN

ONCE = '''return workflow {
  summary = "A packaged command on one node",
  params  = { command = text "single", deadline = duration "10m", on_failure = text "stop" },
  run = function(ctx, params)
    local answer = ctx:command(params.command, "svc/back", { deadline = params.deadline, on_failure = params.on_failure })
    ctx:log("it ran", { node = answer.node })
  end,
}
'''

POINTS = [f"{when}-{what}" for what in ("drain", "apply", "restart", "stop", "start", "undrain", "undo") for when in ("before", "after")]


class Operations(Acts):
    workflows = {"once": ONCE}

    def test_restart_gives_every_service_a_new_process_a_few_at_a_time_and_leaves_the_release(self):
        fleet = self.fleet
        before, answered, installed = self.pids(), self.answers(), fleet.snapshots()
        current = fleet.json("env", "show", "test")["current"]
        run = self.operate("restart")
        document = self.ended(run)
        self.assertEqual((document["kind"], document["counts"]["updated"], document["release"]), ("operation", 5, current[0]["release"]))
        after = self.pids()
        self.assertEqual(self.living(before), [], "no service goes on in its old process")
        self.assertEqual(self.living(after), list(fleet.nodes))
        self.assertEqual((self.answers(), fleet.snapshots()), (answered, installed))
        self.assertEqual(fleet.json("env", "show", "test")["current"], current)
        self.assertEqual((self.most_at_once(run, "back"), self.most_at_once(run, "front")), (1, 1), "25% of 3 and of 2, at least 1")
        order = self.first(run, "restarting")
        self.assertEqual([node.partition("-")[0] for node in order], ["back"] * 3 + ["front"] * 2, "law 3: producers first")
        self.assertEqual([line.split()[1] for line in self.acts("after-restart")], order)
        for node in fleet.nodes:
            body, detail = self.orders(node, "restart")[-1]
            self.assertEqual((body, detail["restarted"]), ({"all": True}, [node.partition("-")[0]]), node)

    def test_stop_ends_all_services_until_start_brings_them_back(self):
        fleet = self.fleet
        before, answered, current = self.pids(), self.answers(), fleet.json("env", "show", "test")["current"]
        released = self.components("release")
        run = self.operate("stop", "reason=the hall is moved")
        self.explained(run, "approval of an outage of one person: the hall is moved, until ")
        self.assertIn("somebody else must approve it", fleet.run(["tiercel", "run", "approve", run], expect=6).stderr)
        self.assertEqual(self.living(before), list(fleet.nodes), "nothing is stopped before somebody agrees")
        self.by_other("run", "approve", run)
        document = self.ended(run)
        self.assertEqual(self.living(before), [])
        self.assertEqual({target["reason"] for target in document["targets"]}, {"stopped by this run, left out of rotation"})
        self.assertEqual([node.partition("-")[0] for node in self.first(run, "stopped")], ["front"] * 2 + ["back"] * 3, "consumers first")
        fleet.until(lambda: set(self.components("stopped").values()) == {True}, "node list says that all are stopped")
        self.assertEqual(set(self.components("drained").values()), {True})
        self.assertEqual((self.components("release"), fleet.json("env", "show", "test")["current"]), (released, current))

        fleet.kill_node("back-1")
        fleet.start_node("back-1")
        fleet.until(lambda: fleet.json("node", "show", "back-1")["online"], "back-1 is there again")
        self.assertTrue(self.components("stopped")["back-1"])
        self.assertEqual(self.living(self.pids()), [], "nobody starts what was stopped but who starts it")

        run = self.operate("start")
        self.ended(run)
        after = self.pids()
        self.assertEqual(self.living(after), list(fleet.nodes))
        self.assertEqual([node.partition("-")[0] for node in self.first(run, "starting")], ["back"] * 3 + ["front"] * 2, "producers first")
        self.assertEqual(self.answers(), answered)
        fleet.until(lambda: set(self.components("stopped").values()) == {False}, "node list says that none is stopped")
        self.assertEqual(set(self.components("drained").values()), {False})

    def test_refresh_knows_detailed_exit_codes_and_shows_what_the_command_said(self):
        """Like a Puppet agent: 0 nothing to do, 2 changed, 1, 4 and 6 failed."""
        for node, code in (("back-1", 0), ("back-2", 2), ("back-3", 2)):
            self.knob(node, "exit-agent", str(code))
            self.knob(node, "say-agent", f"applied catalog of {node}\nit ended with {code}\n")
        run = self.operate("refresh", "command=agent")
        self.assertEqual(self.fleet.targets(self.ended(run)["id"]),
                         {"back-1": "unchanged", "back-2": "updated", "back-3": "updated", "front-1": "not_started", "front-2": "not_started"})
        self.assertEqual([line.split()[:2] for line in self.acts()], [["agent", f"back-{n}"] for n in (1, 2, 3)], "one at a time, once each")
        said = {fields["on"]: fields for fields in self.said(run, "command succeeded")}
        self.assertEqual({node: (fields["exit_code"], fields["changed"]) for node, fields in said.items()},
                         {"back-1": (0, False), "back-2": (2, True), "back-3": (2, True)})
        self.assertEqual(said["back-2"]["output"], "applied catalog of back-2\nit ended with 2\n")
        self.assertIn("applied catalog of back-3", self.story(run))
        for code in (1, 4, 6):
            with self.subTest(code=code):
                self.knob("back-1", "exit-agent", str(code))
                run = self.operate("refresh", "command=agent")
                self.assertIn(f"svc/back on back-1: command 'agent': command 'agent' ended with {code}: it ended with 0", self.ended(run, "stopped")["reason"])
                self.assertEqual(self.fleet.targets(run)["back-2"], "not_started", "law 2: stop means stop")
                self.assertEqual(self.said(run, "command failed")[0]["output"], "applied catalog of back-1\nit ended with 0\n")
        refused = self.fleet.run([BIN / "tiercel", "run", "start", "test", "refresh", "--param", "command=agnet"], expect=2)
        self.assertIn("no component has a packaged command 'agnet'", refused.stderr)

    def test_cancel_ends_the_whole_process_tree_on_every_node_and_says_so(self):
        """A child and a grandchild in sessions of their own, with no parent but the keeper's adoption."""
        fleet, backs = self.fleet, ("back-1", "back-2", "back-3")
        trees = {}

        def grown():
            for node in backs:
                file = self.run_of(node) / "tree"
                trees[node] = [int(pid) for pid in file.read_text().split()] if file.exists() else []
            return all(len(pids) == 3 for pids in trees.values())

        run = self.operate("refresh", "command=tree", "max_parallel=100%")
        fleet.until(grown, "the command has started its children on every node")
        self.assertTrue(all(self.lives(pid) for pids in trees.values() for pid in pids))
        fleet.tiercel("run", "cancel", run, "--reason", "it hangs")
        self.assertIn("cancelled by token:admin: it hangs", self.ended(run, "cancelled")["reason"])
        self.assertEqual([pid for pids in trees.values() for pid in pids if self.lives(pid)], [])
        ended = {fields["on"]: fields["ended"] for fields in self.said(run, "ended on the node")}
        self.assertEqual(ended, {node: ["command 'tree' (3 processes)"] for node in backs})
        self.assertIn("command 'tree' (3 processes)", self.story(run))
        self.assertEqual(self.living(self.pids()), list(fleet.nodes), "services are not part of it")

    def test_hooks_run_around_each_step_and_one_that_fails_fails_its_target(self):
        fleet = self.fleet
        hooks = "".join(hook("back", point) for point in POINTS if point != "after-restart")
        old = self.release("back", back=hooks)
        self.ended(self.deploy(old, "rolling", "soak=0s", "max_unavailable=100%", "ramp=100%"))
        new = self.release("back", back=hooks)
        self.setUp()
        self.ended(self.deploy(new, "rolling", "soak=0s", "max_unavailable=100%", "ramp=100%"))
        for node in ("back-1", "back-2", "back-3"):
            expected = [("before-drain", old), ("after-drain", old), ("before-apply", old), ("after-apply", new), ("migrate", new), ("before-restart", new),
                        ("after-restart", new), ("before-undrain", new), ("after-undrain", new)]
            once = [step for step in expected if step[0] != "migrate" or node == "back-1"]
            self.assertEqual([line for line in self.acts() if line.split()[1] == node], [f"{name} {node} {release}" for name, release in once])
        lines = (fleet.dir / "nodes/acts").read_text()
        self.assertEqual(lines.count("in / reading /dev/null\n"), lines.count("\n"), "they get no input, and run in /")

        self.setUp()
        run = self.operate("stop")
        self.explained(run, "approval of an outage")
        self.by_other("run", "approve", run)
        self.ended(run)
        self.ended(self.operate("start"))
        points = ["before-drain", "after-drain", "before-stop", "after-stop", "before-start", "after-start", "before-undrain", "after-undrain"]
        self.assertEqual([line for line in self.acts() if line.split()[1] == "back-2"], [f"{point} back-2 {new}" for point in points])

        newest = self.release("back", back=hooks)
        self.setUp()
        self.knob("back-1", "exit-after-apply", "7")
        self.knob("back-1", "say-after-apply", "no room\nfor the new one\n")
        self.knob("back-1", "exit-before-undo", "1")
        document = self.ended(self.deploy(newest, "rolling", "soak=0s"), "rolled_back")
        self.assertIn("svc/back on back-1: apply: hook 'after-apply' of package 'back' ended with 7: for the new one", document["reason"])
        self.assertEqual([line for line in self.acts() if line.split()[0] not in ("before-drain", "after-drain")],
                         [f"before-apply back-1 {new}", f"after-apply back-1 {newest}", f"before-undo back-1 {newest}", f"after-undo back-1 {new}",
                          f"before-undrain back-1 {new}", f"after-undrain back-1 {new}"])
        self.all_of("back", new)
        self.assertIn("hook 'before-undo' of package 'back' ended with 1", json.dumps(self.said(document["id"], "node warns")))

        self.setUp()
        self.knob("back-1", "hold-before-apply")
        run = self.deploy(newest, "rolling", "soak=0s")
        fleet.until(lambda: self.acts("before-apply"), "the hook has begun")
        fleet.tiercel("run", "cancel", run)
        self.ended(run, "cancelled")
        ended = self.said(run, "ended on the node")
        self.assertRegex(json.dumps([fields["ended"] for fields in ended]), r"hook 'before-apply' of package 'back' \(\d process(es)?\)")
        self.all_of("back", new)

    def test_command_that_runs_once_goes_to_another_node_when_its_own_is_away(self):
        fleet = self.fleet
        fleet.kill_node("back-1")
        fleet.until(lambda: not fleet.json("node", "show", "back-1")["online"], "back-1 is away")
        run = self.operate("once")
        document = self.ended(run)
        self.assertEqual(self.said(run, "script says"), [{"text": "it ran", "fields": {"node": "back-2"}, "on": ""}])
        self.assertEqual(document["counts"]["updated"], 1)
        fleet.start_node("back-1")
        fleet.until(lambda: fleet.json("node", "show", "back-1")["online"], "back-1 is there again")
        self.assertEqual([line.split()[:2] for line in self.acts()], [["single", "back-2"]])

    def test_command_that_runs_once_outlives_its_client_and_is_not_run_again(self):
        fleet = self.fleet
        self.knob("back-1", "hold-single")
        run = self.operate("once")
        fleet.until(lambda: self.acts("single"), "the command has begun")
        fleet.kill_node("back-1")
        fleet.start_node("back-1")
        fleet.until(lambda: fleet.json("node", "show", "back-1")["online"], "back-1 is there again")
        self.turn("back-1", "hold-single")
        self.ended(run)
        self.assertEqual([line.split()[:2] for line in self.acts()], [["single", "back-1"]])

    def test_command_whose_node_is_lost_runs_on_another_one_only_when_it_may_be_repeated(self):
        fleet = self.fleet
        for name, state in (("again", "lost"), ("single", "skipped")):
            with self.subTest(command=name):
                self.setUp()
                self.knob("back-1", f"hold-{name}")
                run = self.operate("once", f"command={name}", "deadline=2s", "on_failure=ask")
                fleet.until(lambda: self.acts(name), "the command has begun")
                fleet.kill_node("back-1")
                if name == "single":
                    self.explained(run, r"a person, to retry, skip, roll back or cancel: .*svc/back on back-1: command 'single': no answer to 'command' by ")
                    fleet.tiercel("run", "skip", run, "--reason", "it has run")
                self.ended(run, "succeeded_with_left_out")
                self.assertEqual(fleet.targets(run)["back-1"], state)
                self.assertEqual([line.split()[:2] for line in self.acts(name)], [[name, "back-1"]] + ([[name, "back-2"]] if name == "again" else []))
                retry = [BIN / "tiercel", "run", "retry", run]
                if name == "single":
                    unknown = fleet.run(retry, expect=6).stderr
                    self.assertIn(f"nobody knows whether command 'single' of svc/back on back-1 has succeeded in run '{run}', and it is to run once", unknown)
                self.turn("back-1", f"hold-{name}")
                fleet.start_node("back-1")
                fleet.until(lambda: fleet.json("node", "show", "back-1")["online"], "back-1 is there again")
                if name == "single":  # and tells how it has ended
                    again = {}
                    fleet.until(lambda: again.update(done=fleet.run(retry, expect=None)) or again["done"].returncode == 0, "the retry knows it")
                    self.ended(again["done"].stdout.split()[1])
                    self.assertEqual(len(self.acts("single")), 1, "what has run once is not run again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
