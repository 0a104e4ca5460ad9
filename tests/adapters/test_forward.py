# ruff: noqa: SIM117 - what is sent to is written from what was started; the nesting shows that
"""`Forward` over a real gRPC server, to real upstreams that behave badly."""

import asyncio
import contextlib
import gzip
import json

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.filter_service import FilterService
from sidecar.adapters.forward import Forwarder
from sidecar.backends.upstream import Upstreams
from sidecar.backends.upstream_metrics import UpstreamMetrics
from sidecar.hosts import grpcio
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.rules.upstreams import read_upstreams
from sidecar.telemetry import Metrics
from tests.backends import faulty

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a quartz-otter swims"}]}).encode()


class Sidecar:
    """The service over a real server, with the upstreams of a file."""

    def __init__(self, snapshot, text):
        self._metrics = Metrics()
        counts = UpstreamMetrics(self._metrics.registry, self._metrics.upstream_seconds)
        self._upstreams = Upstreams(read_upstreams(text.encode(), "up.yaml"), counts)
        forwarder = Forwarder(self._upstreams, None, self._metrics.first_token_seconds.observe)
        self._methods = FilterService(lambda: snapshot, forwarder).methods()

    async def start(self):
        await self._upstreams.start()
        self._server = await grpcio.start(self._methods, Listen((TcpAddress("127.0.0.1", 0),)))
        self.address = str(self._server.addresses[0])

    async def stop(self):
        await self._server.stop(0)
        await self._upstreams.close()

    def metrics(self):
        self._upstreams.show()
        return self._metrics.render()


@pytest.fixture
async def sidecar(snapshot):
    """Start a sidecar over some upstreams."""
    running = []

    async def start(*urls, extra=""):
        listed = "".join(f"  - {{name: u{i}, url: '{url}'}}\n" for i, url in enumerate(urls))
        running.append(Sidecar(snapshot, f"schema: 1\nupstreams:\n{listed}{extra}"))
        await running[-1].start()
        return running[-1]

    yield start
    for started in running:
        await started.stop()


def request(body=BODY, path=CHAT, headers=JSON):
    return pb.ForwardRequest(path=path, headers=headers, body=body)


class Caller:
    """A gRPC client of one sidecar."""

    def __init__(self, sidecar):
        self._address = sidecar.address

    async def __aenter__(self):
        self._channel = grpc.aio.insecure_channel(self._address)
        return self

    async def __aexit__(self, *_):
        await self._channel.close()

    def forward(self, *asked, timeout=20, **more):
        method = self._channel.unary_stream(
            "/sidecar.v1.FilterService/Forward", pb.ForwardRequest.SerializeToString, pb.ForwardResponse.FromString
        )
        return method(request(*asked, **more), timeout=timeout)

    async def ask(self, *asked, **more):
        """Return all parts and the code of the call."""
        call, parts = self.forward(*asked, **more), []
        with contextlib.suppress(grpc.aio.AioRpcError):
            while (part := await call.read()) is not grpc.aio.EOF:
                parts.append(part)

        assert "otter" not in await call.details()
        return parts, await call.code()


def sample(metrics, name, **labels):
    """Return the sum of a metric's samples with some labels."""
    samples = [item for family in text_string_to_metric_families(metrics) for item in family.samples]
    return sum(item.value for item in samples if item.name == name and labels.items() <= item.labels.items())


FAULTS = {
    "resetting": (faulty.reset, 502, "upstream_failed", "broke_off"),
    "hanging up": (faulty.close, 502, "upstream_failed", "broke_off"),
    "garbage": (faulty.garbage, 502, "upstream_failed", "broke_off"),
    "bad chunks": (faulty.bad_chunks, 502, "upstream_failed", "broke_off"),
    "slow": (faulty.black_hole, 504, "upstream_timeout", "timeout"),
    "half open": (faulty.half_open, 504, "upstream_timeout", "timeout"),
}


async def test_faults_have_their_status_and_code(sidecar):
    """Each is an HTTP answer in the shape of the caller's API, counted, and holds nothing of the prompt."""
    async with faulty.Faulty(None) as bad:
        started = await sidecar(bad.url, extra="timeouts: {answer: 0.5, idle: 0.5}\n")
        async with Caller(started) as caller:
            for name, (behave, status, code, word) in FAULTS.items():
                before = sample(started.metrics(), "sidecar_upstream_attempts_total", outcome=word)
                bad.behave = behave
                [part], ended = await caller.ask()

                assert (ended, part.status) == (grpc.StatusCode.OK, status), name
                assert json.loads(part.body)["error"]["code"] == code
                assert b"otter" not in part.body
                after = sample(started.metrics(), "sidecar_upstream_attempts_total", outcome=word)
                # An answer that breaks off in its body was first one that began well.
                assert after - before == 1, name


async def test_breaking_off_in_the_middle_is_no_success(sidecar):
    """After the first byte there is no status left to change: the call ends with a gRPC error, never with OK."""
    async with faulty.Faulty(faulty.reset_in_body) as bad, faulty.Faulty(faulty.endless_events) as endless:
        async with Caller(await sidecar(bad.url)) as caller:
            parts, code = await caller.ask()
            assert (parts[0].status, code) == (200, grpc.StatusCode.UNAVAILABLE)
            assert len(bad.requests) == 1
        async with Caller(await sidecar(endless.url)) as caller:
            parts, code = await caller.ask(timeout=1)
            assert (parts[0].status, code) == (200, grpc.StatusCode.DEADLINE_EXCEEDED)
            await asyncio.wait_for(endless.gone.wait(), 10)


async def test_caller_hears_before_its_own_deadline(sidecar):
    """Goal 26: a black hole is a 504 with a code while the caller still listens, and the upstream is let go."""
    async with faulty.Faulty(faulty.black_hole) as bad:
        # A margin that a busy machine cannot use up.
        async with Caller(await sidecar(bad.url, extra="timeouts: {margin: 1}\n")) as caller:
            [part], code = await caller.ask(timeout=2.0)

        assert (part.status, code) == (504, grpc.StatusCode.OK)
        assert json.loads(part.body)["error"]["code"] == "deadline_exceeded"
        await asyncio.wait_for(bad.gone.wait(), 10)


@pytest.mark.parametrize("behave", [faulty.black_hole, faulty.endless_events])
async def test_cancellation_reaches_the_upstream(sidecar, behave):
    """A caller who cancels, before the answer or in the middle of it, ends the request at the upstream."""
    async with faulty.Faulty(behave) as server:
        started = await sidecar(server.url)
        async with Caller(started) as caller:
            call = caller.forward()
            await faulty.until(lambda: server.requests)
            if behave is faulty.endless_events:
                await call.read()
            call.cancel()
            await asyncio.wait_for(server.gone.wait(), 10)
            await faulty.until(lambda: sample(started.metrics(), "sidecar_upstream_in_flight") == 0)


async def test_slow_reader_bounds_what_is_read(sidecar):
    """A caller that does not read stops the upstream; the sidecar keeps no more than windows and buffers."""
    async with faulty.Faulty(faulty.flood) as server, Caller(await sidecar(server.url)) as caller:
        call = caller.forward(timeout=60)
        assert (await call.read()).status == 200
        assert b"word1" in (await call.read()).body
        assert await faulty.settled(server) < 24 * 2**20
        assert not server.gone.is_set()
        call.cancel()
        await asyncio.wait_for(server.gone.wait(), 10)


ROUTES = """
routes:
  - {name: gpt, models: ["gpt-*"], to: [{upstream: u0}]}
  - {name: gold, headers: {x-tier: gold}, to: [{upstream: u1}]}
"""


async def test_routes_by_model_and_header(sidecar):
    """The model in the body, or a header, chooses the upstream; a model that nobody serves is a 404."""
    async with faulty.Faulty(faulty.answer()) as one, faulty.Faulty(faulty.answer()) as two:
        async with Caller(await sidecar(one.url, two.url, extra=ROUTES)) as caller:
            await caller.ask(BODY.replace(b'"m"', b'"gpt-4o"'))
            assert (len(one.requests), len(two.requests)) == (1, 0)
            await caller.ask(headers={**JSON, "X-Tier": "gold"})
            assert (len(one.requests), len(two.requests)) == (1, 1)
            [part], _ = await caller.ask()
            assert (part.status, json.loads(part.body)["error"]["code"]) == (404, "model_not_found")
            [part], _ = await caller.ask(path="/v1/messages")
            assert (part.status, json.loads(part.body)["type"]) == (404, "error")


async def test_model_of_a_compressed_request_is_read(sidecar):
    """A content coding hides the model from nobody."""
    async with faulty.Faulty(faulty.answer()) as one:
        async with Caller(await sidecar(one.url, one.url, extra=ROUTES)) as caller:
            body = gzip.compress(BODY.replace(b'"m"', b'"gpt-4o"'))
            parts, _ = await caller.ask(body, headers={**JSON, "content-encoding": "gzip"})

            assert parts[0].status == 200


async def test_overloaded_callers_learn_when_to_come_back(sidecar):
    """A breaker that is open is a 503 with `retry-after`."""
    async with faulty.Faulty(faulty.close) as bad:
        async with Caller(await sidecar(bad.url, extra="breaker: {failures: 1, seconds: 30}\n")) as caller:
            await caller.ask()
            [part], _ = await caller.ask()

            assert (part.status, len(bad.requests)) == (503, 1)
            assert 1 <= int(part.headers["retry-after"]) <= 30


async def test_paths_that_mean_another_host_are_refused(sidecar):
    """A path is not part of the host, whatever it begins with."""
    async with faulty.Faulty(faulty.answer()) as good, faulty.Faulty(faulty.answer()) as evil:
        async with Caller(await sidecar(good.url)) as caller:
            for path in (f"@127.0.0.1:{evil.port}/v1", "/v1/../admin", "v1"):
                [part], _ = await caller.ask(path=path)
                assert (part.status, json.loads(part.body)["error"]["code"]) == (400, "malformed_request")
            assert (good.requests, evil.requests) == ([], [])


async def test_time_to_first_token_and_upstream_seconds_are_measured(sidecar):
    """One request, one sample of each; the time until a byte is released is not shorter than until the headers."""
    async with faulty.Faulty(faulty.answer()) as good:
        started = await sidecar(good.url)
        async with Caller(started) as caller:
            await caller.ask()
        metrics = started.metrics()

        assert sample(metrics, "sidecar_upstream_seconds_count") == 1
        assert sample(metrics, "sidecar_first_token_seconds_count") == 1
        assert sample(metrics, "sidecar_first_token_seconds_sum") >= sample(metrics, "sidecar_upstream_seconds_sum")
        assert sample(metrics, "sidecar_upstream_state", upstream="u0", state="up") == 1
