#!/usr/bin/python3
"""Who may do what at the dispatcher's door, what it says to malformed requests, and how runs of one environment get past each other."""
# SPDX-License-Identifier: Apache-2.0
import base64
import http.client
import json
import pathlib
import re
import ssl
import unittest

from fleet import BIN, Fleet

ROUTES = pathlib.Path(__file__).resolve().parents[2] / "dispatcher/api/routes.cpp"
ABSENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
DIGEST = "sha256:" + "0" * 64

# Method, path with {} for a name, who may call it, and what an authorised call gets: the names do not exist and the bodies say
# nothing, so that nobody changes anything.
TABLE = (
    ("GET", "/v1/status", "", "read", 200),
    ("POST", "/v1/enroll", "", "anybody", 400),
    ("GET", "/v1/link", "", "node", 400),
    ("GET", "/v1/packages/{}", DIGEST, "read", 404),
    ("GET", "/v1/releases/{}", DIGEST, "read", 404),
    ("POST", "/v1/environments", "", "operate", 400),
    ("GET", "/v1/environments", "", "read", 200),
    ("GET", "/v1/environments/{}", "absent", "read", 404),
    ("GET", "/v1/environments/{}/settings", "absent", "read", 404),
    ("POST", "/v1/environments/{}/lock", "absent", "operate", 404),
    ("DELETE", "/v1/environments/{}/lock", "absent", "operate", 404),
    ("POST", "/v1/policies", "", "admin", 400),
    ("POST", "/v1/plans", "", "read", 400),
    ("POST", "/v1/runs", "", "operate", 400),
    ("GET", "/v1/runs", "", "read", 200),
    ("GET", "/v1/runs/{}", ABSENT, "read", 404),
    ("GET", "/v1/runs/{}/events", ABSENT, "read", 404),
    ("GET", "/v1/runs/{}/explain", ABSENT, "read", 404),
    ("GET", "/v1/runs/{}/journal", ABSENT, "operate", 404),
    ("POST", "/v1/runs/{}/signals", ABSENT, "operate", 400),
    ("POST", "/v1/runs/{}/continue", ABSENT, "admin", 400),
    ("GET", "/v1/nodes", "", "read", 200),
    ("GET", "/v1/nodes/{}", "absent", "read", 404),
    ("DELETE", "/v1/nodes/{}", "absent", "admin", 404),
    ("POST", "/v1/tokens", "", "admin", 400),
    ("GET", "/v1/tokens", "", "admin", 200),
    ("DELETE", "/v1/tokens/{}", ABSENT, "admin", 404),
)
SCOPES = ("read", "operate", "admin")


def token_with(token, **members):
    """The same token with other members."""
    prefix, _, text = token.partition(".")
    document = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    document.update(members)
    return prefix + "." + base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(back=1, front=1, files=3)
        cls.fleet.__enter__()
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.deploy("svc/1.0")
        cls.version = 1
        cls.tokens = {scope: cls.fleet.tiercel("token", "new", "--name", f"{scope}-er", "--scope", scope).strip() for scope in SCOPES}
        cls.enrolment = cls.fleet.tiercel("token", "new", "--node", "guest-0").strip()

    def new_release(self):
        type(self).version += 1
        self.fleet.release(f"{self.version}.0")
        return f"{self.version}.0"

    @staticmethod
    def tls():
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.fleet.port, context=self.tls(), timeout=20)

    def ask(self, method, path, token=None, body=None, authorization=None, headers=None):
        """Status and document of the answer."""
        connection = self.connect()
        try:
            fields = dict(headers or {})
            if token is not None:
                authorization = f"Bearer {token}"
            if authorization is not None:
                fields["Authorization"] = authorization
            connection.request(method, path, body=body, headers=fields)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def raw(self, data):
        """All that comes back for these bytes."""
        connection = self.connect()
        connection.connect()
        try:
            connection.sock.sendall(data)
            received = b""
            while piece := connection.sock.recv(65536):
                received += piece
            return received
        except (ConnectionError, ssl.SSLError):
            return received
        finally:
            connection.close()

    def all_run(self, release):
        self.assertEqual({node: self.fleet.answers(node) for node in self.fleet.nodes}, dict.fromkeys(self.fleet.nodes, release))
        self.assertEqual(self.fleet.drained(), [], "law 5: nothing stays drained")

    def lives(self):
        self.assertIsNone(self.fleet.dispatcher.poll(), "the dispatcher has ended")
        self.assertEqual(self.ask("GET", "/v1/status", self.tokens["read"])[0], 200)

    # ---- who may do what ----------------------------------------------------------------------------------------------------

    def test_the_table_of_this_test_has_every_route(self):
        """Complaint: a new handler that nobody has decided about."""
        found = re.findall(r'\bRoute\{\s*"(\w+)",\s*"([^"]+)",\s*Policy::(\w+)\((?:Scope::(\w+))?\)', ROUTES.read_text())
        self.assertEqual(len(found), ROUTES.read_text().count("Route{"), "a route is written in a way that this test cannot read")
        self.assertEqual(sorted((method, path, scope.lower() or policy) for method, path, policy, scope in found),
                         sorted((method, path, who) for method, path, _, who, _ in TABLE))

    def test_every_handler_decides_as_the_table_declares(self):
        """Complaint: one forgotten check is one open door."""
        callers = {"nobody": None, "nonsense": "tiercel1.bm9uc2Vuc2U", "enrolment": self.enrolment,
                   "a wrong secret": token_with(self.tokens["admin"], secret="0" * 64), **self.tokens}
        for method, path, name, who, allowed in TABLE:
            for caller, token in callers.items():
                if caller in SCOPES:
                    right = who == "anybody" or (who in SCOPES and SCOPES.index(caller) >= SCOPES.index(who))
                    expected = allowed if right else 403
                elif caller == "nobody" and who == "anybody":
                    expected = allowed
                else:
                    expected = 401
                with self.subTest(method=method, path=path, caller=caller):
                    status, document = self.ask(method, path.format(name), token, body="{}" if method == "POST" else None)
                    self.assertEqual(status, expected, document)
                    if status >= 400:
                        self.assertTrue(document["message"], "a refusal says why")
                    if status in (401, 403):
                        self.assertEqual(document["fault"], "denied")
                        if token:
                            self.assertNotIn(token, document["message"], "law 12: a token is a secret")

    def test_a_token_in_another_place_than_its_header_counts_for_nothing(self):
        admin = self.tokens["admin"]
        self.assertEqual(self.ask("GET", f"/v1/runs?token={admin}")[0], 401)
        self.assertEqual(self.ask("GET", f"/v1/runs?authorization=Bearer+{admin}")[0], 401)
        self.assertEqual(self.ask("GET", "/v1/runs", headers={"Cookie": f"token={admin}"})[0], 401)
        for authorization in (admin, f"Basic {admin}", f"Bearer  {admin}", "Bearer", "Bearer ", ""):
            with self.subTest(authorization=authorization[:8]):
                self.assertEqual(self.ask("GET", "/v1/runs", authorization=authorization)[0], 401)

    def test_a_revoked_token_is_refused_at_once(self):
        issued = self.fleet.json("token", "new", "--name", "leaver", "--scope", "operate")
        self.assertEqual(self.ask("GET", "/v1/runs", issued["token"])[0], 200)
        self.assertEqual(self.ask("DELETE", f"/v1/tokens/{issued['id']}", self.tokens["admin"])[0], 200)
        self.assertEqual(self.ask("GET", "/v1/runs", issued["token"])[0], 401)

    def test_a_path_with_tricks_reaches_no_handler(self):
        """Complaint: two readings of one path, one for the check and one for the handler."""
        tricks = ("/v1/../v1/{}", "/v1/%2e%2e/{}", "/v1/./{}", "//v1/{}", "/v1//{}", "/v1/{};x", "/v1/{}%00", "/v1/{}%00.json", "/V1/{}", "/v1/{}/",
                  "/v1/runs/../{}", "/v1/runs%2f..%2f{}", "/v1%2f{}", "/v1\\{}", "/v1/{}#x", "https://127.0.0.1/v1/{}", "v1/{}", "*", "/v1/%%{}",
                  "/v1/{}" + "a" * 5000)
        for trick in tricks:
            with self.subTest(path=trick[:40]):
                status, document = self.ask("GET", trick.format("runs"))
                self.assertIn(status, (400, 401, 403, 404), document)
                for method in ("GET", "POST", "DELETE"):
                    status, document = self.ask(method, trick.format("tokens"), self.tokens["read"], body="{}" if method == "POST" else None)
                    self.assertIn(status, (400, 401, 403, 404), document)
                    self.assertNotIn("tokens", document, "an admin's handler has answered")
        for method in ("HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "get"):
            with self.subTest(method=method):
                self.assertIn(self.ask_status(method, "/v1/tokens", self.tokens["read"]), (400, 401, 403, 404))
        for field in ("X-HTTP-Method-Override", "X-Original-URL", "X-Forwarded-User"):
            status, _ = self.ask("GET", "/v1/tokens", self.tokens["read"], headers={field: "/v1/runs"})
            self.assertEqual(status, 403, field)
        self.lives()

    def ask_status(self, method, path, token):
        connection = self.connect()
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()

    # ---- malformed requests -------------------------------------------------------------------------------------------------

    def test_a_bad_body_is_refused_in_a_sentence(self):
        """Complaint: an input that ends the program, or an answer that does not say what was wrong."""
        bodies = {
            "not JSON": "release = 1",
            "empty": "",
            "cut off": '{"environment": "te',
            "two documents": "{} {}",
            "no UTF-8": b'{"environment": "\xff\xfe"}',
            "a key twice": '{"environment": "test", "environment": "prod"}',
            "deep": "[" * 20000 + "]" * 20000,
            "a list": "[]",
            "null": "null",
            "another type": '{"environment": 7, "release": [], "kind": {}, "file": 1, "text": 2, "verb": 3}',
            "an unknown key": '{"surprise": 1}',
        }
        paths = ("/v1/environments", "/v1/plans", "/v1/runs", f"/v1/runs/{ABSENT}/signals", "/v1/tokens", "/v1/enroll")
        for path in paths:
            for what, body in bodies.items():
                with self.subTest(path=path, body=what):
                    status, document = self.ask("POST", path, self.tokens["admin"], body=body)
                    self.assertEqual(status, 400, document)
                    self.assertEqual(document["fault"], "input")
                    self.assertRegex(document["message"], r"^\S+ .*\S$")
                    self.assertNotIn("\n", document["message"])
        self.lives()

    def test_a_body_that_is_too_large_is_refused_by_its_announcement(self):
        """Complaint: memory that a stranger can take."""
        for path in ("/v1/environments", "/v1/runs", "/v1/enroll"):
            with self.subTest(path=path):
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.tokens['admin']}\r\nContent-Length: {10 << 20}\r\n\r\n"
                answer = self.raw(head.encode())
                self.assertTrue(answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), answer[:200])
                self.assertIn(b"larger than", answer)
        self.lives()

    def test_who_sends_all_of_a_large_body_first_reads_why_it_is_refused(self):
        """Complaint: `connection reset by peer` instead of the sentence."""
        status, document = self.ask("POST", "/v1/runs", self.tokens["admin"], body="x" * (8 << 20))
        self.assertEqual(status, 400)
        self.assertRegex(document["message"], "larger than the 65536 bytes that POST /v1/runs takes")
        status, document = self.ask("POST", "/v1/environments", self.tokens["read"], body="x" * (3 << 20))
        self.assertEqual((status, document["fault"]), (403, "denied"))
        self.lives()

    def test_a_request_of_two_readings_is_one_refusal(self):
        """Complaint: a request hidden in another's body."""
        hidden = f"GET /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.tokens['read']}\r\n\r\n"
        length = f"Content-Length: {len(hidden)}\r\n"
        start = f"POST /v1/plans HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.tokens['read']}\r\n"
        for what, fields in {
            "two lengths": length + "Content-Length: 0\r\n",
            "length and chunks": length + "Transfer-Encoding: chunked\r\n",
            "chunks": "Transfer-Encoding: chunked\r\n",
            "a negative length": "Content-Length: -1\r\n",
            "a signed length": f"Content-Length: +{len(hidden)}\r\n",
            "a length of words": "Content-Length: many\r\n",
            "a space before the colon": f"Content-Length : {len(hidden)}\r\n",
            "the same length twice": length + length,
            "two who ask": length + f"Authorization: Bearer {self.tokens['admin']}\r\n",
            "two hosts": length + "Host: y\r\n",
        }.items():
            with self.subTest(request=what):
                answer = self.raw((start + fields + "\r\n" + hidden).encode())
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer[:300])
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, "the hidden request was answered")
        self.lives()

    # ---- room for many ------------------------------------------------------------------------------------------------------

    def test_the_dispatcher_makes_room_for_its_connections_or_says_that_there_is_none(self):
        """Complaint: `too many open files` at the thousandth node."""
        def start(name, hard):
            place = self.fleet.dir / name
            place.mkdir()
            (place / "config.toml").write_text("connections = 1000\n")
            process = self.fleet.start(name, ["prlimit", f"--nofile=64:{hard}", BIN / "tiercel", "serve", "--state", place / "state", "--listen", "127.0.0.1:0",
                                              "--repo", self.fleet.project / "repository", "--config", place / "config.toml"])
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.fleet.until((place / "state/address").exists, f"the dispatcher '{name}' listens")
            limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
            return int(re.search(r"Max open files\s+(\d+)", limits)[1]), (self.fleet.dir / "log" / name).read_text()

        limit, log = start("roomy", 4096)
        self.assertEqual(limit, 2256)
        self.assertNotIn("fewer files", log)
        limit, log = start("narrow", 512)
        self.assertEqual(limit, 512)
        self.assertEqual(log.count("fewer files may be open than so many connections can need"), 1, log)

    # ---- TLS ----------------------------------------------------------------------------------------------------------------

    def test_a_client_of_tls_1_2_is_refused(self):
        old = self.tls()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        connection = http.client.HTTPSConnection("127.0.0.1", self.fleet.port, context=old, timeout=10)
        with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
            connection.connect()
        connection.close()
        today = self.connect()
        today.connect()
        self.assertEqual(today.sock.version(), "TLSv1.3")
        today.close()

    def test_a_dispatcher_of_another_authority_is_told_nothing(self):
        """Law 11: whoever holds a token can authenticate the dispatcher before saying anything."""
        other = token_with(self.tokens["read"], ca=DIGEST)
        done = self.fleet.run([BIN / "tiercel", "run", "list", "--token", other], expect=None)
        self.assertIn(done.returncode, (6, 7), done.stderr)
        self.assertRegex(done.stderr, r"(?i)certificate|authority|pin")
        self.assertEqual(done.stderr.strip().count("\n"), 0, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_one_time_token_enrolls_once(self):
        """Law 11."""
        token = self.fleet.tiercel("token", "new", "--node", "guest-1").strip()
        command = [BIN / "ctl-client", "enroll", "--server", self.fleet.environment["TIERCEL_SERVER"], "--token", token]

        def enroll(place, expect):
            root = self.fleet.dir / "guests" / place
            root.mkdir(parents=True)
            return self.fleet.run([*command, "--state", root / "state", "--root", root], expect)

        enroll("first", 0)
        before = self.fleet.json("node", "show", "guest-1")["certificate"]
        done = enroll("second", None)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertRegex(done.stderr, r"token.*used")
        self.assertEqual(self.fleet.json("node", "show", "guest-1")["certificate"], before, "the first enrolment stands")

    # ---- runs of one environment --------------------------------------------------------------------------------------------

    def test_a_second_deploy_waits_for_the_first(self):
        """Law 14: they queue, they are not rejected; the holder and the reason are shown."""
        one, two = self.new_release(), self.new_release()
        first = self.fleet.deploy(f"svc/{one}", background=True, params=("soak=1s",))
        second = self.fleet.deploy(f"svc/{two}", background=True)
        self.assertEqual(self.fleet.json("run", "show", second)["state"], "queued")
        said = self.fleet.tiercel("run", "explain", second)
        self.assertIn(first, said)
        self.assertIn("works on application 'svc'", said)
        ended = [self.fleet.finish(run) for run in (first, second)]
        self.assertEqual([document["outcome"] for document in ended], ["succeeded", "succeeded"], ended)
        self.assertLessEqual(ended[0]["ended"], ended[1]["started"])
        self.assertEqual(ended[1]["from"], f"svc/{one}")
        self.all_run(two)

    def test_a_plan_is_what_runs_or_it_is_refused(self):
        """Law 13: what has moved since is replanned or refused, never guessed."""
        soak = ("--param", "soak=100ms")
        release = f"svc/{self.new_release()}"
        plan = self.fleet.json("plan", "test", release, *soak)["hash"]
        self.assertEqual(self.fleet.json("plan", "test", release, *soak)["hash"], plan, "a plan of the same has the same hash")
        done = self.fleet.run([BIN / "tiercel", "deploy", "test", release, "--plan", plan], expect=6)
        self.assertRegex(done.stderr, "has moved: the workflow's parameters;")
        self.fleet.tiercel("deploy", "test", release, *soak, "--plan", plan)
        self.all_run(release.partition("/")[2])

        release = f"svc/{self.new_release()}"
        plan = self.fleet.json("plan", "test", release, *soak)["hash"]
        self.addCleanup(lambda: (self.fleet.write_environment(), self.fleet.tiercel("env", "apply", self.fleet.project / "environments/test.toml")))
        self.fleet.write_environment('\n[settings.svc.front]\ngreeting = "moved"\n')
        self.fleet.tiercel("env", "apply", self.fleet.project / "environments/test.toml")
        before, runs = self.fleet.snapshots(), self.fleet.json("run", "list")
        done = self.fleet.run([BIN / "tiercel", "deploy", "test", release, *soak, "--plan", plan], expect=None)
        self.assertEqual(done.returncode, 6, done.stderr + done.stdout)
        self.assertRegex(done.stderr, r"has moved: .*settings.*svc/front.*tiercel plan test " + re.escape(release))
        self.assertNotRegex(done.stderr, "svc/back", "what did not move is not named")
        status, document = self.ask("POST", "/v1/runs", self.tokens["operate"], body=json.dumps(
            {"kind": "deploy", "environment": "test", "release": release, "workflow": "rolling", "params": {"soak": "100ms"}, "plan": plan}))
        self.assertEqual((status, document["fault"]), (409, "conflict"), document)
        self.assertEqual(self.fleet.json("run", "list"), runs, "no run was made")
        self.assertEqual(self.fleet.snapshots(), before, "nothing was touched")

    def test_a_rollback_goes_past_a_paused_run(self):
        """Law 9: also while paused; it pre-empts the run that it undoes."""
        good = self.new_release()
        self.fleet.deploy(f"svc/{good}")
        before = self.fleet.snapshots()
        bad = self.new_release()
        run = self.fleet.deploy(f"svc/{bad}", background=True, params=("soak=1s",))
        self.fleet.until(lambda: self.fleet.targets(run)["back-1"] in ("soaking", "updated"), "the first tier is on the new release")
        self.fleet.tiercel("run", "pause", run, "--reason", "it looks wrong")
        self.fleet.until(lambda: self.fleet.targets(run)["back-1"] == "updated", "what was under way is done")
        self.assertEqual(self.fleet.answers("back-1"), bad)
        self.assertFalse(self.fleet.json("run", "show", run).get("outcome"), "the run is paused")
        self.assertIn("paus", self.fleet.tiercel("run", "explain", run))
        self.fleet.tiercel("rollback", "test")
        document = self.fleet.finish(run)
        self.assertEqual(document["outcome"], "cancelled", document)
        self.assertEqual(self.fleet.snapshots(), before)
        self.all_run(good)
        self.assertEqual(self.fleet.json("run", "list")["runs"][0]["release"], f"svc/{good}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
