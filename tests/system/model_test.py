#!/usr/bin/python3
"""The application model on a real fleet: two applications in one environment, several components on one node, members that come and go;
and plans that hold exactly as long as what they were made from."""
# SPDX-License-Identifier: Apache-2.0
import json
import shlex
import unittest

from fleet import BIN, PACKAGE, SERVICE, Fleet

APPLICATION = '''name = "mail"
kind = "application"
summary = "A second application"
license = "Apache-2.0"
arch = "noarch"

[application]
model = "app.lua"
'''
RELAY = '''application "mail" {
  component "relay" { packages = { "relay", "relay-config" }, peers = true, consumes = { pages = external "pages" } },
}
'''
CONFIG = '''name = "relay-config"
kind = "config"
summary = "What a relay knows of its peers and of the pages"
license = "Apache-2.0"
arch = "noarch"

[[templates]]
source  = "relay.conf"
to      = "/etc/relay/relay.conf"
restart = ["relay"]
'''
TEMPLATE = '''{% for page in consumes.pages %}
page {{ page.address }}:{{ page.port }}
{% endfor %}
{% for peer in peers %}
peer {{ peer.node }}
{% endfor %}
'''
OWN = '''return workflow {
  params = { soak = duration "0s" },
  run = function(ctx, params)
    ctx:preflight()
    for _, level in ipairs(ctx.levels) do ctx:update(level, { soak = params.soak, max_unavailable = "100%" }) end
  end,
}
'''


class Shared(Fleet):
    """`nodes`: node → all of its components."""

    def __init__(self, nodes):
        super().__init__(files=2)
        self.nodes, self.outside = nodes, ""
        self.drain = self.interval = "50ms"
        self.workflows = {"own": OWN}

    def write_environment(self, extra=""):
        text = 'environment = "test"\nchannel = "stable"\n'
        for node, components in self.nodes.items():
            text += f'\n[[nodes]]\nname = "{node}"\ncomponents = {json.dumps(components)}\naddresses = {{ service = "{self.addresses[node]}" }}\n'
        (self.project / "environments/test.toml").write_text(text + self.outside + extra)

    def apply(self, extra=""):
        self.write_environment(extra)
        self.tiercel("env", "apply", self.project / "environments/test.toml")

    def policy(self, text):
        (self.project / "policy.toml").write_text('environment = "test"\n' + text)
        self.tiercel("env", "apply", self.project / "policy.toml")

    def write(self, path, text):
        file = self.project / "packages" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def release_mail(self, version):
        self.write("mail/package.toml", APPLICATION)
        self.write("mail/app.lua", RELAY)
        self.write("relay/package.toml", PACKAGE.format(tier="relay", port=21002, drain="50ms", interval="50ms"))
        self.write("relay/dist/service", SERVICE % {"ready": True, "release": version})
        self.write("relay-config/package.toml", CONFIG)
        self.write("relay-config/relay.conf", TEMPLATE)
        out = self.project / "dist" / f"mail-{version}"
        self.tiercel("build", "mail", "relay", "relay-config", "--version", version, "--out", out, "--level", "1")
        self.tiercel("repo", "add", "--channel", "dev", *sorted(out.glob("*.rpm")))
        self.tiercel("repo", "promote", "dev", "stable")
        self.tiercel("release", "create", f"mail/{version}", "--from", "stable")

    def text(self, node, path):
        return (self.root(node) / path).read_text()

    def pid(self, node, tier):
        return (self.root(node) / "run" / tier / "service.pid").read_text()


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = fleet = Shared({"one": ["svc/back", "svc/front", "mail/relay"], "two": ["svc/back", "mail/relay"], "three": ["svc/front"]})
        fleet.__enter__()
        cls.addClassCleanup(fleet.__exit__)
        fleet.outside = f'\n[external.pages]\naddress = "{fleet.addresses["one"]}"\nport = 21001\n'
        fleet.apply()
        fleet.release_mail("1.0")
        cls.deploy("svc/1.0")
        cls.deploy("mail/1.0", "all-at-once")

    @classmethod
    def deploy(cls, release, workflow="own"):
        return cls.fleet.tiercel("deploy", "test", release, "--workflow", workflow)

    def refused(self, words, pattern, code=6):
        done = self.fleet.run([BIN / "tiercel", *words], expect=code)
        self.assertRegex(done.stderr, pattern)

    def held(self):
        nodes = self.fleet.json("node", "list")["nodes"]
        return {node["name"]: {name: state["release"] for name, state in node["components"].items()} for node in nodes}

    def names(self, targets):
        return sorted(f"{target['component']} on {target['node']}" if isinstance(target, dict) else target for target in targets)

    def backs(self):
        return [line.split()[1] for line in self.fleet.text("three", "etc/front/front.conf").splitlines() if line.startswith("back ")]

    def test_applications_share_an_environment_and_its_nodes_without_touching_each_other(self):
        fleet = self.fleet
        self.assertEqual(self.held(), {"one": {"svc/back": "svc/1.0", "svc/front": "svc/1.0", "mail/relay": "mail/1.0"},
                                       "two": {"svc/back": "svc/1.0", "mail/relay": "mail/1.0"}, "three": {"svc/front": "svc/1.0"}})
        relays = {node: fleet.pid(node, "relay") for node in ("one", "two")}
        first = fleet.snapshots()
        fleet.release("2.0")
        self.deploy("svc/2.0")
        self.assertIn("release-line 2.0", fleet.text("one", "etc/front/front.conf"))
        self.refused(["rollback", "test"], r"runs several applications \(mail, svc\); name one with --app", code=2)
        fleet.tiercel("rollback", "test", "--app", "svc")
        self.assertEqual(fleet.snapshots(), first)
        self.assertEqual({node: fleet.pid(node, "relay") for node in relays}, relays, "the other application was not touched")
        backs = {node: fleet.pid(node, "back") for node in ("one", "two")}
        fleet.tiercel("run", "start", "test", "restart", "--app", "mail")
        self.assertEqual({node: fleet.pid(node, "back") for node in backs}, backs)
        self.assertNotEqual({node: fleet.pid(node, "relay") for node in relays}, relays)

    def test_node_that_joins_or_leaves_a_component_has_its_consumers_and_peers_rendered_anew(self):
        fleet = self.fleet
        self.assertEqual(self.backs(), ["one", "two"])
        fleet.nodes["four"], fleet.addresses["four"] = ["svc/back", "mail/relay"], f"{fleet.net}.40"
        fleet.apply()
        fleet.enroll("four")
        fleet.start_node("four")
        fleet.until(lambda: fleet.json("node", "show", "four")["online"], "the new node is online")
        groups = {tuple(self.names(group["targets"])): group for group in fleet.json("plan", "test", "svc/1.0", "--workflow", "own")["groups"]}
        self.assertEqual(set(groups), {("svc/back on four",), ("svc/back on one", "svc/back on two"), ("svc/front on one", "svc/front on three")})
        consumers = groups["svc/front on one", "svc/front on three"]
        self.assertIn(f"+back four {fleet.net}.40:21000", consumers["config"][0]["diff"])
        self.assertEqual((consumers["packages"], consumers["restart"], consumers["restart_why"]),
                         ([], ["front"], {"front": "config '/etc/front/front.conf' changed"}))
        starts = len(fleet.text("one", "run/back/starts").split())
        self.deploy("svc/1.0")
        self.deploy("mail/1.0", "all-at-once")
        self.assertEqual(self.backs(), ["four", "one", "two"])
        self.assertEqual(len(fleet.text("one", "run/back/starts").split()), starts, "a producer does not notice")
        self.assertEqual(fleet.text("one", "etc/relay/relay.conf").splitlines()[1:], ["peer four", "peer one", "peer two"])
        del fleet.nodes["four"]
        fleet.apply()
        plan = fleet.json("plan", "test", "svc/1.0", "--workflow", "own")
        self.assertEqual([self.names(batch["targets"]) for batch in plan["batches"]], [["svc/front on one", "svc/front on three"]])
        self.deploy("svc/1.0")
        self.deploy("mail/1.0", "all-at-once")
        self.assertEqual(self.backs(), ["one", "two"])
        self.assertEqual(fleet.text("two", "etc/relay/relay.conf").splitlines()[1:], ["peer one", "peer two"])

    def test_release_with_another_component_goes_out_and_comes_back(self):
        """Law 9: the environment has the nodes of the release that is coming, or that was there."""
        fleet = self.fleet
        nodes, model = dict(fleet.nodes), fleet.application
        self.addCleanup(lambda: (fleet.nodes.clear(), fleet.nodes.update(nodes), fleet.apply()))
        self.addCleanup(setattr, fleet, "application", model)
        self.deploy("svc/1.0")
        first = fleet.snapshots()
        fleet.application = model.replace("}\n", '  component "page" { packages = { "page" } },\n}\n')
        fleet.write("page/package.toml", PACKAGE.format(tier="page", port=21003, drain="50ms", interval="50ms"))
        fleet.write("page/dist/service", SERVICE % {"ready": True, "release": "4.0"})
        fleet.release("4.0", tiers=("back", "front", "page"))
        fleet.nodes["two"] = [*nodes["two"], "svc/page"]
        fleet.apply("\n[settings.svc.page]\nport = 21004\n")
        fleet.tiercel("run", "start", "test", "restart", "--app", "svc", "--param", "max_unavailable=100%")
        self.deploy("svc/4.0")
        page = fleet.pid("two", "page")
        fleet.tiercel("rollback", "test", "--app", "svc")
        self.assertEqual({node: fleet.snapshot(node) for node in ("one", "three")}, {node: first[node] for node in ("one", "three")})
        self.assertEqual((self.held()["two"]["svc/back"], self.held()["two"]["svc/page"], fleet.pid("two", "page")), ("svc/1.0", "svc/4.0", page))
        self.deploy("svc/4.0")
        fleet.application = model
        fleet.release("5.0")
        fleet.nodes["two"] = nodes["two"]
        fleet.apply()
        fourth = fleet.snapshots()
        self.deploy("svc/5.0")
        fleet.tiercel("rollback", "test", "--app", "svc")
        self.assertEqual(fleet.snapshots(), fourth)
        self.assertEqual(self.held()["two"]["svc/page"], "svc/4.0")

    def moves(self):
        """What can move between a plan and its run: name, what moves it, how it is told."""
        fleet = self.fleet
        fleet.addresses["five"] = f"{fleet.net}.50"

        def member():
            fleet.nodes["five"] = ["svc/front"]
            fleet.apply()
        return [("settings", lambda: fleet.apply('\n[settings.svc.front]\ngreeting = "ho"\n'), "'settings' of svc/front on"),
                ("members", member, "target svc/front on five is new"),
                ("policy", lambda: fleet.policy(self.approval + '[[budget]]\ncomponent = "svc/back"\nmax_unavailable = 1\n'), "the environment's budgets")]

    def back(self):
        self.fleet.nodes.pop("five", None)
        self.fleet.apply()
        self.fleet.policy(self.approval)

    approval = ""

    def test_plan_holds_until_release_settings_policy_workflow_or_members_move(self):
        """Law 13."""
        fleet = self.fleet
        self.addCleanup(self.back)
        plan = fleet.json("plan", "test", "svc/1.0", "--workflow", "own")["hash"]
        deploy = ["deploy", "test", "svc/1.0", "--workflow", "own", "--plan", plan]
        runs = fleet.json("run", "list")
        for name, move, told in self.moves():
            with self.subTest(name):
                move()
                self.refused(deploy, f"what was planned has moved: .*{told}.*; make a new plan with 'tiercel plan test svc/1.0'")
                self.back()
        self.refused(["deploy", "test", "svc/1.0", "--plan", plan], "what was planned has moved: the workflow 'rolling'")
        self.refused(["deploy", "test", "svc/1.0", "--workflow", "own", "--param", "soak=1s", "--plan", plan], "moved: the workflow's parameters;")
        fleet.release("3.0")
        self.refused(["deploy", "test", "svc/3.0", "--workflow", "own", "--plan", plan], r"moved: the release \(svc/1.0 was planned\)")
        self.assertEqual(fleet.json("run", "list"), runs, "nothing was started")
        fleet.tiercel(*deploy)
        said = fleet.tiercel("plan", "test", "svc/1.0", "--workflow", "own", "--param", "soak=0s")
        fleet.run(shlex.split(said.partition("run it with: ")[2]))

    def test_approval_is_void_when_settings_members_or_budgets_move_before_the_start(self):
        """Law 13."""
        fleet = self.fleet
        type(self).approval = "[approval]\ncount = 2\n"
        self.addCleanup(self.back)
        self.addCleanup(setattr, type(self), "approval", "")
        other = fleet.tiercel("token", "new", "--name", "other", "--scope", "operate").strip()
        for name, move, told in self.moves():
            with self.subTest(name):
                self.back()
                run = fleet.run([BIN / "tiercel", "deploy", "test", "svc/1.0", "--workflow", "own", "--no-wait"], expect=5).stdout.strip()
                fleet.tiercel("run", "approve", run, "--token", other)
                self.assertIn("approval by 1 person more", fleet.tiercel("run", "explain", run))
                move()
                self.assertIn("approval by 2 people more", fleet.tiercel("run", "explain", run))
                self.assertRegex(fleet.tiercel("run", "log", run), f"approval void +by=token:other +moved=.*{told}")
                fleet.tiercel("run", "cancel", run)


if __name__ == "__main__":
    unittest.main(verbosity=2)
