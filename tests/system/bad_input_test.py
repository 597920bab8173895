#!/usr/bin/python3
"""Bad input gets one clear sentence with file, line and next step, exit code 2, and changes nothing."""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import pathlib
import re
import shutil
import unittest

from fleet import BIN, Fleet


def content(directory):
    """Every file below it by its digest; the lock and SQLite's side files are no content."""
    return {str(f.relative_to(directory)): hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(directory.rglob("*"))
            if f.is_file() and not f.is_symlink() and not f.name.endswith(("-wal", "-shm", "lock"))}


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(back=1, front=1, files=3)
        cls.fleet.__enter__()
        cls.fleet.deploy("svc/1.0")
        cls.project = cls.fleet.project

    @classmethod
    def tearDownClass(cls):
        cls.fleet.__exit__()

    def setUp(self):
        self.saved = self.fleet.dir / "saved"
        shutil.copytree(self.project / "packages", self.saved / "packages")
        shutil.copytree(self.project / "environments", self.saved / "environments")

    def tearDown(self):
        for part in ("packages", "environments"):
            shutil.rmtree(self.project / part)
            shutil.move(self.saved / part, self.project / part)
        shutil.rmtree(self.saved)

    def refused(self, words, pattern, code=2):
        """Runs it; the sentence must match, be one line, and the repository and the nodes must stay what they are."""
        repository = content(self.project / "repository")
        nodes = self.fleet.snapshots()
        done = self.fleet.run([BIN / "tiercel", *words], expect=None)
        said = done.stderr.strip()
        self.assertEqual(done.returncode, code, f"{words}: {said} {done.stdout}")
        self.assertRegex(said, pattern)
        self.assertEqual(said.count("\n"), 0, f"one sentence: {said}")
        self.assertEqual(content(self.project / "repository"), repository, "the repository has changed")
        self.assertEqual(self.fleet.snapshots(), nodes, "a node has changed")

    def edit(self, path, old, new):
        file = self.project / path
        text = file.read_text()
        self.assertIn(old, text)
        file.write_text(text.replace(old, new, 1))

    def build(self, *packages, version="9.0"):
        return ["build", *packages, "--version", version, "--out", self.fleet.dir / "bad"]

    def publish(self, version, *packages):
        out = self.fleet.dir / f"bad-{version}"
        self.fleet.tiercel("build", *packages, "--version", version, "--out", out)
        self.fleet.tiercel("repo", "add", "--channel", f"bad-{version}", *sorted(out.glob("*.rpm")))

    def test_unknown_key(self):
        self.edit("packages/back/package.toml", "summary", "sumary")
        self.refused(self.build("back"), r"back/package\.toml:3: unknown key 'sumary'; did you mean 'summary'\?|'summary' is missing")

    def test_wrong_type(self):
        self.edit("packages/back/package.toml", 'license = "Apache-2.0"', "license = 2")
        self.refused(self.build("back"), r"back/package\.toml:4: 'license' is a number, but must be a string")

    def test_missing_file(self):
        shutil.rmtree(self.project / "packages/back/dist")
        self.refused(self.build("back"), r"back/package\.toml:\d+: .*dist")

    def test_missing_package(self):
        self.refused(self.build("bakc"), r"bakc.*back")

    def test_two_entries_that_own_one_path(self):
        (self.project / "packages/back/again").write_text("x")
        with open(self.project / "packages/back/package.toml", "a", encoding="utf-8") as file:
            file.write('\n[[files]]\nfrom = "again"\nto = "/opt/back/service"\n')
        self.refused(self.build("back"), r"back/package\.toml:.*/opt/back/service")

    def test_two_packages_that_own_one_path(self):
        (self.project / "packages/front-config/extra").write_text("x")
        with open(self.project / "packages/front-config/package.toml", "a", encoding="utf-8") as file:
            file.write('\n[[files]]\nfrom = "extra"\nto = "/opt/front/service"\n')
        self.publish("3.0", "svc", "back", "front", "front-config")
        self.refused(["release", "create", "svc/3.0", "--from", "bad-3.0"], r"'front' and 'front-config'.*/opt/front/service|'front-config' and 'front'")

    def test_cycle(self):
        self.edit("packages/svc/app.lua", 'packages = { "back" }', 'packages = { "back" }, consumes = { f = "page" }')
        self.edit("packages/svc/app.lua", 'consumes = { backs = "http" }', 'consumes = { backs = "http" }, produces = { page = { port = setting "port" } }')
        self.publish("4.0", "svc", "back", "front", "front-config")
        self.refused(["release", "create", "svc/4.0", "--from", "bad-4.0"], r"app\.lua:?.*cycle.*svc/back -> svc/front -> svc/back|svc/front -> svc/back -> svc/front")
        self.refused(["app", "show", "svc"], r"app\.lua")

    def test_migration_that_no_package_brings(self):
        self.edit("packages/svc/app.lua", 'packages = { "back" }', 'packages = { "back" }, migrate = "back-migrate"')
        self.publish("4.5", "svc", "back", "front", "front-config")
        self.refused(["release", "create", "svc/4.5", "--from", "bad-4.5"],
                     r"svc-4\.5-1\.noarch:app\.lua:\d+: component 'svc/back' migrates with command 'back-migrate', which none of its packages brings")

    def test_components_that_conflict_on_one_node(self):
        self.edit("packages/svc/app.lua", 'packages = { "back" }', 'packages = { "back" }, conflicts = { "svc/front" }')
        environment = self.project / "environments/test.toml"
        environment.write_text(environment.read_text().replace('["svc/back"]', '["svc/back", "svc/front"]', 1))
        try:
            self.refused(["app", "show", "svc", "--environment", "test"],
                         r"test\.toml:\d+: node '[^']+' has components 'svc/back' and 'svc/front', which must not share a node")
        finally:
            self.fleet.write_environment()

    def test_undefined_template_name(self):
        self.edit("packages/front-config/front.conf", "settings.greeting", "settings.greting")
        self.publish("5.0", "svc", "back", "front", "front-config")
        self.refused(["release", "create", "svc/5.0", "--from", "bad-5.0"],
                     r"front-config-5\.0-1\.noarch:.*front\.conf:2: 'settings\.greting' is undefined.*did you mean 'settings\.greeting'\?")

    def test_broken_template(self):
        self.edit("packages/front-config/front.conf", "{% endfor %}", "")
        self.refused(self.build("front-config"), r"front\.conf:\d+")

    def test_component_without_nodes(self):
        environment = self.project / "environments/test.toml"
        environment.write_text(re.sub(r'\[\[nodes\]\]\nname = "front-1".*?\n\n?(?=\[|$)', "", environment.read_text(), flags=re.S))
        self.fleet.tiercel("env", "apply", environment)
        try:
            self.refused(["plan", "test", "svc/1.0"], r"component 'svc/front' has no node.*test")
        finally:
            self.fleet.write_environment()
            self.fleet.tiercel("env", "apply", environment)

    def test_setting_out_of_bounds(self):
        environment = self.project / "environments/test.toml"
        environment.write_text(environment.read_text() + "\n[settings.svc.back]\nport = 70000\n")
        line = len(environment.read_text().splitlines())
        self.fleet.run([BIN / "tiercel", "env", "apply", environment], expect=None)
        try:
            self.refused(["deploy", "test", "svc/1.0"], rf"test\.toml:{line}: .*port.*70000.*65535")
        finally:
            self.fleet.write_environment()
            self.fleet.tiercel("env", "apply", environment)

    def test_unknown_setting(self):
        environment = self.project / "environments/test.toml"
        environment.write_text(environment.read_text() + "\n[settings.svc.back]\nprot = 8000\n")
        self.fleet.run([BIN / "tiercel", "env", "apply", environment], expect=None)
        try:
            self.refused(["plan", "test", "svc/1.0"], r"test\.toml:\d+: .*'?prot'?.*did you mean '?port")
        finally:
            self.fleet.write_environment()
            self.fleet.tiercel("env", "apply", environment)

    def test_environment_with_an_unknown_key(self):
        bad = self.fleet.dir / "bad.toml"
        bad.write_text((self.project / "environments/test.toml").read_text().replace("components", "component", 1))
        self.refused(["env", "apply", bad], r"bad\.toml:\d+: unknown key 'nodes\[0\]\.component'; did you mean 'components'\?")

    def each_refused(self, cases, command):
        """`cases`: name → (what is given, what is told). Exit code 2, one sentence each; nobody is touched and nothing is started."""
        runs, nodes = self.fleet.json("run", "list"), self.fleet.snapshots()
        versions = self.fleet.json("env", "show", "test")
        for name, (given, told) in cases.items():
            with self.subTest(name):
                done = self.fleet.run([BIN / "tiercel", *command(given)], expect=None)
                self.assertEqual((done.returncode, done.stdout), (2, ""), f"{name}: {done.stderr}")
                self.assertRegex(done.stderr, told)
                self.assertEqual(done.stderr.strip().count("\n"), 0)
        self.assertEqual(self.fleet.json("run", "list"), runs, "a run was made")
        self.assertEqual(self.fleet.json("env", "show", "test"), versions, "a version was made")
        self.assertEqual(self.fleet.snapshots(), nodes, "a node has changed")

    def applied(self, text):
        file = self.fleet.dir / "wrong.toml"
        file.write_text(text)
        return ["env", "apply", file]

    def test_environments_that_are_wrong(self):
        good = (self.project / "environments/test.toml").read_text()
        at = len(good.splitlines()) + 1
        node = '[[nodes]]\nname = "x-1"\ncomponents = ["svc/back"]\naddresses = { service = "127.0.0.9" }\n'
        self.each_refused({
            "empty": ("", r"wrong\.toml: 'environment' is missing"),
            "no TOML": ("hello", r"wrong\.toml:1: "),
            "misspelt key": (good.replace("channel", "chanel"), r"wrong\.toml:2: unknown key 'chanel'; did you mean 'channel'\?"),
            "name of the environment": (good.replace('"test"', '"te st"'), r"wrong\.toml:1: environment name 'te st' has a ' ', but only"),
            "channel is a list": (good.replace('"stable"', '["stable"]'), r"wrong\.toml:2: 'channel' is a list, but must be a string"),
            "node twice": (good + node + node, rf"wrong\.toml:{at + 5}: node 'x-1' is declared twice; the first is on line {at + 1}"),
            "node without a name": (good + node.replace('name = "x-1"\n', ""), rf"wrong\.toml:{at}: 'nodes\[2\]\.name' is missing"),
            "node without an address": (good + node.replace("service", "other"), rf"wrong\.toml:{at + 3}: node 'x-1' has no service address; write "),
            "address is empty": (good + node.replace("127.0.0.9", ""), rf"wrong\.toml:{at + 3}: 'addresses\.service' is empty"),
            "one component": (good + node.replace('["svc/back"]', '"svc/back"'), rf"wrong\.toml:{at + 2}: .*must be a list of strings"),
            "component without its application": (good + node.replace("svc/back", "back"), rf"wrong\.toml:{at + 2}: component 'back' is not two words"),
            "component twice": (good + node.replace('"svc/back"', '"svc/back", "svc/back"'), rf"wrong\.toml:{at + 2}: node 'x-1' names component 'svc/back' twice"),
            "label is a number": (good + node + "labels = { rack = 1 }\n", rf"wrong\.toml:{at + 4}: .*rack' is a number, but must be a string"),
            "key of a node": (good + node + 'label = { rack = "a" }\n', rf"wrong\.toml:{at + 4}: unknown key 'nodes\[2\]\.label'; did you mean 'labels'\?"),
            "settings of no application": (good + "[settings.svcc.back]\nport = 1\n", rf"wrong\.toml:{at}: no node .* application 'svcc'; did you mean 'svc'\?"),
            "setting without its component": (good + "[settings.svc]\nport = 1\n", rf"wrong\.toml:{at + 1}: .*write \[settings\.svc\.COMPONENT\]"),
            "override of nobody": (good + "[[override]]\nsettings.svc.back.port = 1\n", rf"wrong\.toml:{at}: 'override\[0\]\.where' is missing"),
            "override of an unknown node": (good + '[[override]]\nwhere = "node=back-9"\n', rf"wrong\.toml:{at + 1}: node 'back-9' .*did you mean 'back-1'\?"),
            "a node of another environment": (good.replace('environment = "test"', 'environment = "second"', 1),
                                              r"wrong\.toml: node 'back-1' is of environment 'test', and a node is of one; take it out there first"),
            "override of an unknown label": (good + '[[override]]\nwhere = "rack=a"\n', rf"wrong\.toml:{at + 1}: label 'rack' is not in this environment"),
            "external without an address": (good + "[external.smtp]\nport = 25\n", rf"wrong\.toml:{at}: 'external\.smtp\.address' is missing"),
            "port of an external": (good + '[external.smtp]\naddress = "x"\nport = 99999\n', rf"wrong\.toml:{at + 2}: .*from 1 to 65535"),
            "text as port of an external": (good + '[external.smtp]\naddress = "x"\nport = "25"\n', rf"wrong\.toml:{at + 2}: .*a whole number"),
            "field that no template can name": (good + '[external.smtp]\naddress = "x"\na-b = 1\n', rf"wrong\.toml:{at + 2}: 'a-b' cannot name a field"),
        }, self.applied)

    def test_policies_that_are_wrong(self):
        policy = 'environment = "test"\n'
        weekend = '[[freeze]]\nfrom = "Fri 16:00"\nto = "Mon 08:00"\n'
        budget = '[[budget]]\ncomponent = "svc/back"\n'
        self.each_refused({
            "nobody approves": (policy + "[approval]\ncount = 0\n", r"wrong\.toml:3: 'approval\.count' is 0, but must be from 1 to 20"),
            "misspelt key": (policy + "[approval]\ncounts = 1\n", r"wrong\.toml:3: unknown key 'approval\.counts'; did you mean 'count'\?"),
            "duration": (policy + '[approval]\nexpires = "1 day"\n', r"wrong\.toml:3: .*'1 day' is not a duration; write for example"),
            "freeze without an end": (policy + '[[freeze]]\nfrom = "Fri 16:00"\n', r"wrong\.toml:2: 'freeze\[0\]\.to' is missing"),
            "day of the week": (policy + weekend.replace("Fri", "Friday"), r"wrong\.toml:3: 'Friday 16:00' is no time of a calendar; write 'Fri 16:00'"),
            "date that is none": (policy + '[[freeze]]\nfrom = "2026-02-30"\nto = "2026-03-02"\n', r"wrong\.toml:3: '2026-02-30' is no time"),
            "time zone": (policy + weekend + 'tz = "Europe/Berln"\n', r"wrong\.toml:5: time zone 'Europe/Berln' does not exist here; write one such as"),
            "week and date": (policy + weekend.replace("Mon 08:00", "2026-12-24"), r"wrong\.toml:4: 'from' and 'to' must both be"),
            "freeze of nobody": (policy + weekend + 'component = "svc/bakc"\n', r"wrong\.toml:5: no node of environment 'test' has component 'svc/bakc'; did you mean 'svc/back'\?"),
            "budget of nobody": (policy + budget.replace("back", "bakc") + "max_unavailable = 1\n", r"wrong\.toml:3: no node .*did you mean 'svc/back'\?"),
            "budget per nothing": (policy + budget + 'per = "rack"\nmax_unavailable = 1\n', r"wrong\.toml:4: no node of component 'svc/back' has a label 'rack'"),
            "budget without a number": (policy + budget, r"wrong\.toml:2: 'max_unavailable' is missing; write a count such as 2"),
            "budget of nothing": (policy + budget + "max_unavailable = 0\n", r"wrong\.toml:4: '0' is not a portion; write a count such as 2"),
            "unknown section": (policy + "[approvals]\ncount = 1\n", r"wrong\.toml:2: unknown key 'approvals'; did you mean 'approval'\?"),
            "unknown environment": ('environment = "prod"\n[approval]\ncount = 1\n', r"environment 'prod' does not exist, there are: test"),
        }, self.applied)

    def test_parameters_that_are_wrong_start_nothing(self):
        """Also those that are wrong only where a later level uses them."""
        cases = {given: (given, told) for given, told in {
            "soak": "'soak' is not a parameter; write --param NAME=VALUE", "=1": "'=1' is not a parameter",
            "soka=1s": "unknown parameter 'soka'; did you mean 'soak'[?]", "spread=rack": "unknown parameter 'spread'; known are max_failures, ",
            "soak=30": "parameter 'soak': a number is not a duration; write for example \"30s\"", "soak=x": "'x' is not a duration; write",
            "ramp=0": "parameter 'ramp': '0' is not a portion; write a count such as 2", "ramp=1,,2": "'' is not a portion",
            "max_failures=-1": "parameter 'max_failures': -1 is not a count; write a whole number", "max_failures=two": "'two' is not a count",
            "max_unavailable=0": "rolling:[0-9]+: ctx:update: 'max_unavailable': '0' is not a portion; write",
            "on_failure=halt": "rolling:[0-9]+: ctx:update: 'on_failure' is 'halt', but must be 'rollback-all', "}.items()}
        self.each_refused(cases, lambda given: ["plan", "test", "svc/1.0", "--param", given])
        self.each_refused(cases, lambda given: ["deploy", "test", "svc/1.0", "--param", given])
        self.refused(["deploy", "test", "svc/1.0", "--param", "soak=1s", "--param", "soak=2s"], "parameter 'soak' is given twice")

    def test_workflow_that_goes_wrong_on_its_last_level_is_not_started(self):
        (self.project / "packages/svc/workflows").mkdir(exist_ok=True)
        (self.project / "packages/svc/workflows/late.lua").write_text(
            'return workflow { run = function(ctx)\n  ctx:preflight()\n  ctx:update(ctx.levels[1])\n'
            '  local word = "ha"\n  ctx:update(ctx.levels[2], { on_failure = word .. "lt" })\nend }\n')
        self.edit("packages/svc/package.toml", 'model = "app.lua"', 'model = "app.lua"\nworkflows = ["workflows/*.lua"]')
        self.publish("12.0", "svc", "back", "front", "front-config")
        self.fleet.tiercel("release", "create", "svc/12.0", "--from", "bad-12.0")
        runs = self.fleet.json("run", "list")
        self.refused(["deploy", "test", "svc/12.0", "--workflow", "late"], r"workflow 'late' cannot run: late:5: ctx:update: 'on_failure' is 'halt', but must be")
        self.assertEqual(self.fleet.json("run", "list"), runs)

    def test_unsigned_package(self):
        out = self.fleet.dir / "unsigned"
        self.fleet.tiercel("build", "back", "--version", "6.0", "--out", out, "--no-sign")
        self.refused(["repo", "add", "--channel", "dev", next(out.glob("*.rpm"))], r"back-6\.0-1\.noarch\.rpm' is not signed", code=6)

    def test_altered_package(self):
        out = self.fleet.dir / "altered"
        self.fleet.tiercel("build", "back", "--version", "7.0", "--out", out)
        file = next(out.glob("*.rpm"))
        data = bytearray(file.read_bytes())
        data[-100] ^= 1
        file.write_bytes(data)
        done = self.fleet.run([BIN / "tiercel", "repo", "add", "--channel", "dev", file], expect=None)
        self.assertIn(done.returncode, (2, 6), done.stderr)
        self.assertRegex(done.stderr, r"back-7\.0-1\.noarch\.rpm")

    def test_package_signed_by_a_stranger(self):
        key = self.fleet.dir / "stranger.key"
        self.fleet.tiercel("key", "new", "package", "--kind", "ed25519", "--out", key)
        out = self.fleet.dir / "strange"
        self.fleet.tiercel("build", "back", "--version", "8.0", "--out", out, "--key", key)
        self.refused(["repo", "add", "--channel", "dev", next(out.glob("*.rpm"))], r"back-8\.0-1\.noarch\.rpm.*not trusted", code=6)

    def test_release_whose_package_is_gone(self):
        self.publish("10.0", "svc", "back", "front", "front-config")
        self.fleet.tiercel("release", "create", "svc/10.0", "--from", "bad-10.0")
        gone = next(pathlib.Path(self.project / "repository/pool").rglob("back-10.0-1.noarch.rpm"))
        kept = gone.read_bytes()
        gone.unlink()
        try:
            self.refused(["deploy", "test", "svc/10.0"], r"release 'svc/10\.0'.*back-10\.0-1\.noarch.*pool")
            self.assertIn("back-10.0-1.noarch", self.fleet.run([BIN / "tiercel", "repo", "verify"], expect=2).stdout)
        finally:
            gone.write_bytes(kept)

    def test_unknown_release(self):
        self.refused(["deploy", "test", "svc/99"], r"svc/99")

    def test_unknown_environment(self):
        self.refused(["plan", "tset", "svc/1.0"], r"tset")

    def test_unknown_workflow_parameter(self):
        self.refused(["plan", "test", "svc/1.0", "--param", "soka=1s"], r"soka.*soak")

    def test_unknown_verb(self):
        self.assertEqual(self.fleet.run([BIN / "tiercel", "repo", "publish"], expect=None).returncode, 2)

    def test_no_dispatcher(self):
        done = self.fleet.run([BIN / "tiercel", "node", "list", "--server", "127.0.0.1:1"], expect=7)
        self.assertRegex(done.stderr, "127.0.0.1:1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
