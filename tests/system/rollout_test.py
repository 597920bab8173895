#!/usr/bin/python3
"""Rollouts with real daemons: good, bad, and with every process killed at many points. One argument selects one test."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import signal
import time
import unittest

from fleet import BIN, Fleet

MOVING = ("preparing", "draining", "applying", "restarting", "probing", "undraining", "soaking")


class Rollouts(unittest.TestCase):
    def all_run(self, fleet, release):
        for node in fleet.nodes:
            self.assertEqual(fleet.answers(node), release, node)
        self.assertEqual(fleet.drained(), [], "law 5: nothing stays drained")

    def test_a_release_goes_out_and_comes_back_exactly(self):
        """Law 9."""
        with Fleet() as fleet:
            fleet.deploy("svc/1.0")
            self.all_run(fleet, "1.0")
            first = fleet.snapshots()
            fleet.release("2.0")
            fleet.deploy("svc/2.0")
            self.all_run(fleet, "2.0")
            self.assertNotEqual(fleet.snapshots(), first)
            fleet.tiercel("rollback", "test")
            self.all_run(fleet, "1.0")
            self.assertEqual(fleet.snapshots(), first)

    def test_what_a_node_holds_is_shown_as_soon_as_the_run_has_ended(self):
        """Complaint: the list of machines shows what they were when they connected last."""
        with Fleet(back=1, front=1) as fleet:
            def held():
                return [(state["release"], state["state"]) for node in fleet.json("node", "list")["nodes"] for state in node["components"].values()]
            self.assertEqual(held(), [])
            fleet.deploy("svc/1.0")
            self.assertEqual(held(), [("svc/1.0", "known-good")] * 2)
            fleet.release("2.0", ready=False)
            fleet.deploy("svc/2.0", expect=4)
            self.assertEqual(held(), [("svc/1.0", "known-good")] * 2)

    def test_a_release_with_a_manifest_larger_than_a_message_goes_out_and_comes_back(self):
        """Complaint: an order that does not fit into a frame is never sent, and nobody says why."""
        with Fleet(back=1, front=1, files=3) as fleet:
            fleet.deploy("svc/1.0")
            first = fleet.snapshots()
            application = fleet.project / "packages/svc"
            for name in ("first", "second", "third"):  # a script has a limit of its own
                (application / f"workflows/{name}.lua").write_text("-- \"words\"\n" * (1 << 20 >> 4) + "return workflow { summary = \"none\", run = function(ctx) end }\n")
            (application / "package.toml").write_text((application / "package.toml").read_text() + 'workflows = ["workflows/*.lua"]\n')
            fleet.release("2.0")
            manifest = fleet.project / "repository/releases/svc/2.0.json"
            self.assertGreater(manifest.stat().st_size, 2 << 20)
            self.assertEqual(fleet.json("plan", "test", "svc/2.0")["refused"], [])
            fleet.deploy("svc/2.0")
            self.all_run(fleet, "2.0")
            self.assertEqual([file for node in fleet.nodes for file in (fleet.state(node) / "manifests").iterdir()], [], "the run's manifest goes with it")
            fleet.tiercel("rollback", "test")
            self.all_run(fleet, "1.0")
            self.assertEqual(fleet.snapshots(), first)

    def test_another_text_of_a_workflow_is_tried_on_what_a_run_has_done(self):
        with Fleet(back=1, front=1) as fleet:
            run = fleet.deploy("svc/1.0", background=True)
            fleet.finish(run)
            stock = pathlib.Path(__file__).parents[2] / "workflows" / "library" / "rolling.lua"
            text = stock.read_text(encoding="utf-8")
            new = fleet.project / "new.lua"
            new.write_text(text.replace("for _, level in ipairs(ctx.levels) do", "for i = 1, #ctx.levels do local level = ctx.levels[i]"))
            self.assertIn("can go on with it: the same in 3 commands", fleet.tiercel("workflow", "check", "--replay", run, new))
            new.write_text(text.replace("soak = params.soak,", 'soak = "7s",'))
            tried = json.loads(fleet.tiercel("workflow", "check", "--replay", run, new, "--json", expect=3))
            self.assertEqual(tried["replay"]["difference"], 'gives \'soak\' of its command 2 (\'update\') as "7s", but gave "100ms"')

    def test_a_run_that_is_stuck_goes_on_with_another_text(self):
        with Fleet(back=1, front=1, files=3) as fleet:
            run = fleet.deploy("svc/1.0", background=True, params=("soak=10m",))
            fleet.until(lambda: fleet.targets(run)["back-1"] == "soaking", "the first tier soaks")
            stock = pathlib.Path(__file__).parents[2] / "workflows" / "library" / "rolling.lua"
            text = stock.read_text(encoding="utf-8")
            new = fleet.project / "new.lua"
            new.write_text(text.replace("soak = params.soak,", 'soak = "7s",'))
            refused = fleet.run([BIN / "tiercel", "run", "continue", run, "--workflow", new], expect=2)
            self.assertRegex(refused.stderr, r"goes on as before: new.lua:\d+ gives 'soak' of its command 2")
            new.write_text(text.replace("for _, level in ipairs(ctx.levels) do", "for i, level in ipairs(ctx.levels) do ctx:log('level', { at = i })", 1))
            self.assertRegex(fleet.run([BIN / "tiercel", "run", "continue", run, "--workflow", new], expect=2).stderr, "gives 'log' as its command 2, but gave 'update'")
            new.write_text(text.replace("    end\n  end,", "      ctx:log('level is done')\n    end\n  end,"))
            said = fleet.tiercel("run", "continue", run, "--workflow", new, "--reason", "to hear of it")
            self.assertIn("goes on with 'new.lua', the same in 2 commands so far", said)
            self.assertRegex(fleet.tiercel("run", "log", run), "workflow continued with another text.*to hear of it")
            fleet.tiercel("run", "continue", run, "--workflow", "rolling")
            fleet.tiercel("run", "cancel", run)
            self.assertEqual(fleet.finish(run)["outcome"], "cancelled")
            self.assertIn(f"current: nothing (run {run}); some nodes may have svc/1.0", fleet.tiercel("env", "show", "test"))

    def test_a_run_whose_script_fails_goes_on_with_a_mended_text(self):
        broken = '''return workflow { run = function(ctx)
  ctx:preflight()
  ctx:defer(function(how) ctx:log("over: " .. how) end)
  ctx:update(ctx.levels[1])
  error("a slip of the pen")
end }
'''
        fleet = Fleet(back=1, front=1, files=3)
        fleet.workflows = {"broken": broken}
        with fleet:
            run = fleet.tiercel("deploy", "test", "svc/1.0", "--workflow", "broken", "--no-wait").strip()
            wish = "a person, to continue with another text of the workflow, roll back or cancel: the workflow failed: broken:5: a slip of the pen"
            fleet.until(lambda: wish in fleet.tiercel("run", "explain", run), "it waits for a person")
            fleet.kill_dispatcher()
            fleet.start_dispatcher()
            self.assertRegex(fleet.tiercel("run", "explain", run), re.escape(wish) + ", until 20")
            self.assertTrue(fleet.json("run", "explain", run)["needs_person"])
            self.assertEqual(fleet.drained(), [], "law 5: nothing stays drained while it waits")
            said = fleet.run([BIN / "tiercel", "run", "resume", run], expect=6).stderr
            self.assertIn("the run is not paused: the workflow failed: broken:5: a slip of the pen; say 'tiercel run continue'", said)
            new = fleet.project / "mended.lua"
            new.write_text(broken.replace('error("a slip of the pen")', "ctx:updat(ctx.levels[2])"))
            self.assertIn("mended.lua:5:", fleet.run([BIN / "tiercel", "run", "continue", run, "--workflow", new], expect=2).stderr)
            new.write_text(broken.replace('error("a slip of the pen")', "ctx:update(ctx.levels[2])"))
            self.assertIn("the same in 3 commands so far", fleet.tiercel("run", "continue", run, "--workflow", new, "--reason", "mended"))
            self.assertEqual(fleet.finish(run)["outcome"], "succeeded")
            self.all_run(fleet, "1.0")
            self.assertEqual(fleet.tiercel("run", "log", run).count("over: succeeded"), 1)

    def test_a_release_that_is_there_already_touches_nothing(self):
        with Fleet(back=1, front=1) as fleet:
            fleet.deploy("svc/1.0")
            starts = {node: fleet.starts(node) for node in fleet.nodes}
            run = fleet.deploy("svc/1.0", background=True)
            self.assertEqual(fleet.finish(run)["counts"].get("unchanged"), 2)
            self.assertEqual({node: fleet.starts(node) for node in fleet.nodes}, starts)

    def test_a_bad_release_stops_at_the_canary_and_comes_back(self):
        """Laws 2, 3, 5, 9."""
        with Fleet() as fleet:
            fleet.deploy("svc/1.0")
            before = fleet.snapshots()
            starts = {node: fleet.starts(node) for node in fleet.nodes}
            fleet.release("2.0", ready=False)
            fleet.deploy("svc/2.0", expect=4)
            self.assertEqual(fleet.snapshots(), before)
            self.all_run(fleet, "1.0")
            touched = [node for node in fleet.nodes if fleet.starts(node) != starts[node]]
            self.assertEqual(len(touched), 1, f"only the canary was touched, not {touched}")
            self.assertTrue(touched[0].startswith("back"), "law 3: the second tier was not reached")

    def test_the_dispatcher_is_killed_at_each_step_and_the_run_goes_on(self):
        """Law 7."""
        with Fleet(back=2, front=1) as fleet:
            fleet.deploy("svc/1.0")
            version = 1
            for step in MOVING:
                version += 1
                release = f"{version}.0"
                fleet.release(release)
                run = fleet.deploy(f"svc/{release}", background=True, params=("soak=400ms",))
                with self.subTest(step=step):
                    self.reach(fleet, run, step)
                    fleet.kill_dispatcher()
                    fleet.start_dispatcher()
                    document = fleet.finish(run)
                    self.assertEqual(document["outcome"], "succeeded", document)
                    self.all_run(fleet, release)
                    for node in fleet.nodes:
                        self.assertEqual(fleet.starts(node).count(release), 1, f"law 6: {node} was restarted once")

    def test_a_client_is_killed_at_each_step_and_the_run_goes_on(self):
        """Laws 6 and 7."""
        with Fleet(back=1, front=1) as fleet:
            fleet.deploy("svc/1.0")
            version = 1
            for step in ("draining", "applying", "restarting", "probing", "soaking"):
                version += 1
                release = f"{version}.0"
                fleet.release(release)
                run = fleet.deploy(f"svc/{release}", background=True, params=("soak=400ms",))
                with self.subTest(step=step):
                    node = self.reach(fleet, run, step)
                    fleet.kill_node(node)
                    fleet.start_node(node)
                    document = fleet.finish(run)
                    self.assertEqual(document["outcome"], "succeeded", document)
                    self.all_run(fleet, release)

    def test_a_transaction_is_killed_and_the_node_ends_whole(self):
        """Laws 6, 7, 9: rpm itself is not transactional."""
        with Fleet(back=1, front=1, files=600) as fleet:
            fleet.deploy("svc/1.0")
            killed = 0
            for round_number, pause in enumerate((0.0, 0.02, 0.05, 0.1, 0.2)):
                release = f"{round_number + 2}.0"
                fleet.release(release, tiers=("back",))
                run = fleet.deploy(f"svc/{release}", background=True)
                self.reach(fleet, run, "applying")
                deadline = time.monotonic() + 5
                while (process := fleet.transaction_of("back-1")) is None and time.monotonic() < deadline:
                    pass
                if process is not None:
                    time.sleep(pause)
                    try:
                        os.kill(process, signal.SIGKILL)
                        killed += 1
                    except ProcessLookupError:
                        pass
                document = fleet.finish(run)
                self.assertIn(document["outcome"], ("succeeded", "rolled_back"), document)
                packages = [line.split("-")[1] for line in fleet.snapshot("back-1")["packages"] if line.startswith("back-")]
                self.assertEqual(len(packages), 1, f"duplicates after the kill: {packages}")
                leftovers = [name for name in fleet.snapshot("back-1")["files"] if ";" in name]
                self.assertEqual(leftovers, [])
                self.assertEqual(fleet.answers("back-1"), packages[0])
            self.assertGreater(killed, 0, "no transaction was seen: the test has tested nothing")

    def test_a_client_that_is_cut_off_in_the_middle_catches_up(self):
        with Fleet(back=2, front=1) as fleet:
            fleet.deploy("svc/1.0")
            fleet.release("2.0")
            run = fleet.deploy("svc/2.0", background=True)
            node = self.reach(fleet, run, "draining")
            fleet.clients[node].send_signal(signal.SIGSTOP)
            time.sleep(2)
            self.assertFalse(fleet.json("run", "show", run).get("outcome"), "the run waits for it")
            fleet.clients[node].send_signal(signal.SIGCONT)
            self.assertEqual(fleet.finish(run)["outcome"], "succeeded")
            self.all_run(fleet, "2.0")

    def test_a_client_that_falls_silent_is_seen_and_comes_back_by_itself(self):
        """[codedeploy-agent-276] [codedeploy-agent-306] Nobody has to restart it; who is away, and since when, is on the screens."""
        with Fleet(back=1, front=1, files=3, settings='heartbeat = "500ms"\n') as fleet:
            fleet.deploy("svc/1.0")
            before = fleet.json("node", "show", "back-1")
            fleet.clients["back-1"].send_signal(signal.SIGSTOP)
            fleet.until(lambda: not fleet.json("node", "show", "back-1")["online"], "its silence is noticed", seconds=90)
            silent = fleet.json("node", "show", "back-1")
            self.assertGreaterEqual(silent["last_seen"], before["last_seen"])
            self.assertRegex(fleet.tiercel("node", "list"), r"back-1 +active +no +" + silent["last_seen"])
            fleet.release("2.0")
            refused = fleet.run([BIN / "tiercel", "deploy", "test", "svc/2.0", "--param", "preflight_deadline=2s"], expect=6)
            self.assertIn("back-1: the node is offline", refused.stdout)
            fleet.clients["back-1"].send_signal(signal.SIGCONT)
            fleet.until(lambda: fleet.json("node", "show", "back-1")["online"], "it is back by itself")
            fleet.deploy("svc/2.0")
            self.all_run(fleet, "2.0")

    def test_a_rollback_passes_by_a_dead_node_which_goes_back_when_it_is_there_again(self):
        """Law 9. Neither the run that gives way nor the rollback waits for it until its orders' deadlines: ten minutes each."""
        with Fleet(back=3, front=1) as fleet:
            fleet.deploy("svc/1.0")
            fleet.release("2.0")
            run = fleet.deploy("svc/2.0", background=True)
            node = self.reach(fleet, run, "draining")
            fleet.kill_node(node)
            fleet.until(lambda: not fleet.json("node", "show", node)["online"], "it is known to be away")
            back = fleet.tiercel("rollback", "test", "--no-wait").strip()
            given_way = fleet.finish(run, seconds=20)
            self.assertEqual(given_way["outcome"], "cancelled")
            reason = {t["node"]: t["reason"] for t in given_way["targets"]}[node]
            self.assertIn("the node is offline, and a rollback takes over", reason)
            done = fleet.finish(back, seconds=75)
            self.assertEqual(done["outcome"], "rollback_failed")
            self.assertEqual({n: state for n, state in fleet.targets(back).items() if state == "unreachable"}, {node: "unreachable"})
            fleet.start_node(node)
            fleet.until(lambda: fleet.json("node", "show", node)["online"], "it is there again")
            fleet.tiercel("rollback", "test", "--to", "svc/1.0")
            self.all_run(fleet, "1.0")
            self.assertEqual(fleet.drained(), [])

    def test_nothing_is_touched_while_a_node_is_away(self):
        """Law 8."""
        with Fleet(back=2, front=1) as fleet:
            fleet.deploy("svc/1.0")
            before = fleet.snapshots()
            fleet.release("2.0")
            fleet.kill_node("front-1")
            fleet.deploy("svc/2.0", expect=6, params=("soak=100ms", "preflight_deadline=3s"))
            self.assertEqual(fleet.snapshots(), before)
            self.all_run(fleet, "1.0")

    def test_a_full_disk_is_found_in_preflight(self):
        """Law 8."""
        with Fleet(back=2, front=1) as fleet:
            fleet.deploy("svc/1.0")
            before = fleet.snapshots()
            fleet.release("2.0")
            state = fleet.state("back-2")
            mounted = os.system(f"mount -t tmpfs -o size=64k tmpfs {state}/stage 2>/dev/null") == 0
            if not mounted:
                self.skipTest("mounting needs root")
            try:
                out = fleet.run(["tiercel", "deploy", "test", "svc/2.0"], expect=6).stdout
                self.assertRegex(out, "make room")
            finally:
                os.system(f"umount {state}/stage")
            self.assertEqual(fleet.snapshots(), before)

    def reach(self, fleet, run, step):
        """Waits until some target begins this step; the node."""
        # The stream of events, because some steps are over before one could ask a second time.
        events = fleet.follow(run)
        try:
            for line in events.stdout:
                event = json.loads(line)
                if event["message"] == "target changed" and event["fields"]["state"] == step:
                    return event["target"].rpartition(" on ")[2]
        finally:
            events.kill()
            events.wait()
            events.stdout.close()
        self.fail(f"the run ended before a target was {step}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
