#!/usr/bin/python3
"""Deployments on a real fleet beside the plain rolling one: outages, the stock workflows and the order in which nodes change, failures that a
person decides about, what cannot be undone, and measurements."""
# SPDX-License-Identifier: Apache-2.0
import http.server
import json
import threading
import unittest
import urllib.parse

from acts import Acts
from fleet import BIN

BACKS = ["back-1", "back-2", "back-3"]

DROP = '''return workflow {
  summary = "Updates level by level, with a command in between that cannot be undone",
  run = function(ctx)
    ctx:preflight()
    ctx:update(ctx.levels[1], { max_unavailable = "100%" })
    ctx:command("drop", "svc/back")
    ctx:update(ctx.levels[2])
  end,
}
'''

MEASURED = '''return workflow {
  summary = "A canary of the back tier that is measured in three ways, then the rest",
  params  = { url = text "" },
  run = function(ctx, params)
    local often = function(metric)
      metric.interval, metric.count, metric.inconclusive = "50ms", 2, 0
      return metric
    end
    ctx:preflight()
    ctx:update(ctx.levels[1], { ramp = { 1, "100%" }, soak = "100ms", max_unavailable = "100%", analysis = {
      often { name = "load", command = "rate", pass = "<= 5" },
      often { name = "errors", http = { url = params.url .. "/errors", path = "rates.1.now" }, pass = "< 0.5" },
      often { name = "latency", prometheus = { url = params.url, query = 'avg(latency{node=~"{{ nodes }}"})' }, compare = "peers", pass = "<= 1.5" },
    } })
    ctx:update(ctx.levels[2])
  end,
}
'''


class Metrics(http.server.BaseHTTPRequestHandler):
    """A JSON document and a Prometheus server; no value: 503, and an empty vector."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        numbers = self.server.numbers
        if path == "/errors":
            status, document = (503, {}) if numbers["errors"] is None else (200, {"rates": [{}, {"now": numbers["errors"]}]})
        else:
            expression = urllib.parse.parse_qs(query)["query"][0]
            self.server.queries.append(expression)
            canary = expression == 'avg(latency{node=~"back-1"})'
            number = numbers["latency"] if canary else 1
            result = [] if number is None else [{"metric": {}, "value": [0, str(number)]}]
            status, document = 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Deployments(Acts):
    workflows = {"drop": DROP, "measured": MEASURED}

    # ---- outages ------------------------------------------------------------------------------------------------------------

    def test_outage_stops_all_migrates_once_and_starts_all_although_the_dispatcher_is_killed_in_each_act(self):
        """Laws 6 and 7."""
        fleet = self.fleet
        before, answered = self.pids(), self.answers()
        author = fleet.tiercel("token", "new", "--name", "author", "--scope", "operate").strip()
        release = self.release()
        plan = fleet.tiercel("plan", "test", f"svc/{release}", "--workflow", "outage", "--param", "reason=new tables")
        self.assertIn("new tables", plan)
        run = self.start("deploy", "test", f"svc/{release}", "--workflow", "outage", "--param", "reason=new tables", "--token", author)
        self.explained(run, "approval of an outage of one person: new tables, until ")
        self.assertIn("the run was asked for by 'token:author'; somebody else must approve it",
                      fleet.run([BIN / "tiercel", "run", "approve", run, "--token", author], expect=6).stderr)
        self.assertEqual((self.living(before), self.answers()), (list(fleet.nodes), answered), "nothing has happened yet")
        for node in BACKS:
            self.knob(node, "hold-migrate")
        self.by_other("run", "approve", run)
        fleet.until(lambda: "stopping" in fleet.targets(run).values() or self.living(before) == [], "services stop")
        self.kill_dispatcher()
        fleet.until(lambda: self.acts("migrate"), "the migration has begun")
        self.assertEqual(self.living(before), [], "it begins when everything has stopped")
        fleet.kill_dispatcher()
        for node in BACKS:
            self.turn(node, "hold-migrate")
        fleet.start_dispatcher()
        fleet.until(lambda: fleet.json("run", "show", run).get("outcome") or "starting" in fleet.targets(run).values(), "services start")
        self.kill_dispatcher()
        self.ended(run)
        self.assertEqual([line.split()[0::2] for line in self.acts("migrate")], [["migrate", release]], "exactly once")
        self.assertEqual(set(self.answers().values()), {release})
        self.assertEqual({node: fleet.starts(node).count(release) for node in fleet.nodes}, dict.fromkeys(fleet.nodes, 1))
        tiers = {state: [node.partition("-")[0] for node in self.first(run, state)] for state in ("stopped", "applying", "starting")}
        self.assertEqual(tiers, {"stopped": ["front"] * 2 + ["back"] * 3, "applying": ["back"] * 3 + ["front"] * 2, "starting": ["back"] * 3 + ["front"] * 2})
        migrated = self.acts("migrate")[0].split()[1]
        self.assertEqual(self.first(run, "applying")[0], migrated)

    def test_outage_that_is_rejected_touches_nothing(self):
        before = self.pids()
        run = self.deploy(self.release("back"), "outage")
        self.explained(run, "approval of an outage")
        self.by_other("run", "reject", run, "--reason", "not today")
        self.assertIn("not approved: rejected by token:other: not today", self.ended(run, "refused")["reason"])
        self.assertEqual(self.pids(), before)

    def test_rollback_in_the_middle_of_an_outage_starts_what_that_has_stopped(self):
        """Law 9: also where the release that is wanted was never taken away."""
        fleet, good = self.fleet, self.release()
        self.ended(self.deploy(good, "all-at-once"))
        for node in BACKS:
            self.knob(node, "hold-migrate")
        run = self.deploy(self.release(), "outage")
        self.explained(run, "approval of an outage")
        self.by_other("run", "approve", run)
        fleet.until(lambda: "commanding" in fleet.targets(run).values(), "all is stopped, and the migration has begun")
        back = self.start("rollback", "test")
        fleet.tiercel("run", "cancel", run)  # it would wait for the migration
        self.assertIn("command 'migrate' was ended", str(self.ended(run, "cancelled")["targets"]))
        self.assertEqual(self.ended(back)["release"], f"svc/{good}")
        self.assertEqual(set(self.answers().values()), {good})

    # ---- the stock workflows ------------------------------------------------------------------------------------------------

    def changed(self, tier=""):
        """Nodes in the order in which their new service came up, as they tell themselves."""
        return [line.split()[1] for line in self.acts("after-restart") if line.split()[1].startswith(tier)]

    def test_canary_goes_first_and_a_person_lets_the_rest_follow(self):
        release = self.release()
        run = self.deploy(release, "canary", "canary_soak=100ms", "soak=0s", "settle=50ms", "approve=true")
        self.explained(run, f"approval of one person: the canaries of svc/{release} are well: go on[?]")
        self.assertEqual([node for node, answer in self.answers().items() if answer == release], ["back-1"])
        self.by_other("run", "approve", run)
        self.ended(run)
        self.assertEqual(set(self.answers().values()), {release})
        self.assertEqual(self.changed(), BACKS + ["front-1", "front-2"])

    def test_blue_green_changes_one_half_while_the_other_serves(self):
        release = self.release()
        run = self.deploy(release, "blue-green", "settle=50ms", "soak=50ms", "max_unavailable=2")  # a half of three
        self.ended(run)
        self.assertEqual(set(self.answers().values()), {release})
        order = self.changed()
        self.assertEqual([order[0], set(order[1:3]), order[3:]], ["back-3", {"back-1", "back-2"}, ["front-2", "front-1"]], "green, then blue")

    def test_blue_stands_by_while_green_serves_alone_and_serves_again_when_green_is_not_good_enough(self):
        before = set(self.answers().values())
        release = self.release()
        self.knob("back-3", "say-rate", "7\n")
        self.knob("back-3", "hold-rate")
        run = self.deploy(release, "blue-green", "settle=50ms", "soak=1h", "max_unavailable=2", "measure=rate", "pass=<= 5")
        states = {"back-1": "standby", "back-2": "standby", "back-3": "soaking", "front-1": "ready", "front-2": "ready"}
        self.fleet.until(lambda: self.fleet.targets(run) == states, "blue stands by", 30)
        self.assertEqual(self.fleet.drained(), ["back-1", "back-2"])
        self.turn("back-3", "hold-rate")
        document = self.ended(run, "rolled_back")
        self.assertIn("rate", document["reason"])
        self.assertEqual(self.fleet.targets(run), {"back-1": "not_started", "back-2": "not_started", "back-3": "rolled_back",
                                            "front-1": "not_started", "front-2": "not_started"})
        self.assertEqual(set(self.answers().values()), before)
        self.assertEqual(self.changed(), ["back-3"])

    def test_one_zone_first_finishes_the_smallest_zone_before_the_next(self):
        release = self.release("back")
        run = self.deploy(release, "one-zone-first", "soak=0s", "zone_soak=50ms")
        self.ended(run)
        self.all_of("back", release)
        self.assertEqual(self.changed("back"), ["back-2", "back-1", "back-3"])
        self.assertEqual([fields["zone"] for fields in self.said(run, "batch started") if fields["level"] == 0], ["small", "wide", "wide"])

    def test_all_at_once_takes_a_whole_level_out_of_service(self):
        release = self.release("back")
        run = self.deploy(release, "all-at-once")
        self.ended(run)
        self.all_of("back", release)
        self.assertEqual(self.most_at_once(run, "back"), 3)

    def test_config_only_changes_what_settings_say_and_refuses_packages(self):
        fleet = self.fleet
        release = self.release()
        self.ended(self.deploy(release, "all-at-once"))
        installed, before = fleet.snapshots(), self.pids()
        fleet.write_environment('\n[settings.svc.front]\ngreeting = "good evening"\n')
        fleet.tiercel("env", "apply", fleet.project / "environments/test.toml")
        run = self.deploy(release, "config-only", "soak=0s")
        self.assertEqual(fleet.targets(self.ended(run)["id"]), dict.fromkeys(BACKS, "unchanged") | {"front-1": "updated", "front-2": "updated"})
        self.assertIn("greeting good evening", (fleet.root("front-1") / "etc/front/front.conf").read_text())
        self.assertEqual([installed[node]["packages"] for node in fleet.nodes], [fleet.snapshot(node)["packages"] for node in fleet.nodes])
        self.assertEqual(self.living(before), BACKS, "only the front tier reads that setting")
        run = self.deploy(self.release("back"), "config-only", "soak=0s")
        self.assertIn("3 targets would get other packages; use another workflow for that", self.ended(run, "refused")["reason"])
        self.all_of("back", release)

    def test_repair_brings_back_what_has_drifted_and_leaves_the_rest(self):
        fleet = self.fleet
        release = self.release()
        self.ended(self.deploy(release, "all-at-once"))
        whole, before = fleet.snapshots(), self.pids()
        (fleet.root("front-2") / "etc/front/front.conf").write_text("what somebody wrote by hand\n")
        fleet.run(["rpm", "--root", fleet.root("back-2"), "--define", "_dbpath /var/lib/rpm", "--nodeps", "-e", "back"])
        self.assertNotEqual(fleet.snapshots(), whole)
        run = self.operate("repair")
        self.assertEqual(fleet.targets(self.ended(run)["id"]),
                         {"back-1": "unchanged", "back-2": "updated", "back-3": "unchanged", "front-1": "unchanged", "front-2": "updated"})
        self.assertEqual(fleet.snapshots(), whole)
        self.assertEqual(set(self.answers().values()), {release})
        self.assertTrue({"back-1", "back-3", "front-1"} <= set(self.living(before)), "who was well was not touched")

    # ---- failures -----------------------------------------------------------------------------------------------------------

    def failing(self, release, node="back-1"):
        """A deployment that asks, because the hook of this node fails."""
        self.knob(node, "exit-after-restart", "3")
        run = self.deploy(release, "rolling", "soak=0s", "on_failure=ask", "max_unavailable=100%")
        said = self.explained(run, "a person, to retry, skip, roll back or cancel: ")
        self.assertIn(f"svc/back on {node}: restart: hook 'after-restart' of package 'back' ended with 3", said)
        self.assertEqual(self.changed(), [node], "law 2: nobody else starts")
        self.assertEqual(self.fleet.drained(), [], "law 5: nothing stays drained while it waits")
        return run

    def test_failure_that_asks_can_be_tried_again_skipped_or_taken_back(self):
        fleet = self.fleet
        release = self.release("back")
        run = self.failing(release)
        fleet.tiercel("run", "rollback-now", run, "--reason", "no time")
        self.assertIn("token:admin: no time decided to roll back", self.ended(run, "rolled_back")["reason"])
        self.assertNotIn(release, self.answers().values())

        self.setUp()
        run = self.failing(release)
        fleet.tiercel("run", "skip", run, "--target", "back-1", "--reason", "it is being replaced")
        self.ended(run, "succeeded_with_left_out")
        self.assertEqual(fleet.targets(run)["back-1"], "skipped")
        self.all_of("back", release)

        self.setUp()
        release = self.release("back")
        run = self.failing(release)
        started = fleet.starts("back-1").count(release)
        self.turn("back-1", "exit-after-restart")
        fleet.tiercel("run", "retry", run, "--target", "svc/back on back-1")
        self.assertEqual(fleet.targets(self.ended(run)["id"])["back-1"], "updated")
        self.all_of("back", release)
        self.assertEqual((started, fleet.starts("back-1").count(release)), (1, 1), "what was done is not done twice")

    def test_nothing_is_taken_back_after_what_cannot_be_undone(self):
        fleet = self.fleet
        before, release = self.answers(), self.release()
        self.knob("front-1", "exit-after-restart", "3")
        run = self.deploy(release, "drop")
        document = self.ended(run, "needs_person")
        self.assertEqual(document["exit_code"], 5)
        self.assertRegex(document["reason"], "front-1: restart: hook 'after-restart' .*; there is no way back: command 'drop' of svc/back on back-1 is "
                                             "irreversible and has succeeded")
        self.assertEqual(self.acts("drop"), [f"drop back-1 {release}"])
        self.assertEqual(self.answers(), {node: release if node != "front-2" else before[node] for node in fleet.nodes})
        refused = fleet.run([BIN / "tiercel", "rollback", "test"], expect=6).stderr
        self.assertIn(f"succeeded since: command 'drop' of svc/back on back-1, in run {run} (svc/{release}); if it can live with that", refused)

    # ---- measurements -------------------------------------------------------------------------------------------------------

    def test_batch_is_judged_by_a_command_a_document_and_a_query_and_no_data_is_no_verdict(self):
        """Law 15."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        server.queries = []
        url = f"url=http://127.0.0.1:{server.server_address[1]}"

        def measure(load, errors, latency):
            server.numbers = {"errors": errors, "latency": latency}
            for node in BACKS:
                self.knob(node, "say-rate", f"some words\n{load}\n" if load is not None else "")

        before, release = self.answers(), self.release("back")
        for numbers, reason in (((7, 0.1, 1), "analysis: load is 7, must be <= 5 (1 of 1 failed, 0 may)"),
                                ((2, 0.7, 1), "analysis: errors is 0.7, must be < 0.5 (1 of 1 failed, 0 may)"),
                                ((2, 0.1, 2), "analysis: latency is 2, of its peers 1: ratio 2, must be <= 1.5 (1 of 1 failed, 0 may)")):
            with self.subTest(numbers=numbers):
                self.setUp()
                measure(*numbers)
                run = self.deploy(release, "measured", url)
                self.assertIn(reason, self.ended(run, "rolled_back")["reason"])
                self.assertEqual(self.answers(), before)
                self.assertEqual(self.changed(), ["back-1"], "only the canary was touched")
        self.assertEqual(set(server.queries), {'avg(latency{node=~"back-1"})', 'avg(latency{node=~"back-2|back-3"})'})

        measure(None, None, None)
        run = self.deploy(release, "measured", url)
        self.fleet.until(lambda: len(self.said(run, "analysis inconclusive")) == 3, "none of the three is a verdict")
        self.explained(run, "a person, to resume or cancel: analysis could not judge: ")
        told = self.story(run)
        self.assertIn("load could not be measured: svc/back on back-1: 'load' could not be measured: its last line is ''", told)
        self.assertRegex(told, "errors could not be measured: http://127.0.0.1:[0-9]+/errors answered 503")
        self.assertIn("latency could not be measured: the query gave 0 series instead of one", told)
        measure(2, 0.1, 1)
        self.fleet.tiercel("run", "resume", run)
        self.ended(run)
        self.all_of("back", release)


if __name__ == "__main__":
    unittest.main(verbosity=2)
