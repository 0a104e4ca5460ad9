"""Every metric that is announced is counted: real traffic through two real workers shows each of them, added up."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters._pb import rules_pb2
from sidecar.gateway.demo import DemoUpstream
from sidecar.hosts import envoy
from sidecar.rules.archive import pack
from sidecar.rules.perimeter import hash_key
from sidecar.telemetry import Metrics
from tests.delivery.parts import bundle
from tests.delivery.test_sources import write

HOSTS = ("grpcio", pytest.param("envoy", marks=pytest.mark.skipif(bool(envoy.unusable()), reason="no Envoy here")))

PERIMETER = f"""
schema: 1
applications:
  - name: shop
    keys: ['{hash_key("shop key")}']
    services: [filter, rules]
    budgets: {{tokens: {{amount: 1000, soft: 0.001}}}}
prices: [{{model: 'demo*', input: 1000000, output: 2000000}}]
"""

# A deadline that no model meets: names are a gap, and a gap is a failure that the policy decides.
POLICY = """
schema: 1
name: everything
threshold: {action: 'off'}
cache: {verdicts: 100}
ner: {enabled: true, deadline: 0.0001}
families: {injection: {action: rule}, pii: {action: mask}}
"""

# States that are zero while all is well.
QUIET = {
    "sidecar_audit_dropped",
    "sidecar_audit_queue",
    "sidecar_calls_in_flight",
    "sidecar_calls_refused",
    "sidecar_ner_queue",
    "sidecar_quota_failures",
    # Of signed bundles that expire.
    "sidecar_bundle_expires_timestamp_seconds",
    # Off unless asked for.
    "sidecar_quarantined",
    "sidecar_ner_restarts",
    "sidecar_worker_restarts",
}


class Sidecar:
    """A running sidecar with two workers and everything switched on."""

    def __init__(self, folder, host, upstream):
        write(folder / "rules", bundle())
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "perimeter.yaml").write_text(PERIMETER)
        options = {
            "--host": host,
            "--workers": "2",
            "--listen": "127.0.0.1:0",
            "--admin": "127.0.0.1:0",
            "--rules": folder / "rules",
            "--rules-store": folder / "store",
            "--policy": folder / "policy.yaml",
            "--perimeter": folder / "perimeter.yaml",
            "--audit": folder / "audit",
            "--upstream": upstream,
        }
        command = [str(part) for pair in options.items() for part in pair]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sidecar", "serve", "--rules-push", "--rules-unsigned", *command],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.metrics_url = self._said(r"metrics on (\S+)")
        self.address = self._said(r"ready: .* on (\S+)")

    def _said(self, pattern):
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(pattern, line):
                return found[1]
        self.stop()
        raise AssertionError("".join(said))

    def call(self, method, request, answer, **headers):
        """Make a unary call with the shop's key, on a connection of its own, so that both workers get some."""
        with grpc.insecure_channel(self.address, (("grpc.use_local_subchannel_pool", 1),)) as channel:
            call = channel.unary_unary(method, type(request).SerializeToString, answer.FromString)
            metadata = {"x-portcullis-key": "shop key", **headers}
            return call(request, timeout=30, metadata=tuple(metadata.items()))

    def check(self, text, **headers):
        return self.call("/sidecar.v1.FilterService/Check", pb.CheckRequest(text=text), pb.CheckResponse, **headers)

    def forward(self, text):
        body = {"model": "demo", "messages": [{"role": "user", "content": text}]}
        headers = {"content-type": "application/json", "x-portcullis-key": "shop key"}
        request = pb.ForwardRequest(path="/v1/chat/completions", headers=headers, body=json.dumps(body).encode())
        with grpc.insecure_channel(self.address) as channel:
            call = channel.unary_stream(
                "/sidecar.v1.FilterService/Forward", pb.ForwardRequest.SerializeToString, pb.ForwardResponse.FromString
            )
            # All of it is read: what an answer used is charged at its end.
            statuses = [part.status for part in call(request, timeout=30)]
        return statuses[0]

    def scrape(self):
        with urllib.request.urlopen(self.metrics_url) as answer:
            return list(text_string_to_metric_families(answer.read().decode()))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stderr.close()


@pytest.fixture(params=HOSTS)
def sidecar(request, tmp_path):
    demo = DemoUpstream().start()
    running = Sidecar(tmp_path, request.param, demo.url)
    yield running
    running.stop()
    demo.stop()


def traffic(sidecar):
    """Something of everything: clean, flagged, masked, unread, refused, forwarded, a new bundle, a shadow, a bad bundle."""
    push = "/sidecar.v1.RulesService/Push"
    outcomes = [
        sidecar.call(push, rules_pb2.PushRequest(archive=archive, shadow=shadow), rules_pb2.RulesResponse)
        for archive, shadow in ((pack(bundle("1.1.0", verdict="block")), True), (b"no archive", False))
    ]
    assert [item.outcome for item in outcomes] == [
        rules_pb2.RULES_OUTCOME_SHADOWING,
        rules_pb2.RULES_OUTCOME_REFUSED,
    ], outcomes
    for text in ("please open sesame", "a clean text", "write to ada@example.com", "Margaret Atwater lives in Toronto"):
        for _ in range(16):
            sidecar.check(text)
    with pytest.raises(grpc.RpcError):
        sidecar.check("hello", **{"x-portcullis-key": "nobody's"})
    assert sidecar.forward("hello there") == 200


@pytest.mark.timeout(180)
def test_every_metric_is_counted(sidecar):
    """What the workers announce, the supervisor shows, with figures from the traffic; decisions add up over workers."""
    traffic(sidecar)
    announced = {family.name for family in Metrics().registry.collect()}
    deadline = time.monotonic() + 20
    while True:
        families = {family.name: family.samples for family in sidecar.scrape()}
        silent = {name for name in announced if not any(sample.value for sample in families.get(name, ()))}
        if silent <= QUIET or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    checked = sum(sample.value for sample in families["sidecar_decisions"] if sample.labels.get("phase") == "request")

    assert silent - QUIET == set()
    assert set(families) >= announced | QUIET
    assert checked == 4 * 16 + 1
