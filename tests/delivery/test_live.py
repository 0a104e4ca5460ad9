"""Rules that arrive at a running sidecar, by every way, on both hosts, at every worker."""

import http.server
import os
import re
import signal
import threading

import pytest

from sidecar.adapters._pb import rules_pb2
from sidecar.hosts import envoy
from sidecar.rules.bundle import revision
from tests.delivery.parts import POLICY, bundle
from tests.delivery.sidecars import CANARY, CLEAN, Signed, good, serving
from tests.delivery.test_sources import write

HOSTS = ("grpcio", pytest.param("envoy", marks=pytest.mark.skipif(bool(envoy.unusable()), reason="no Envoy here")))


@pytest.mark.parametrize("host", HOSTS)
def test_push_reaches_every_worker_and_health_says_so(tmp_path, host):
    """It reached the one worker that took the call; bad ones are refused with place and count, a rollback arrives, too."""
    signed = Signed(tmp_path)
    signed.write(tmp_path / "rules", good("1.0.0"))
    options = ("--rules", str(tmp_path / "rules"), "--rules-trust", str(signed.public), "--rules-push")
    with serving(tmp_path, *options, host=host, workers=2) as sidecar:
        outcome, answer = sidecar.push(signed.archive(good("1.1.0")))
        told = {(worker.worker, worker.version, worker.failure) for worker in answer.workers}
        generations = {sidecar.health()["sidecar-generation"] for _ in range(6)}
        revisions = {sidecar.health()["sidecar-revision"] for _ in range(6)}
        refused = [
            sidecar.push(signed.archive(good("1.0.5"))),
            sidecar.push(b"x"),
            sidecar.push(signed.archive(good("2.0.0"))[:-9]),
        ]
        back = sidecar.rules("Rollback", rules_pb2.RollbackRequest())
        status = sidecar.status()
        # Metrics are collected once a second.
        counts = {"activated": 1, "followed": 2, "rolled_back": 1, "refused": 3}
        sidecar.until(lambda: sidecar.reloads() == counts)
        seconds = re.findall(r"^sidecar_rules_selftest_seconds\{.*\} (.+)$", sidecar.page("metrics"), re.MULTILINE)

        assert [0.0 < float(value) < 5.0 for value in seconds] == [True, True]
        assert (outcome, told) == ("activated", {(0, "1.1.0", ""), (1, "1.1.0", "")})
        assert (revisions, generations) == ({revision(good("1.1.0"))}, {"2"})
        assert [name for name, _ in refused] == ["refused"] * 3
        assert refused[0][1].faults[0].startswith("bundle.yaml:1: version 1.0.5 is older than 1.1.0")
        assert (back.bundle.version, {worker.version for worker in status.workers}) == ("1.0.0", {"1.0.0"})
        assert status.previous.version == "1.1.0"
        assert {worker["generation"] for worker in sidecar.workers()} == {3}
        assert (sidecar.check(CANARY)[0], sidecar.check(CLEAN)[0]) == ("block", "allow")


def test_a_folder_is_watched_by_one_worker_for_all(tmp_path):
    """A good change is taken once, a bad one refused once, and neither is looked at by two workers."""
    signed = Signed(tmp_path)
    signed.write(tmp_path / "rules", good("1.0.0"))
    options = ("--rules", str(tmp_path / "rules"), "--rules-trust", str(signed.public), "--rules-watch")
    with serving(tmp_path, *options, "--rules-every", "0.2", "--rules-settle", "1", workers=2) as sidecar:
        signed.write(tmp_path / "rules", good("1.1.0"))
        sidecar.until(lambda: {worker["revision"] for worker in sidecar.workers()} == {revision(good("1.1.0"))})
        write(tmp_path / "rules", good("1.2.0"))
        sidecar.until(lambda: sidecar.reloads() == {"activated": 1, "followed": 1, "refused": 1})

        assert "bundle.yaml:1: differs from what was signed" in sidecar.said()
        assert sidecar.check(CANARY) == ("block", revision(good("1.1.0")))


class Server(http.server.ThreadingHTTPServer):
    """A bundle server with ETag."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data, self.tag, self.asked, self.fresh = b"", "", 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/bundle.tar.gz"

    def publish(self, data, tag):
        """Show another bundle."""
        self.data, self.tag = data, tag


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked += 1
        if self.headers.get("if-none-match") == server.tag:
            self.send_response(304)
            self.end_headers()
            return
        server.fresh += 1
        self.send_response(200)
        self.send_header("etag", server.tag)
        self.send_header("content-length", str(len(server.data)))
        self.end_headers()
        self.wfile.write(server.data)

    def log_message(self, *arguments):
        """Keep quiet."""


def test_a_bundle_server_is_polled_with_etag(tmp_path):
    """What is new is fetched once and reaches both workers; what is bad is refused once, however often it is shown."""
    signed, server = Signed(tmp_path), Server()
    signed.write(tmp_path / "rules", good("1.0.0"))
    server.publish(signed.archive(good("1.0.0")), '"a"')
    options = ("--rules", str(tmp_path / "rules"), "--rules-trust", str(signed.public), "--rules-url", server.url)
    with serving(tmp_path, *options, "--rules-every", "0.2", "--rules-settle", "0.1", workers=2) as sidecar:
        server.publish(signed.archive(good("1.1.0")), '"b"')
        sidecar.until(lambda: {worker["revision"] for worker in sidecar.workers()} == {revision(good("1.1.0"))})
        server.publish(signed.archive(good("1.2.0"))[:300], '"c"')
        sidecar.until(lambda: sidecar.reloads() == {"activated": 1, "followed": 1, "refused": 1})
        asked = server.asked
        sidecar.until(lambda: server.asked > asked + 5)
        counts = sidecar.reloads()
    server.shutdown()
    server.server_close()

    assert counts == {"activated": 1, "followed": 1, "refused": 1}
    assert server.fresh <= 3


def test_hangup_passes_the_same_gates_and_reaches_every_worker(tmp_path):
    """It took bundles that fail their own tests, and older ones; now it takes what is good, and the policy with it."""
    write(tmp_path / "rules", good("1.1.0"))
    with serving(tmp_path, "--rules", str(tmp_path / "rules"), workers=2) as sidecar:
        write(tmp_path / "rules", bundle("1.2.0", rule="schema: 1\n"))
        sidecar.send(signal.SIGHUP)
        sidecar.until(lambda: "reload refused by worker 0" in sidecar.said())
        write(tmp_path / "rules", good("1.0.0"))
        (tmp_path / "policy.yaml").write_text(POLICY.replace("{action: rule}", "{action: flag}"))
        sidecar.send(signal.SIGHUP)
        sidecar.until(lambda: "reloaded: generation 3" in sidecar.said())
        by_policy = {sidecar.check(CANARY) for _ in range(5)}
        write(tmp_path / "rules", good("1.3.0"))
        sidecar.send(signal.SIGHUP)
        sidecar.until(lambda: "reloaded: generation 4" in sidecar.said())

        assert by_policy == {("flag", revision(good("1.1.0")))}
        assert {worker["revision"] for worker in sidecar.workers()} == {revision(good("1.3.0"))}


def test_a_shadow_of_all_workers_is_added_up_before_it_is_promoted(tmp_path):
    """Its verdicts decide nothing; what differs is told, then it is put in force everywhere."""
    write(tmp_path / "rules", good("1.0.0"))
    options = ("--rules", str(tmp_path / "rules"), "--rules-push")
    token = {"SIDECAR_RULES_PUSH_TOKEN": ""}
    signed = Signed(tmp_path)
    signed.write(tmp_path / "rules", good("1.0.0"))
    with serving(tmp_path, *options, "--rules-trust", str(signed.public), workers=2, environment=token) as sidecar:
        outcome, _ = sidecar.push(signed.archive(bundle("1.1.0", verdict="flag")), shadow=True)
        verdicts = {sidecar.check(CANARY)[0] for _ in range(10)}
        sidecar.until(lambda: sidecar.status().shadow.compared == 10)
        seen = sidecar.status().shadow
        promoted = sidecar.rules("Promote", rules_pb2.PromoteRequest())

        assert (outcome, verdicts, dict(seen.differences)) == ("shadowing", {"block"}, {"block->flag": 10})
        assert {worker.version for worker in promoted.workers} == {"1.1.0"}
        assert (sidecar.check(CANARY)[0], sidecar.status().HasField("shadow")) == ("flag", False)


def test_what_was_pushed_outlives_workers_and_with_a_store_the_sidecar(tmp_path):
    """A worker that is killed comes back with the rules in force, not with those of the folder; so does the next start."""
    signed = Signed(tmp_path)
    signed.write(tmp_path / "rules", good("1.0.0"))
    options = ("--rules", str(tmp_path / "rules"), "--rules-trust", str(signed.public), "--rules-push")
    wanted = revision(good("1.1.0"))
    with serving(tmp_path, *options, "--rules-store", str(tmp_path / "store"), workers=2) as sidecar:
        sidecar.push(signed.archive(good("1.1.0")))
        victim = sidecar.workers()[1]["pid"]
        os.kill(victim, signal.SIGKILL)
        sidecar.until(lambda: sidecar.workers()[1]["pid"] not in (victim, None) and sidecar.workers()[1]["ready"])
        revived = {worker["revision"] for worker in sidecar.workers()}
    with serving(tmp_path, *options, "--rules-store", str(tmp_path / "store")) as sidecar:
        replayed, _ = sidecar.push(signed.archive(good("1.0.5")))

        assert (revived, sidecar.check(CANARY)) == ({wanted}, ("block", wanted))
        assert (replayed, sidecar.status().active.version) == ("refused", "1.1.0")
