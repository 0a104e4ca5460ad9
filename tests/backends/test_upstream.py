# ruff: noqa: SIM117 - what is sent to is written from what was started; the nesting shows that
"""Sending to upstreams over real sockets: each way in which they fail, and what is done about it."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry, Histogram

from sidecar.backends.upstream import Upstreams
from sidecar.backends.upstream_metrics import UpstreamMetrics
from sidecar.core.upstreams import Asking, Outbound
from sidecar.errors import (
    ConfigError,
    DeadlineExceeded,
    MalformedRequest,
    NoUpstream,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from sidecar.rules.upstreams import read_upstreams, single
from tests.backends import faulty

SECRET = b'{"model": "m", "messages": [{"role": "user", "content": "quartz-otter"}]}'


class Sender:
    """Upstreams under test, with their counts."""

    def __init__(self, forwarding):
        self.registry = CollectorRegistry()
        seconds = Histogram("sidecar_upstream_seconds", "x", registry=self.registry)
        self.upstreams = Upstreams(forwarding, UpstreamMetrics(self.registry, seconds))

    async def __aenter__(self):
        await self.upstreams.start()
        return self

    async def __aexit__(self, *_):
        await self.upstreams.close()

    async def ask(self, *, seconds=None, path="/v1/chat/completions", asking=None, method="POST", headers=None):
        """Send one request and return status, headers, body and who answered."""
        outbound = Outbound(method, path, headers or {}, SECRET)
        async with self.upstreams.send(outbound, asking or Asking(model="m"), seconds=seconds) as answer:
            body = b"".join([chunk async for chunk in answer.chunks()])
            return answer.status, answer.headers, body, answer.upstream

    def count(self, name, **labels):
        return self.registry.get_sample_value(f"sidecar_upstream_{name}", labels) or 0

    def attempts(self, upstream, outcome):
        return self.count("attempts_total", upstream=upstream, outcome=outcome)

    def state(self, upstream):
        self.upstreams.show()
        states = ("up", "trial", "unhealthy", "ejected", "open", "cooling")
        return next(state for state in states if self.count("state", upstream=upstream, state=state))

    @property
    def in_flight(self):
        self.upstreams.show()
        return sum(
            sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if metric.name == "sidecar_upstream_in_flight"
        )


def file(*urls, routes="", extra="", settings=""):
    """Write an upstreams file over some URLs, called u0, u1, …."""
    listed = "".join(f"  - {{name: u{i}, url: '{url}'{settings}}}\n" for i, url in enumerate(urls))
    return read_upstreams(f"schema: 1\nupstreams:\n{listed}{routes}{extra}".encode(), "up.yaml")


IN_ORDER = "routes: [{name: all, to: [{upstream: u0}, {upstream: u1, priority: 1}]}]\n"

# What an upstream does; the error, its status and code; how the attempt is counted.
FAULTS = {
    "resetting": (faulty.reset, UpstreamError, 502, "upstream_failed", "broke_off"),
    "hanging up": (faulty.close, UpstreamError, 502, "upstream_failed", "broke_off"),
    "garbage": (faulty.garbage, UpstreamError, 502, "upstream_failed", "broke_off"),
    "reset in the body": (faulty.reset_in_body, UpstreamError, 502, "upstream_failed", "broke_off"),
    "bad chunks": (faulty.bad_chunks, UpstreamError, 502, "upstream_failed", "broke_off"),
    "slow": (faulty.black_hole, UpstreamTimeout, 504, "upstream_timeout", "timeout"),
    "half open": (faulty.half_open, UpstreamTimeout, 504, "upstream_timeout", "timeout"),
}
QUICK = "timeouts: {answer: 0.3, idle: 0.3, connect: 0.3}\n"


@pytest.mark.parametrize("name", FAULTS)
async def test_fault_has_its_status_code_and_metric(name):
    """Each fault is an error of its own, counted once, never retried, with nothing of the prompt in it."""
    behave, kind, status, code, word = FAULTS[name]
    async with faulty.Faulty(behave) as bad, faulty.Faulty(faulty.answer()) as good:
        async with Sender(file(bad.url, good.url, routes=IN_ORDER, extra=QUICK)) as sender:
            with pytest.raises(kind) as caught:
                await sender.ask()

            assert type(caught.value) is kind
            assert (caught.value.http_status, caught.value.code) == (status, code)
            assert "otter" not in str(caught.value)
            assert (sender.attempts("u0", word), sender.in_flight) == (1, 0)
            assert (len(bad.requests), len(good.requests)) == (1, 0)


async def test_nobody_listens():
    """A refused connection is 503, and retried, as nothing was processed; with somebody else it is not even seen."""
    async with faulty.Faulty(faulty.answer()) as good:
        dead = f"http://127.0.0.1:{faulty.free_port()}"
        async with Sender(single(dead)) as sender:
            with pytest.raises(UpstreamUnavailable) as caught:
                await sender.ask()
            assert (caught.value.http_status, caught.value.code) == (503, "upstream_unavailable")
            assert sender.attempts("upstream", "unreachable") == 3
        async with Sender(file(dead, good.url, routes=IN_ORDER)) as sender:
            assert (await sender.ask())[3] == "u1"
            assert sender.count("retries_total", reason="unreachable") == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_refused_requests_go_to_somebody_else(status):
    """429 and 503 say that nothing was done: the next upstream is asked, and this one is left alone as long as it asks."""
    async with faulty.Faulty(faulty.answer(status, retry_after=30)) as busy, faulty.Faulty(faulty.answer()) as good:
        async with Sender(file(busy.url, good.url, routes=IN_ORDER)) as sender:
            answers = [(await sender.ask())[::3] for _ in range(3)]

            assert answers == [(200, "u1")] * 3
            assert (len(busy.requests), sender.state("u0")) == (1, "cooling")
            assert sender.count("retries_total", reason=str(status)) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500, 502, 504])
async def test_other_statuses_are_never_retried(status):
    """They may stand for a request that was processed, and paid for; the upstream's own answer goes back."""
    async with faulty.Faulty(faulty.answer(status, b"own")) as bad, faulty.Faulty(faulty.answer()) as good:
        async with Sender(file(bad.url, good.url, routes=IN_ORDER)) as sender:
            assert (await sender.ask())[::2] == (status, b"own")
            assert (len(bad.requests), len(good.requests)) == (1, 0)


async def test_short_retry_after_is_waited_for_and_long_is_handed_on():
    """One second is within the allowed wait; sixty go to the caller with the header."""
    once = faulty.sequence(faulty.answer(429, retry_after=1), faulty.answer())
    async with faulty.Faulty(once) as short, faulty.Faulty(faulty.answer(429, retry_after=60)) as long:
        async with Sender(single(short.url)) as sender:
            begin = time.monotonic()
            assert (await sender.ask())[0] == 200
            assert time.monotonic() - begin >= 1
        async with Sender(single(long.url)) as sender:
            status, headers, _, _ = await sender.ask()
            assert (status, headers["retry-after"], len(long.requests)) == (429, "60", 1)


async def test_retry_budget_ends_a_storm():
    """Twenty requests at an upstream that always refuses: retries are a share of them, not a multiple."""
    async with faulty.Faulty(faulty.answer(503)) as bad:
        settings = "retries: {budget: 0.1, reserve: 2}\nbreaker: {failures: 1000}\n"
        async with Sender(file(bad.url, extra=settings)) as sender:
            for _ in range(20):
                await sender.ask()

            assert 20 < len(bad.requests) <= 25


async def test_breaker_opens_within_twenty_calls_and_closes_again():
    """Goal 26: a black hole costs at most 20 callers their deadline; the others hear at once, and recovery is noticed."""
    async with faulty.Faulty(faulty.black_hole) as bad:
        settings = "breaker: {seconds: 0.2}\ntimeouts: {fair: 0.01}\n"
        async with Sender(file(bad.url, extra=settings)) as sender:
            calls = 0
            while sender.state("u0") != "open":
                with pytest.raises(DeadlineExceeded):
                    await sender.ask(seconds=0.05)
                calls += 1
            with pytest.raises(UpstreamUnavailable) as caught:
                await sender.ask(seconds=0.05)

            assert calls <= 20
            assert len(bad.requests) == calls
            assert 0 < caught.value.retry_after <= 0.2
            assert sender.count("refused_total", reason="unhealthy") == 1
            bad.behave = faulty.answer()
            await asyncio.sleep(0.25)
            assert (await sender.ask())[0] == 200
            assert sender.count("changes_total", upstream="u0", change="closed") == 1


async def test_impatient_callers_do_not_open_the_breaker():
    """A deadline of some milliseconds tells nothing about an upstream: one caller must not shut it for all."""
    async with faulty.Faulty(faulty.black_hole) as slow, Sender(single(slow.url)) as sender:
        for _ in range(30):
            with pytest.raises(DeadlineExceeded):
                await sender.ask(seconds=0.005)

        assert sender.state("upstream") == "up"


async def test_deadline_is_kept_with_a_margin():
    """The caller hears from us before its own clock does."""
    async with faulty.Faulty(faulty.black_hole) as bad, faulty.Faulty(faulty.half_open) as half:
        for server in (bad, half):
            async with Sender(single(server.url)) as sender:
                begin = time.monotonic()
                with pytest.raises(DeadlineExceeded) as caught:
                    await sender.ask(seconds=0.5)

                assert caught.value.code == "deadline_exceeded"
                assert 0.4 < time.monotonic() - begin < 2
                await asyncio.wait_for(server.gone.wait(), 5)  # and the upstream stops working on it


@pytest.mark.parametrize("behave", [faulty.black_hole, faulty.endless_events])
async def test_cancellation_reaches_the_upstream(behave):
    """A caller who goes away ends the request at the upstream, before the answer and in the middle of it."""
    async with faulty.Faulty(behave) as server, Sender(single(server.url)) as sender:
        task = asyncio.ensure_future(sender.ask())
        await faulty.until(lambda: server.requests)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        await asyncio.wait_for(server.gone.wait(), 5)
        assert (sender.in_flight, sender.state("upstream")) == (0, "up")


async def test_http2_stream_is_reset_and_the_connection_stays():
    """One connection for all; an answer that nobody reads to its end is CANCELled (RFC 9113, section 7: code 8)."""
    async with faulty.http2_server(ends=False) as (port, seen):
        async with Sender(file(f"http://127.0.0.1:{port}", settings=", http2: true")) as sender:
            for _ in range(3):
                async with sender.upstreams.send(Outbound("POST", "/", {}, b"x"), Asking()) as answer:
                    assert await anext(answer.chunks()) == b"x" * 10
            await asyncio.sleep(0.2)

            assert (seen["connections"], seen["requests"], seen["resets"]) == (1, 3, [8, 8, 8])


async def test_connections_are_reused():
    """Twenty requests one after the other are one connection, on both versions of HTTP."""
    async with faulty.Faulty(faulty.answer()) as server, Sender(single(server.url)) as sender:
        for _ in range(20):
            await sender.ask()

        assert (server.connections, len(server.requests)) == (1, 20)
    async with faulty.http2_server(ends=True) as (port, seen):
        async with Sender(file(f"http://127.0.0.1:{port}", settings=", http2: true")) as sender:
            await asyncio.gather(*[sender.ask() for _ in range(20)])

            assert (seen["connections"], seen["requests"]) == (1, 20)


async def test_slow_reader_bounds_what_is_read():
    """An upstream that sends without end is stopped by the connection's window while nobody reads."""
    async with faulty.Faulty(faulty.flood) as server, Sender(single(server.url)) as sender:
        async with sender.upstreams.send(Outbound("GET", "/", {}, b""), Asking()) as answer:
            await anext(answer.chunks())
            await asyncio.sleep(0.5)
            first = server.sent
            await asyncio.sleep(0.5)

            assert first == server.sent
            assert server.sent < 16 * 2**20


async def test_concurrency_limit_refuses_at_once():
    """Two at once where one is allowed: the second is 503, without waiting, and a slot that is free again is used."""
    async with faulty.Faulty(faulty.black_hole) as server:
        async with Sender(file(server.url, settings=", concurrent: 1")) as sender:
            first = asyncio.ensure_future(sender.ask())
            await faulty.until(lambda: server.requests)
            with pytest.raises(UpstreamUnavailable, match="limit"):
                await sender.ask()
            assert sender.count("refused_total", reason="overloaded") == 1
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            server.behave = faulty.answer()
            assert (await sender.ask())[0] == 200


async def test_health_checks_take_an_upstream_out_and_back():
    """The first region is left when its checks fail, before any request fails, and taken again when they are good."""
    is_well = True

    async def health(server, head, *rest):
        status = 200 if is_well or "health" not in head else 500
        await faulty.answer(status)(server, head, *rest)

    async with faulty.Faulty(health) as first, faulty.Faulty(faulty.answer()) as second:
        checks = "health: {path: /health, interval: 0.05, timeout: 1}\n"
        async with Sender(file(first.url, second.url, routes=IN_ORDER, extra=checks)) as sender:
            assert (await sender.ask())[3] == "u0"
            is_well = False
            await faulty.until(lambda: sender.state("u0") == "unhealthy")
            assert (await sender.ask())[3] == "u1"
            is_well = True
            await faulty.until(lambda: sender.state("u0") == "up")
            assert (await sender.ask())[3] == "u0"


async def test_residency_is_never_traded_for_an_answer():
    """With its region down, a bound application gets 503 and the other region sees nothing."""
    async with faulty.Faulty(faulty.answer()) as us:
        text = f"""
schema: 1
upstreams:
  - {{name: eu, url: 'http://127.0.0.1:{faulty.free_port()}', region: eu}}
  - {{name: us, url: '{us.url}', region: us}}
residency: [{{applications: [clinic], regions: [eu]}}]
"""
        async with Sender(read_upstreams(text.encode(), "up.yaml")) as sender:
            for _ in range(5):
                with pytest.raises(UpstreamUnavailable):
                    await sender.ask(asking=Asking("clinic"))
            assert us.requests == []
            assert (await sender.ask(asking=Asking("shop")))[3] == "us"


async def test_hedging_takes_the_first_answer_and_drops_the_other():
    """A second upstream is asked where the first is slow; the slow one is told to stop."""
    async with faulty.Faulty(faulty.black_hole) as slow, faulty.Faulty(faulty.answer()) as quick:
        routes = IN_ORDER + "hedge: {after: 0.05}\n"
        async with Sender(file(slow.url, quick.url, routes=routes)) as sender:
            assert (await sender.ask())[3] == "u1"
            await asyncio.wait_for(slow.gone.wait(), 5)

            assert (sender.count("hedges_total"), sender.in_flight) == (1, 0)
            assert sender.attempts("u0", "cancelled") == 1


async def test_hedging_is_off_by_default_and_ends_with_its_caller():
    """Without the key nobody else is asked; with it, a caller who goes away ends both."""
    async with faulty.Faulty(faulty.black_hole) as one, faulty.Faulty(faulty.black_hole) as two:
        async with Sender(file(one.url, two.url, routes=IN_ORDER)) as sender:
            with pytest.raises(DeadlineExceeded):
                await sender.ask(seconds=0.2)
            assert two.requests == []
        async with Sender(file(one.url, two.url, routes=IN_ORDER + "hedge: {after: 0.05}\n")) as sender:
            task = asyncio.ensure_future(sender.ask())
            await faulty.until(lambda: two.requests)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.wait_for(two.gone.wait(), 5)
            assert sender.in_flight == 0


async def test_no_route_is_a_404():
    """A model that no route serves is refused before anything is sent."""
    async with faulty.Faulty(faulty.answer()) as server:
        routes = "routes: [{name: gpt, models: ['gpt-*'], to: [{upstream: u0}]}]\n"
        async with Sender(file(server.url, routes=routes)) as sender:
            with pytest.raises(NoUpstream) as caught:
                await sender.ask()
            assert (caught.value.http_status, caught.value.code, server.requests) == (404, "model_not_found", [])
            assert (await sender.ask(asking=Asking(model="gpt-4")))[0] == 200


BAD_REQUESTS = {
    "host in path": {"path": "@127.0.0.1:1/x"},
    "dot segments": {"path": "/v1/%2e%2e/admin"},
    "header value": {"headers": {"x": "a\r\nhost: quartz-otter"}},
    "header name": {"headers": {"x y": "quartz-otter"}},
    "method": {"method": "GET /\r\n"},
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_requests_that_http_does_not_allow(name):
    """Nothing is sent, the error is the caller's and quotes nothing."""
    async with faulty.Faulty(faulty.answer()) as server, Sender(single(server.url)) as sender:
        with pytest.raises(MalformedRequest) as caught:
            await sender.ask(**BAD_REQUESTS[name])

        assert (caught.value.http_status, server.requests, sender.in_flight) == (400, [], 0)
        assert "otter" not in str(caught.value)
        assert sender.state("upstream") == "up"


async def test_connection_headers_stay_on_their_connection():
    """Hop-by-hop headers go neither way, nor do those that `connection` names; answers come without a coding."""
    behave = faulty.answer(keep_alive="timeout=5", x_mine="yes")
    async with faulty.Faulty(behave) as server, Sender(single(f"{server.url}/base")) as sender:
        headers = {"connection": "x-hop", "x-hop": "1", "te": "trailers", "accept-encoding": "gzip", "x-end": "2"}
        _, received, _, _ = await sender.ask(headers=headers)

        line, sent = server.requests[0]
        assert line == "POST /base/v1/chat/completions HTTP/1.1"
        assert (sent.get("x-hop"), sent.get("te"), sent["accept-encoding"], sent["x-end"]) == (
            None,
            None,
            "identity",
            "2",
        )
        assert (received.get("keep-alive"), received["x-mine"]) == (None, "yes")


async def test_proxies_of_the_environment_are_not_asked(monkeypatch):
    """No network but what the configuration names."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{faulty.free_port()}")
    async with faulty.Faulty(faulty.answer()) as server, Sender(single(server.url)) as sender:
        assert (await sender.ask())[0] == 200


async def test_missing_authorities_are_a_fault_of_the_file():
    """Said at start, with the name of the file."""
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        Sender(file("https://h", settings=", ca: nowhere.pem"))
