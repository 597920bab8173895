#!/usr/bin/python3
"""Two applications in one environment, on nodes of their own and on one that they share: their runs go on together, or one after the other."""
# SPDX-License-Identifier: Apache-2.0
import unittest

from fleet import BIN, PACKAGE, SERVICE, Fleet

MAIL = '''application "mail" {
  component "relay" { packages = { "relay" } },
}
'''


class Neighbourhood(Fleet):
    """A fleet with the application `mail` beside `svc`."""

    def __init__(self):
        super().__init__(back=2, front=1, files=3)
        self.nodes["mail-1"] = "mail/relay"
        self.drain, self.interval = "50ms", "50ms"
        self.shared = False

    def write_environment(self, extra=""):
        super().write_environment(extra)
        file = self.project / "environments/test.toml"
        if self.shared:
            file.write_text(file.read_text().replace('components = ["svc/back"]', 'components = ["svc/back", "mail/relay"]', 1))

    def mail(self, version):
        """Publishes the release mail/VERSION."""
        recipe = self.project / "packages/mail"
        recipe.mkdir(exist_ok=True)
        (recipe / "app.lua").write_text(MAIL)
        (recipe / "package.toml").write_text('name = "mail"\nkind = "application"\nsummary = "One tier"\nlicense = "Apache-2.0"\narch = "noarch"\n\n'
                                             '[application]\nmodel = "app.lua"\n')
        dist = self.project / "packages/relay/dist"
        dist.mkdir(parents=True, exist_ok=True)
        (dist / "service").write_text(SERVICE % {"ready": True, "release": version})
        (dist.parent / "package.toml").write_text(PACKAGE.format(tier="relay", port=21002, drain=self.drain, interval=self.interval))
        out = self.project / "dist/mail" / version
        self.tiercel("build", "mail", "relay", "--version", version, "--out", out, "--level", "1")
        self.tiercel("repo", "add", "--channel", "dev", *sorted(out.glob("*.rpm")))
        self.tiercel("repo", "promote", "dev", "stable")
        self.tiercel("release", "create", f"mail/{version}", "--from", "stable")


class Neighbours(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = fleet = Neighbourhood()
        fleet.__enter__()
        cls.addClassCleanup(fleet.__exit__)
        fleet.mail("1.0")
        fleet.mail("2.0")
        fleet.deploy("svc/1.0", params=("soak=0s",))

    def test_runs_go_on_together_until_they_share_a_node_and_a_rollback_is_of_one_application(self):
        """Law 14. Law 9: a rollback pre-empts the run that it undoes, and no other one."""
        fleet = self.fleet
        fleet.release("2.0")
        held = fleet.deploy("svc/2.0", background=True, params=("soak=300ms",))
        fleet.until(lambda: "soaking" in fleet.targets(held).values(), "the canary soaks")
        fleet.tiercel("run", "pause", held)

        fleet.deploy("mail/1.0", params=("soak=0s",))
        fleet.deploy("mail/2.0", params=("soak=0s",))
        fleet.tiercel("rollback", "test", "--app", "mail")
        said = fleet.run([BIN / "tiercel", "rollback", "test"], expect=2).stderr
        self.assertIn("environment 'test' runs several applications (mail, svc); name one with --app", said)
        self.assertEqual(fleet.json("run", "list")["runs"][0]["release"], "mail/1.0")
        document = fleet.json("run", "show", held)
        self.assertEqual(document["state"], "running", document)
        fleet.tiercel("plan", "test", "svc/2.0")  # law 6: makes none of the orders of the run under way stale

        fleet.shared = True
        fleet.write_environment()
        fleet.tiercel("env", "apply", fleet.project / "environments/test.toml")
        second = fleet.deploy("mail/2.0", background=True, params=("soak=0s",))
        said = fleet.tiercel("run", "explain", second)
        self.assertIn(f"the end of run {held}", said)
        self.assertIn("which works on node 'back-1', too", said)
        fleet.tiercel("run", "resume", held)
        for run in (held, second):
            document = fleet.finish(run)
            self.assertEqual(document["outcome"], "succeeded", document)
        self.assertEqual(fleet.targets(held), {"back-1": "updated", "back-2": "updated", "front-1": "updated"})
        self.assertEqual(fleet.targets(second), {"back-1": "updated", "mail-1": "updated"})
        self.assertEqual([package.split()[0] for package in fleet.snapshot("back-1")["packages"]], ["back-2.0-1.noarch", "relay-2.0-1.noarch"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
