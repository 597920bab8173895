#!/usr/bin/python3
"""The demo is run by a stranger: it says what is wrong with an option, and when it is interrupted nothing of it stays."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

DEMO = pathlib.Path(__file__).resolve().parents[2] / "demo"


def processes_of(directory):
    """Command lines of all processes that name the directory or work in it, but for zombies."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text(errors="replace").replace("\0", " ")
            if command and directory in command + os.readlink(process / "cwd"):
                found.append(command)
        except OSError:  # it has ended
            continue
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def refusal(self, *options):
        refused = subprocess.run([DEMO, *options], capture_output=True, text=True)
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        return refused.stderr

    def test_bad_options_are_refused_before_anything_is_built(self):
        self.assertIn("unknown option '--fast'", self.refusal("--fast"))
        self.assertEqual(self.refusal("--keep"), "--keep needs a directory\n")
        self.assertEqual(self.refusal("--stop", self.directory), f"'{self.directory}' is no demo directory: it has no pids/\n")
        (pathlib.Path(self.directory) / "mine").touch()
        self.assertEqual(self.refusal("--keep", self.directory), f"'{self.directory}' is not an empty directory; choose a new one\n")

    def test_an_interrupted_demo_leaves_nothing(self):
        with subprocess.Popen([DEMO, "--plain"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "TMPDIR": self.directory}, start_new_session=True) as demo:
            for line in demo.stdout:
                if line.startswith("$ tiercel deploy"):
                    break
            for line in demo.stdout:
                if "restarting" in line:  # Redis: it has just begun, below an agent, below the demo
                    break
            self.assertTrue(processes_of(self.directory))
            os.killpg(demo.pid, signal.SIGINT)  # what a terminal does at Ctrl-C
            rest = demo.stdout.read()
        self.assertIn("interrupted; all that the demo had started has ended\n", rest)
        self.assertEqual(demo.returncode, 130)
        self.assertEqual(processes_of(self.directory), [])
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    unittest.main()
