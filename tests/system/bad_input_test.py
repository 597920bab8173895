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
