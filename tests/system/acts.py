"""What the tests of acts share: a fleet whose packages bring commands and hooks, and eyes for what they did on the nodes."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import sqlite3
import unittest

from fleet import APPLICATION, BIN, Fleet

# Every packaged command and hook of these tests. It notes that it was here in a file of the whole fleet, and does what files beside the
# service's tell it: prints say-NAME, waits while there is a hold-NAME, and ends with the number in exit-NAME.
ACT = '''#!/bin/sh
name=$1 run=$2 node=$3 release=$4
echo "$name $node $release in $(pwd) reading $(readlink /proc/self/fd/0)" >> "$run/../../../../acts"
[ ! -e "$run/say-$name" ] || cat "$run/say-$name"
while [ -e "$run/hold-$name" ]; do sleep 0.03; done
[ ! -e "$run/exit-$name" ] || exit "$(cat "$run/exit-$name")"
'''

# A command that leaves its session and its parent behind: the shell, a child, and a grandchild that nobody waits for.
TREE = '''#!/bin/sh
run=$1
note() { echo "echo \\$\\$ >> $run/tree; $1"; }
setsid sh -c "$(note "setsid sh -c '$(note 'exec sleep 600')' & exec sleep 600")" &
echo $$ >> "$run/tree"
wait
'''

WORDS = '"/bin/sh", "{{{{ node.root }}}}/opt/{tier}/act", "{name}", "{{{{ node.root }}}}/run/{tier}", "{{{{ node.name }}}}", "{{{{ release }}}}"'
HOOK = '\n[[hooks]]\nat = "{name}"\nrun = [' + WORDS + ']\n'
COMMAND = '\n[[commands]]\nname = "{name}"\nrun = [' + WORDS + ']\n'
TREE_COMMAND = '''
[[commands]]
name = "tree"
run = ["/bin/sh", "{{ node.root }}/opt/back/tree", "{{ node.root }}/run/back"]
'''

LABELS = {"back-1": {"color": "blue", "zone": "wide"}, "back-2": {"color": "blue", "zone": "small"}, "back-3": {"color": "green", "zone": "wide"},
          "front-1": {"color": "blue", "zone": "wide"}, "front-2": {"color": "green", "zone": "small"}}


def hook(tier, name):
    return HOOK.format(tier=tier, name=name)


def command(tier, name, more=""):
    return COMMAND.format(tier=tier, name=name) + more


class Acts(unittest.TestCase):
    """One fleet for all tests of a class. Each test begins with whatever release the one before it has left."""

    workflows = {}

    @classmethod
    def setUpClass(cls):
        cls.fleet = fleet = Fleet(back=3, front=2, files=3, labels=LABELS)
        fleet.drain, fleet.interval = "50ms", "50ms"
        fleet.application = APPLICATION.replace('packages = { "back" },', 'packages = { "back" }, migrate = "migrate",')
        fleet.workflows = cls.workflows
        fleet.programs = {"act": ACT, "tree": TREE}
        cls.recipes = {"front": hook("front", "after-restart"),
                       "back": hook("back", "after-restart") + command("back", "migrate", "once = true\n") +
                               command("back", "agent", "ok = [0, 2]\nchanged = [2]\n") + command("back", "rate") +
                               command("back", "single", "once = true\n") + command("back", "again", "once = true\nrepeatable = true\n") +
                               command("back", "drop", "once = true\nirreversible = true\n") + TREE_COMMAND}
        fleet.more = dict(cls.recipes)
        fleet.__enter__()
        cls.addClassCleanup(fleet.__exit__)
        fleet.deploy("svc/1.0", params=("soak=0s",))
        cls.version = 1
        cls.other = fleet.tiercel("token", "new", "--name", "other", "--scope", "operate").strip()

    def setUp(self):
        (self.fleet.dir / "nodes/acts").unlink(missing_ok=True)
        for node in self.fleet.nodes:
            for knob in ("hold-*", "say-*", "exit-*", "unready", "tree"):
                for file in self.run_of(node).glob(knob):
                    file.unlink()

    def tearDown(self):
        for run in self.fleet.json("run", "list")["runs"]:  # what a failed test has left would hold up the others
            if run["state"] != "ended":
                self.fleet.tiercel("run", "cancel", run["id"], expect=None)
                self.fleet.finish(run["id"])

    # ---- what a test does ---------------------------------------------------------------------------------------------------

    def release(self, *tiers, **more):
        """A new release; of these tiers only, when some are named. `more`: tier → what its recipe has besides."""
        type(self).version += 1
        self.fleet.more = {tier: text + more.get(tier, "") for tier, text in self.recipes.items()}
        self.fleet.release(f"{self.version}.0", tiers=tiers or ("back", "front"))
        return f"{self.version}.0"

    def run_of(self, node):
        return self.fleet.root(node) / "run" / node.partition("-")[0]

    def knob(self, node, name, text=""):
        """Makes the file that tells a packaged program what to do."""
        (self.run_of(node) / name).write_text(text)

    def turn(self, node, name):
        (self.run_of(node) / name).unlink()

    def start(self, *words):
        """A run in the background; its id."""
        done = self.fleet.run([BIN / "tiercel", *words, "--no-wait"], expect=None)
        self.assertIn(done.returncode, (0, 5), done.stderr)
        return done.stdout.strip()

    def operate(self, workflow, *params):
        return self.start("run", "start", "test", workflow, *[word for param in params for word in ("--param", param)])

    def deploy(self, release, workflow="rolling", *params):
        words = [word for param in params for word in ("--param", param)]
        return self.start("deploy", "test", f"svc/{release}", "--workflow", workflow, *words)

    def by_other(self, *words, expect=0):
        return self.fleet.run([BIN / "tiercel", *words, "--token", self.other], expect)

    def explained(self, run, pattern):
        """Waits until the run waits for this."""
        said = {}

        def says():
            said["text"] = self.fleet.tiercel("run", "explain", run)
            return re.search(pattern, said["text"])

        try:
            self.fleet.until(says, f"run {run} waits for: {pattern}", 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\nit waits for: {said['text']}\n{self.story(run)}") from None
        return said["text"]

    def ended(self, run, outcome="succeeded"):
        try:
            document = self.fleet.finish(run, 120)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story(run)}") from None
        self.assertEqual(document["outcome"], outcome, f"{document}\n{self.story(run)}")
        return document

    def story(self, run):
        return self.fleet.tiercel("run", "log", run)

    # ---- what a test sees ---------------------------------------------------------------------------------------------------

    def events(self, run):
        return [json.loads(line) for line in self.fleet.tiercel("run", "log", run, "--json").splitlines()]

    def moves(self, run):
        """(node, state) in the order in which targets came to it."""
        return [(event["target"].rpartition(" on ")[2], event["fields"]["state"]) for event in self.events(run) if event["message"] == "target changed"]

    def first(self, run, state):
        """Nodes in the order in which they came to this state for the first time."""
        return list(dict.fromkeys(node for node, at in self.moves(run) if at == state))

    def said(self, run, message):
        """Fields of the story's lines with this message, with the node in `on`."""
        return [event["fields"] | {"on": (event.get("target") or "").rpartition(" on ")[2]} for event in self.events(run) if event["message"] == message]

    def most_at_once(self, run, tier):
        """How many of the tier were between drain and service at the same time."""
        out, most = set(), 0
        for node, state in self.moves(run):
            if node.startswith(tier) and state == "draining":
                out.add(node)
                most = max(most, len(out))
            elif state in ("soaking", "updated", "stopped", "failed"):
                out.discard(node)
        return most

    def acts(self, *names):
        """'NAME NODE RELEASE' of the packaged programs that have run, in that order; of these names only, when some are given."""
        file = self.fleet.dir / "nodes/acts"
        lines = [line.partition(" in ")[0] for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if not names or line.split()[0] in names]

    def pids(self):
        return {node: int((self.run_of(node) / "service.pid").read_text()) for node in self.fleet.nodes}

    @staticmethod
    def lives(pid):
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat[stat.rindex(")") + 2] not in "ZX"

    def living(self, pids):
        """Those nodes whose process lives."""
        return [node for node, pid in pids.items() if self.lives(pid)]

    def answers(self):
        """What each service says its release is; law 5: and nothing is drained."""
        self.assertEqual(self.fleet.drained(), [], "law 5: nothing stays drained")
        return {node: self.fleet.answers(node) for node in self.fleet.nodes}

    def all_of(self, tier, release):
        self.assertEqual({answer for node, answer in self.answers().items() if node.startswith(tier)}, {release})

    def components(self, member):
        """What `node list` says of each node's component."""
        nodes = self.fleet.json("node", "list")["nodes"]
        return {node["name"]: node["components"][self.fleet.nodes[node["name"]]][member] for node in nodes}

    def orders(self, node, kind):
        """(body, detail of the report) of all orders of this kind in the node's own journal."""
        journal = sqlite3.connect(f"file:{self.fleet.state(node)}/journal.db?mode=ro", uri=True)
        try:
            rows = journal.execute("SELECT text, report FROM orders ORDER BY rowid").fetchall()
        finally:
            journal.close()
        orders = [(json.loads(text), json.loads(report) if report else {}) for text, report in rows]
        return [(order["body"], report.get("detail")) for order, report in orders if order["kind"] == kind]

    def kill_dispatcher(self):
        self.fleet.kill_dispatcher()
        self.fleet.start_dispatcher()
