"""`sidecar serve` as a process of its own, with a small bundle, and clients that never stop asking."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import grpc
import msgspec
from grpc_health.v1 import health_pb2

from sidecar.adapters._pb import filter_pb2, rules_pb2
from sidecar.backends.signing import new_key, read_signer
from sidecar.rules.archive import pack
from sidecar.rules.shipping import ENVELOPE, Envelope, describe, sign
from tests.delivery.parts import POLICY, bundle
from tests.delivery.test_sources import write

ROOT = Path(__file__).parent.parent.parent
# What every bundle of these tests blocks, and what none does.
CANARY = "please open sesame"
CLEAN = "sesame seeds are fine on bread"


def good(version):
    """Return a bundle that blocks the canary; each version has another revision."""
    return bundle(version, verdict="block")


class Signed:
    """Bundles signed by a key of this test."""

    def __init__(self, folder):
        self.folder = Path(folder)
        new_key(self.folder / "release")
        self.public = self.folder / "release.pub"
        self.signer = read_signer(self.folder / "release")

    def envelope(self, files, **kwargs):
        """Sign files."""
        return sign(Envelope(describe(files, **kwargs)), self.signer)

    def archive(self, files, envelope=None):
        """Pack files with their signature."""
        return pack({**files, ENVELOPE: msgspec.json.encode(envelope or self.envelope(files))})

    def write(self, folder, files):
        """Write files and signature into a folder."""
        write(folder, files)
        (folder / ENVELOPE).write_bytes(msgspec.json.encode(self.envelope(files)))


class Sidecar:
    """A running sidecar."""

    def __init__(self, process, log):
        self.process = process
        self.log = log
        self.address = self._wait_for(r"on (127\.0\.0\.1:\d+)")
        self.admin = self._wait_for(r"metrics on (http://[\d.:]+)")
        self.channel = grpc.insecure_channel(self.address)

    def _wait_for(self, pattern):
        deadline = time.monotonic() + 90
        while not (found := re.search(pattern, self.said())):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return found[1]

    def said(self):
        """Return what it wrote to its terminal so far."""
        return self.log.read_text()

    def call(self, method, request, answer, seconds=120):
        """Call a method."""
        stub = self.channel.unary_unary(
            method, request_serializer=lambda m: m.SerializeToString(), response_deserializer=answer.FromString
        )
        return stub(request, timeout=seconds)

    def rules(self, method, request, answer=rules_pb2.RulesResponse):
        """Call a method of `RulesService`."""
        return self.call(f"/sidecar.v1.RulesService/{method}", request, answer)

    def push(self, archive, *, shadow=False):
        """Offer a bundle; returns the outcome's name and the answer."""
        answer = self.rules("Push", rules_pb2.PushRequest(archive=archive, shadow=shadow))
        return rules_pb2.RulesOutcome.Name(answer.outcome).removeprefix("RULES_OUTCOME_").lower(), answer

    def status(self):
        """Ask what runs."""
        return self.rules("Status", rules_pb2.StatusRequest(), rules_pb2.StatusResponse)

    def check(self, text):
        """Return a verdict's name and the revision behind it."""
        answer = self.call(
            "/sidecar.v1.FilterService/Check", filter_pb2.CheckRequest(text=text), filter_pb2.CheckResponse
        )
        return filter_pb2.Verdict.Name(answer.verdict).removeprefix("VERDICT_").lower(), answer.revision

    def health(self):
        """Ask over a connection of its own; returns what the answer says of the worker."""
        with grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            _, call = stub.with_call(health_pb2.HealthCheckRequest(), timeout=20)
        return {key: value for key, value in call.initial_metadata() if key.startswith("sidecar-")}

    def page(self, name):
        """Read a page of the admin port."""
        with urllib.request.urlopen(f"{self.admin}/{name}", timeout=20) as answer:
            return answer.read().decode()

    def reloads(self):
        """Return how often rules were taken and refused, by outcome, over all workers."""
        found = re.findall(r'^sidecar_reloads_total\{outcome="(\w+)"\} ([\d.]+)$', self.page("metrics"), re.MULTILINE)
        return Counter({outcome: int(float(count)) for outcome, count in found})

    def workers(self):
        """Return what `/healthz` says of each worker."""
        return msgspec.json.decode(self.page("healthz"))["workers"]

    def memory(self):
        """Return the resident bytes of each worker."""
        pages = [int(Path(f"/proc/{worker['pid']}/statm").read_text().split()[1]) for worker in self.workers()]
        return [count * os.sysconf("SC_PAGE_SIZE") for count in pages]

    def until(self, holds, seconds=60):
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.said()[-2000:]
            time.sleep(0.05)

    def send(self, number):
        """Send a signal."""
        self.process.send_signal(number)


@contextlib.contextmanager
def serving(folder, *arguments, host="grpcio", workers=1, policy=None, environment=None):
    """Run a sidecar until the block ends; `folder` holds its policy and its log."""
    if policy is None:
        policy = folder / "policy.yaml"
        policy.write_text(POLICY)
    log = Path(tempfile.mkstemp(dir=folder, suffix=".log")[1])
    command = ["serve", "--host", host, "--workers", str(workers), "--listen", "127.0.0.1:0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sidecar", *command, "--policy", str(policy), "--admin", "127.0.0.1:0", *arguments],
            stderr=output,
            stdout=output,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
    try:
        yield Sidecar(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Load:
    """Clients that ask without end, half of the time the canary; what they saw is judged at once.

    Args:
        sidecar: whom they ask.
        clients: how many, each with a connection of its own.
        canary: a text that every bundle blocks.
        clean: a text that none does.
    """

    def __init__(self, sidecar, clients=8, *, canary=CANARY, clean=CLEAN):
        self._sidecar = sidecar
        self._clients = clients
        self._texts = (clean, canary)
        self._spans = []
        self.asked = 0
        self.failed = Counter()
        self.unfiltered = 0
        self.harmed = 0
        self.stale = Counter()
        self.seconds = []

    def offering(self, revision):
        """Tell that a revision may come into force from now on."""
        self._spans.append([revision, time.monotonic(), float("inf")])

    def entered(self, revision):
        """Tell that a revision is in force at every worker: what was before is not any more."""
        for span in self._spans:
            if span[0] != revision:
                span[2] = min(span[2], time.monotonic())

    def is_allowed(self, revision, begun, ended, grace):
        """Tell whether an answer may carry a revision: it was in force while it was asked, or `grace` seconds before."""
        return any(name == revision and since <= ended and begun <= until + grace for name, since, until in self._spans)

    async def run(self, work):
        """Ask until `work`, a coroutine, has ended; returns its result."""
        stop = asyncio.Event()
        asking = [asyncio.create_task(self._ask(stop, number)) for number in range(self._clients)]
        try:
            return await work
        finally:
            stop.set()
            await asyncio.gather(*asking)

    async def _ask(self, stop, number):
        options = [("grpc.use_local_subchannel_pool", 1), ("portcullis.client", number)]
        async with grpc.aio.insecure_channel(self._sidecar.address, options=options) as channel:
            check = channel.unary_unary(
                "/sidecar.v1.FilterService/Check",
                request_serializer=filter_pb2.CheckRequest.SerializeToString,
                response_deserializer=filter_pb2.CheckResponse.FromString,
            )
            while not stop.is_set():
                self.asked += 1
                await self._ask_once(check, is_canary=bool(self.asked % 2))

    async def _ask_once(self, check, *, is_canary):
        begun = time.monotonic()
        try:
            answer = await check(filter_pb2.CheckRequest(text=self._texts[is_canary]), timeout=30)
        except grpc.aio.AioRpcError as error:
            self.failed[error.code().name] += 1
            return
        ended = time.monotonic()
        self.seconds.append(ended - begun)
        blocked = answer.verdict == filter_pb2.VERDICT_BLOCK
        self.unfiltered += is_canary and not blocked
        self.harmed += not is_canary and answer.verdict != filter_pb2.VERDICT_ALLOW
        for grace in (0.0, 2.0):
            allowed = not self._spans or self.is_allowed(answer.revision, begun, ended, grace)
            self.stale[grace] += not allowed

    def quantile(self, share):
        """Return a latency in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    @property
    def losses(self):
        """What must be zero."""
        return {
            "failed": sum(self.failed.values()),
            "unfiltered": self.unfiltered,
            "harmed": self.harmed,
            "wrong generation after 2 s": self.stale[2.0],
        }


NO_LOSSES = {"failed": 0, "unfiltered": 0, "harmed": 0, "wrong generation after 2 s": 0}
