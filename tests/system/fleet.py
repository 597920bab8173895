"""A small fleet of real parts for system tests: one dispatcher, some ctl-clients with private roots, a repository, packages built on the
spot. Two tiers: `back` (a service that counts its starts) and `front` (config rendered from what `back` produces, and a service)."""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BIN = pathlib.Path(os.environ["TIERCEL_BIN"])

SERVICE = '''#!/usr/bin/python3
# A daemon that notes its start, and answers 200 on /ready (when READY, and no file `unready` is there), 404 on /health while drained.
import http.server, os, sys
address, port, run = sys.argv[1], int(sys.argv[2]), sys.argv[3]
READY, RELEASE = %(ready)r, %(release)r
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200
        if self.path == "/ready" and (not READY or os.path.exists(run + "/unready")):
            status = 503
        if self.path == "/health" and os.path.exists(run + "/drain"):
            status = 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(RELEASE.encode())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((address, port), Handler)
if os.fork():
    os._exit(0)
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(null, fd)
open(run + "/starts", "a").write(RELEASE + "\\n")
open(run + "/service.pid", "w").write(str(os.getpid()) + "\\n")
server.serve_forever(poll_interval=0.05)
'''

PACKAGE = '''name = "{tier}"
kind = "app"
summary = "A tier of the test fleet"
license = "Apache-2.0"
arch = "noarch"

[[files]]
from = "dist/"
to   = "/opt/{tier}/"

[[files]]
directory = "/run/{tier}"

[settings]
port = {{ type = "port", default = {port} }}

[services.{tier}]
start    = ["/usr/bin/python3", "{{{{ node.root }}}}/opt/{tier}/service", "{{{{ node.address }}}}", "{{{{ settings.port }}}}", "{{{{ node.root }}}}/run/{tier}"]
pid_file = "{{{{ node.root }}}}/run/{tier}/service.pid"

[health]
ready = {{ http = "http://{{{{ node.address }}}}:{{{{ settings.port }}}}/ready", rise = 2, interval = "{interval}", deadline = "4s" }}

[drain]
marker = "{{{{ node.root }}}}/run/{tier}/drain"
wait   = "{drain}"
'''

CONFIG = '''name = "front-config"
kind = "config"
summary = "What the front tier knows of the back tier"
license = "Apache-2.0"
arch = "noarch"

[settings]
greeting = { type = "string", default = "hello" }

[[templates]]
source  = "front.conf"
to      = "/etc/front/front.conf"
restart = ["front"]
'''

TEMPLATE = '''release-line {release}
greeting {{{{ settings.greeting }}}}
{{% for back in consumes.backs %}}
back {{{{ back.node }}}} {{{{ back.address }}}}:{{{{ back.port }}}}
{{% endfor %}}
'''

APPLICATION = '''application "svc" {
  component "back"  { packages = { "back" }, produces = { http = { port = setting "port" } } },
  component "front" { packages = { "front", "front-config" }, consumes = { backs = "http" } },
}
'''


class Failed(AssertionError):
    pass


class Fleet:
    """Use with `with`: everything that was started ends at the end of the block."""

    def __init__(self, back=3, front=2, files=40, labels=None, settings='backoff = "200ms"\n'):
        """`labels`: node → its labels. `settings`: text of the dispatcher's config file; a node that lost it need not wait long for it."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tiercel-fleet."))
        self.project = self.dir / "project"
        self.files = files
        self.net = f"127.{random.randint(2, 251)}.{random.randint(1, 250)}"
        self.nodes = {f"back-{n + 1}": "svc/back" for n in range(back)} | {f"front-{n + 1}": "svc/front" for n in range(front)}
        self.labels = labels or {}  # node → its labels
        self.application, self.workflows = APPLICATION, {}  # the model, and the application's own workflows: name → text
        self.more, self.programs = {}, {}  # tier → what its recipe has beside PACKAGE; name → text of a file in /opt/TIER
        self.drain, self.interval = "300ms", "100ms"  # the packages' wait after a drain, and between two looks of a probe
        self.clients, self.dispatcher, self.port = {}, None, 0
        self.settings = settings
        self.environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")

    def __enter__(self):
        try:
            self.write_project()
            self.start_dispatcher()
            self.tiercel("env", "apply", self.project / "environments/test.toml")
            for node in self.nodes:
                self.enroll(node)
                self.start_node(node)
            self.until(lambda: sum(n["online"] for n in self.json("node", "list")["nodes"]) == len(self.nodes), "all nodes are online")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in [*self.clients.values(), self.dispatcher]:
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        for pid_file in self.dir.glob("nodes/*/root/run/*/*.pid"):
            pid = pid_file.read_text().strip()
            try:
                if str(self.dir) in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(int(pid), signal.SIGKILL)
            except (OSError, ValueError):
                pass
        if os.environ.get("TIERCEL_KEEP_FLEET"):
            print(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    # ---- sources ------------------------------------------------------------------------------------------------------------

    def write_project(self):
        (self.project / "environments").mkdir(parents=True)
        (self.project / "tiercel.toml").write_text('project = "svc"\n')
        addresses = {}
        for number, node in enumerate(self.nodes):
            addresses[node] = f"{self.net}.{number + 10}"
        self.addresses = addresses
        self.write_environment()
        (self.project / "packages/svc/workflows").mkdir(parents=True)
        (self.project / "packages/svc/package.toml").write_text(
            'name = "svc"\nkind = "application"\nsummary = "Two tiers"\nlicense = "Apache-2.0"\narch = "noarch"\n\n[application]\nmodel = "app.lua"\n'
            + ('workflows = ["workflows/*.lua"]\n' if self.workflows else ""))
        self.tiercel("key", "new", "package", "--kind", "ed25519", "--out", self.project / "keys/package.key")
        self.tiercel("key", "new", "release", "--out", self.project / "keys/release.key")
        self.tiercel("repo", "init")
        self.release("1.0")

    def write_environment(self, extra=""):
        text = 'environment = "test"\nchannel = "stable"\n'
        for node, component in self.nodes.items():
            text += f'\n[[nodes]]\nname = "{node}"\ncomponents = ["{component}"]\naddresses = {{ service = "{self.addresses[node]}" }}\n'
            labels = ", ".join(f'{label} = "{value}"' for label, value in self.labels.get(node, {}).items())
            text += f"labels = {{ {labels} }}\n" if labels else ""
        (self.project / "environments/test.toml").write_text(text + extra)

    def release(self, version, ready=True, tiers=("back", "front")):
        """Builds and publishes the tiers in this version and creates the release `svc/VERSION`."""
        (self.project / "packages/svc/app.lua").write_text(self.application)
        for name, text in self.workflows.items():
            (self.project / f"packages/svc/workflows/{name}.lua").write_text(text)
        for tier, port in (("back", 21000), ("front", 21001)):
            if tier not in tiers and (self.project / "packages" / tier).exists():
                continue
            dist = self.project / "packages" / tier / "dist"
            dist.mkdir(parents=True, exist_ok=True)
            (dist / "service").write_text(SERVICE % {"ready": ready, "release": version})
            for number in range(self.files):
                (dist / f"data-{number}").write_text(f"{tier} {version} {number}\n" * 50)
            for name, text in self.programs.items():
                (dist / name).write_text(text)
            recipe = PACKAGE.format(tier=tier, port=port, drain=self.drain, interval=self.interval)
            (dist.parent / "package.toml").write_text(recipe + self.more.get(tier, ""))
        config = self.project / "packages/front-config"
        config.mkdir(exist_ok=True)
        (config / "package.toml").write_text(CONFIG)
        if "front" in tiers:
            (config / "front.conf").write_text(TEMPLATE.format(release=version))
        packages = ["svc", *tiers] + (["front-config"] if "front" in tiers else [])
        out = self.project / "dist" / version
        self.tiercel("build", *packages, "--version", version, "--out", out, "--level", "1")
        self.tiercel("repo", "add", "--channel", "dev", *sorted(out.glob("*.rpm")))
        self.tiercel("repo", "promote", "dev", "stable")
        self.tiercel("release", "create", f"svc/{version}", "--from", "stable")

    # ---- processes ----------------------------------------------------------------------------------------------------------

    def state(self, node):
        return self.dir / "nodes" / node / "state"

    def root(self, node):
        return self.dir / "nodes" / node / "root"

    def start(self, name, command):
        """A daemon whose output goes to log/NAME."""
        (self.dir / "log").mkdir(exist_ok=True)
        with open(self.dir / "log" / name, "ab") as log:
            return subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT, env=self.environment)

    def start_dispatcher(self):
        address = self.dir / "dispatcher/address"
        address.unlink(missing_ok=True)
        config = self.dir / "dispatcher.toml"
        config.write_text(self.settings)
        self.dispatcher = self.start("dispatcher", [BIN / "tiercel", "serve", "--state", self.dir / "dispatcher", "--listen",
                                                    f"127.0.0.1:{self.port}", "--repo", self.project / "repository", "--config", config])
        self.until(lambda: address.exists() and address.read_text().strip(), "the dispatcher listens")
        server = address.read_text().strip()
        self.port = int(server.rpartition(":")[2])
        self.environment |= {"TIERCEL_SERVER": server, "TIERCEL_TOKEN": (self.dir / "dispatcher/admin.token").read_text().strip()}

    def kill_dispatcher(self):
        self.dispatcher.kill()
        self.dispatcher.wait()

    def enroll(self, node):
        self.root(node).mkdir(parents=True)
        token = self.tiercel("token", "new", "--node", node).strip()
        self.run([BIN / "ctl-client", "enroll", "--server", self.environment["TIERCEL_SERVER"], "--token", token, "--state", self.state(node),
                  "--root", self.root(node)])

    def start_node(self, node):
        self.clients[node] = self.start(node, [BIN / "ctl-client", "run", "--state", self.state(node), "--root", self.root(node)])

    def kill_node(self, node):
        self.clients[node].kill()
        self.clients[node].wait()

    def transaction_of(self, node):
        """The process id of the node's running ctl-transact, or None."""
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    status = (entry / "stat").read_text()
                    name, parent = status[status.index("(") + 1:status.rindex(")")], int(status[status.rindex(")") + 2:].split()[1])
                except (OSError, ValueError):
                    continue
                if name == "ctl-transact" and parent == self.clients[node].pid:
                    return int(entry.name)
        return None

    # ---- commands -----------------------------------------------------------------------------------------------------------

    def run(self, command, expect=0):
        done = subprocess.run([str(word) for word in command], cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=180)
        if expect is not None and done.returncode != expect:
            raise Failed(f"{' '.join(str(w) for w in command)} ended with {done.returncode}, expected {expect}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done

    def tiercel(self, *words, expect=0):
        return self.run([BIN / "tiercel", *words], expect).stdout

    def json(self, *words, expect=0):
        return json.loads(self.tiercel(*words, "--json", expect=expect))

    def deploy(self, release, expect=0, params=("soak=100ms",), background=False):
        words = ["deploy", "test", release, *[w for p in params for w in ("--param", p)]]
        if background:
            return self.tiercel(*words, "--no-wait").strip()
        return self.tiercel(*words, expect=expect)

    def finish(self, run, seconds=90):
        """Waits for a run's end; its document."""
        document = {}

        def ended():
            done = self.run([BIN / "tiercel", "run", "show", run, "--json"], expect=None)
            if done.returncode == 0:
                document.update(json.loads(done.stdout))
            return bool(document.get("outcome"))

        self.until(ended, f"run {run} ends", seconds)
        total = sum(document["counts"].values())
        if total != len(document["targets"]):
            raise Failed(f"law 1: the counts {document['counts']} do not add up to {len(document['targets'])} targets")
        return document

    def follow(self, run):
        """A process that prints the run's events, one JSON object a line, as they happen."""
        return subprocess.Popen([BIN / "tiercel", "run", "follow", run, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                env=self.environment, text=True)

    def targets(self, run):
        return {t["node"]: t["state"] for t in self.json("run", "show", run)["targets"]}

    def until(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.03)
        raise Failed(f"not within {seconds} s: {what}\n{self.tail()}")

    def tail(self):
        return "\n".join(f"== {f.name}\n" + "\n".join(f.read_text(errors="replace").splitlines()[-12:]) for f in sorted((self.dir / "log").glob("*")))

    # ---- what is there, seen without Tiercel's own eyes ---------------------------------------------------------------------

    def snapshot(self, node):
        """Package set (with header digests), config bytes and leftovers of a node."""
        root = self.root(node)
        packages = subprocess.run(["rpm", "--root", root, "--define", "_dbpath /var/lib/rpm", "-qa", "--qf", "%{NEVRA} %{SHA256HEADER}\n"],
                                  capture_output=True, text=True, check=False).stdout.splitlines()
        files = {}
        for top in ("etc", "opt"):
            for file in sorted((root / top).rglob("*")):
                if file.is_file():
                    files[str(file.relative_to(root))] = hashlib.sha256(file.read_bytes()).hexdigest()
        return {"packages": sorted(packages), "files": files}

    def snapshots(self):
        return {node: self.snapshot(node) for node in self.nodes}

    def starts(self, node):
        """Releases in the order in which the node's service was started with them."""
        file = self.root(node) / "run" / self.nodes[node].partition("/")[2] / "starts"
        return file.read_text().split() if file.exists() else []

    def drained(self):
        return [node for node in self.nodes if (self.root(node) / "run" / self.nodes[node].partition("/")[2] / "drain").exists()]

    def answers(self, node):
        """The release that the node's service says it is."""
        port = 21000 if node.startswith("back") else 21001
        with socket.create_connection((self.addresses[node], port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.makefile().read().rpartition("\n")[2]
