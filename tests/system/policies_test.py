#!/usr/bin/python3
"""What holds a run before it starts, as people meet it at the command line: policies, approvals, locks, times; and what they may say to
runs."""
# SPDX-License-Identifier: Apache-2.0
import unittest

from fleet import BIN, Fleet

POLICY = '''environment = "test"

[approval]
count = 1
role = "manager"

[[freeze]]
from = "2020-01-01"
to = "2020-01-02"

[[budget]]
component = "svc/back"
max_unavailable = 1
'''


class Policies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(back=1, front=1, files=3)
        cls.fleet.__enter__()
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.deploy("svc/1.0")
        cls.fleet.release("2.0")
        cls.policy = cls.fleet.project / "policies/test.toml"
        cls.policy.parent.mkdir()

    def token(self, name, *more):
        return self.fleet.tiercel("token", "new", "--name", name, "--scope", "operate", *more).strip()

    def as_holder(self, token, *words, expect=0):
        return self.fleet.run([BIN / "tiercel", *words, "--token", token], expect)

    def apply(self, text):
        self.policy.write_text(text)
        return self.fleet.tiercel("env", "apply", self.policy)

    def test_approval_by_somebody_else_starts_a_deployment(self):
        fleet = self.fleet
        self.assertEqual(self.apply(POLICY), "policy of environment test: version 1\n")
        self.addCleanup(self.apply, 'environment = "test"\n')
        author, other, manager = self.token("author"), self.token("other"), self.token("boss", "--role", "manager")
        refused = self.as_holder(author, "env", "apply", self.policy, expect=6)
        self.assertIn("POST /v1/policies needs a token with scope 'admin', and 'token:author' has not got it", refused.stderr)

        plan = fleet.tiercel("plan", "test", "svc/2.0", "--detailed-exitcode", expect=10)
        self.assertIn("needs approval by 1 with role 'manager', within 1d", plan)
        self.assertIn("at most 1 of svc/back out of service", plan)
        run = self.as_holder(author, "deploy", "test", "svc/2.0", "--param", "soak=100ms", "--no-wait", expect=5).stdout.strip()
        self.assertIn("approval by 1 person with role 'manager' more, not by token:author", fleet.tiercel("run", "explain", run))
        self.assertIn("somebody else must approve it", self.as_holder(author, "run", "approve", run, expect=6).stderr)
        self.assertIn("the token of 'token:other' has none", self.as_holder(other, "run", "approve", run, expect=6).stderr)
        fleet.kill_dispatcher()
        fleet.start_dispatcher()
        self.as_holder(manager, "run", "approve", run, "--reason", "looks good")
        self.assertEqual(fleet.finish(run)["outcome"], "succeeded")
        self.assertIn("run approved  by=token:boss", fleet.tiercel("run", "log", run))

    def test_lock_holds_runs_and_is_shown(self):
        fleet = self.fleet
        holder = self.token("holder")
        self.as_holder(holder, "env", "lock", "test", "--reason", "disk replaced", "--for", "2h")
        self.assertIn("locked by token:holder", fleet.tiercel("env", "show", "test"))
        run = fleet.deploy("svc/1.0", background=True)
        self.assertIn("is locked by token:holder", fleet.tiercel("run", "explain", run))
        refused = fleet.run([BIN / "tiercel", "rollback", "test"], expect=6)
        self.assertIn("--override-lock REASON", refused.stderr)
        self.assertIn("only they and administrators", self.as_holder(self.token("third"), "env", "unlock", "test", expect=6).stderr)
        self.as_holder(holder, "env", "unlock", "test")
        self.assertEqual(fleet.finish(run)["outcome"], "succeeded")
        self.assertIn("is not locked", fleet.run([BIN / "tiercel", "env", "unlock", "test"], expect=2).stderr)

    def test_time_to_start_and_what_people_may_say(self):
        fleet = self.fleet
        run = fleet.run([BIN / "tiercel", "deploy", "test", "svc/1.0", "--at", "2100-01-01T00:00:00Z", "--no-wait"]).stdout.strip()
        self.assertIn("its time to start, until 2100-01-01T00:00:00.000Z", fleet.tiercel("run", "explain", run))
        self.assertIn("it can be approved, rejected or cancelled", fleet.run([BIN / "tiercel", "run", "pause", run], expect=6).stderr)
        fleet.tiercel("run", "cancel", run, "--reason", "changed our minds")
        self.assertEqual(fleet.json("run", "show", run)["outcome"], "cancelled")
        self.assertIn("never started", fleet.run([BIN / "tiercel", "run", "retry", run], expect=6).stderr)
        late = fleet.run([BIN / "tiercel", "deploy", "test", "svc/1.0", "--expires", "2020-01-01T00:00:00Z"], expect=2)
        self.assertIn("the run could never start", late.stderr)

    def test_operation_works_on_what_is_there_and_leaves_its_release(self):
        fleet = self.fleet
        current = fleet.json("env", "show", "test")["current"]
        run = fleet.tiercel("run", "start", "test", "status", "--no-wait").strip()
        document = fleet.finish(run)
        self.assertEqual((document["kind"], document["outcome"], document["release"]), ("operation", "succeeded", current[0]["release"]))
        self.assertEqual(fleet.json("env", "show", "test")["current"], current)

    def test_wrong_policies_are_refused_with_their_place(self):
        self.policy.write_text('environment = "test"\n[[freeze]]\nfrom = "Fri 16:00"\nto = "Mon 08:00"\ntz = "Europe/Belrin"\n')
        refused = self.fleet.run([BIN / "tiercel", "env", "apply", self.policy], expect=2)
        self.assertIn("test.toml:5: time zone 'Europe/Belrin' does not exist here", refused.stderr)
        self.policy.write_text('environment = "tset"\n')
        refused = self.fleet.run([BIN / "tiercel", "env", "apply", self.policy], expect=2)
        self.assertIn("environment 'tset' does not exist, there are: test", refused.stderr)


if __name__ == "__main__":
    unittest.main()
