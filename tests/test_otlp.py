"""Traces and metrics by OTLP, sent by a real server to a real receiver; the caller's trace goes on, text never does."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import grpc
import pytest

from sidecar.adapters._pb import external_processor_pb2 as ext
from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.hosts import envoy, grpcio
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.serve import workload
from tests.delivery.parts import POLICY, bundle
from tests.delivery.test_sources import write
from tests.otlp_receiver import Receiver, attributes

HOSTS = ("grpcio", pytest.param("envoy", marks=pytest.mark.skipif(bool(envoy.unusable()), reason="no Envoy here")))
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
FAST = {"OTEL_METRIC_EXPORT_INTERVAL": "200", "OTEL_BSP_SCHEDULE_DELAY": "100"}
SECRET = "please open sesame"


class Upstream:
    """Answers a chat completion, and keeps the headers of what it was asked."""

    def __init__(self):
        self.headers = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.headers.append({name.lower(): text for name, text in self.headers.items()})
                self.rfile.read(int(self.headers["content-length"]))
                answer = {
                    "model": "small-1-2026",
                    "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}}],
                    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
                }
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def upstream():
    running = Upstream()
    yield running
    running.stop()


def settings(tmp_path, receiver, upstream=None):
    write(tmp_path / "rules", bundle())
    (tmp_path / "policy.yaml").write_text(POLICY)
    return {
        "options": {"rules": str(tmp_path / "rules"), "policy": str(tmp_path / "policy.yaml")},
        "watching": {"otlp": receiver.url},
        "upstream": upstream.url if upstream else "",
    }


def serve(made, test):
    """Run a coroutine against a server in this process; what is left is sent when it is closed."""

    async def main():
        server = await grpcio.start(made.methods, Listen((TcpAddress("127.0.0.1", 0),)))
        await made.start()
        try:
            async with grpc.aio.insecure_channel(str(server.addresses[0])) as channel:
                return await test(channel)
        finally:
            await server.stop(1)
            await made.close()

    return asyncio.run(main())


def forward_call(channel, text="hello", **headers):
    call = channel.unary_stream(
        "/sidecar.v1.FilterService/Forward", pb.ForwardRequest.SerializeToString, pb.ForwardResponse.FromString
    )
    body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"content-type": "application/json", **headers}
    return call(pb.ForwardRequest(path="/v1/chat/completions", headers=headers, body=body), timeout=20)


def check_call(channel, text, metadata=()):
    call = channel.unary_unary(
        "/sidecar.v1.FilterService/Check", pb.CheckRequest.SerializeToString, pb.CheckResponse.FromString
    )
    return call(pb.CheckRequest(text=text), timeout=20, metadata=metadata)


def test_forwarded_exchange_has_a_span_by_the_genai_conventions(tmp_path, receiver, upstream):
    """It is a child of the caller's span, the upstream's calls are children of it, and it says what was used."""

    async def test(channel):
        return [part async for part in forward_call(channel, traceparent=TRACEPARENT, tracestate="a=1")]

    serve(workload(settings(tmp_path, receiver, upstream)), test)
    [span] = receiver.spans
    facts = attributes(span)
    passed = upstream.headers[0]

    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.name) == (TRACE, PARENT, "chat small-1")
    assert (passed["traceparent"], passed["tracestate"]) == (f"00-{TRACE}-{span.span_id.hex()}-01", "a=1")
    assert facts == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "small-1",
        "gen_ai.request.stream": False,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "http.response.status_code": 200,
    }
    assert [attributes(event)["portcullis.verdict"] for event in span.events] == ["allow", "allow"]


def test_unsampled_trace_goes_on_as_it_is(tmp_path, receiver, upstream):
    """The caller did not sample: neither do we, and the upstream is told so."""

    async def test(channel):
        return [part async for part in forward_call(channel, traceparent=TRACEPARENT[:-2] + "00")]

    serve(workload(settings(tmp_path, receiver, upstream)), test)

    assert (receiver.spans, upstream.headers[0]["traceparent"]) == ([], TRACEPARENT[:-2] + "00")


def test_no_text_is_sent(tmp_path, receiver, upstream):
    """Neither of a prompt, nor of a model's name that is none; rules are named, and metrics stand beside."""
    odd = {"model": f"{SECRET} now", "messages": [{"role": "user", "content": SECRET}]}

    async def test(channel):
        await check_call(channel, SECRET, (("traceparent", TRACEPARENT),))
        call = channel.unary_stream(
            "/sidecar.v1.FilterService/Forward", pb.ForwardRequest.SerializeToString, pb.ForwardResponse.FromString
        )
        request = pb.ForwardRequest(
            path="/v1/chat/completions", headers={"content-type": "application/json"}, body=json.dumps(odd).encode()
        )
        return [part async for part in call(request)]

    serve(workload(settings(tmp_path, receiver, upstream)), test)
    by_name = {span.name: attributes(span) for span in receiver.spans}
    rules = by_name["sidecar.v1.FilterService/Check"]["portcullis.rules"]

    assert (set(by_name), rules) == ({"sidecar.v1.FilterService/Check", "chat _OTHER"}, ("injection-sample",))
    assert not any(b"sesame" in request for request in receiver.requests)
    assert {"sidecar_decisions", "sidecar_stage_seconds", "sidecar_bundle_info", "gen_ai.client.token.usage"} <= set(
        receiver.metrics
    )


def test_histograms_keep_their_buckets(tmp_path, receiver):
    """What Prometheus adds up, OTLP keeps apart; counts are the same."""

    async def test(channel):
        for _ in range(5):
            await check_call(channel, "hello")

    serve(workload(settings(tmp_path, receiver)), test)
    points = receiver.metrics["sidecar_decision_seconds"].histogram.data_points
    [point] = [item for item in points if attributes(item) == {"phase": "request"}]
    [decided] = [
        item.as_double
        for item in receiver.metrics["sidecar_decisions"].sum.data_points
        if attributes(item) == {"verdict": "allow", "phase": "request"}
    ]

    assert (point.count, sum(point.bucket_counts), len(point.bucket_counts)) == (5, 5, len(point.explicit_bounds) + 1)
    assert decided == 5


def test_ext_proc_joins_the_trace_of_the_request(tmp_path, receiver):
    """The header goes on with our span in it; a refusal is an error of the span."""

    async def test(channel):
        stream = channel.stream_stream(
            "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
            ext.ProcessingRequest.SerializeToString,
            ext.ProcessingResponse.FromString,
        )()
        pairs = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
        headers = [ext.HeaderValue(key=key, value=text) for key, text in {**pairs, "traceparent": TRACEPARENT}.items()]
        first = ext.ProcessingRequest(
            request_headers=ext.HttpHeaders(headers=ext.HeaderMap(headers=headers)),
            protocol_config=ext.ProtocolConfiguration(request_body_mode=ext.BUFFERED, response_body_mode=ext.BUFFERED),
        )
        await stream.write(first)
        begun = await stream.read()
        body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "x" * 40}]})
        await stream.write(
            ext.ProcessingRequest(request_body=ext.HttpBody(body=b"{" + body.encode(), end_of_stream=True))
        )
        refused = await stream.read()
        await stream.done_writing()
        return begun, refused

    begun, refused = serve(workload(settings(tmp_path, receiver)), test)
    [span] = receiver.spans
    options = begun.request_headers.response.header_mutation.set_headers
    changed = {option.header.key: option.header.raw_value.decode() for option in options}

    assert changed["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    assert refused.immediate_response.status.code == 400
    assert (attributes(span)["error.type"], attributes(span)["http.response.status_code"]) == ("malformed_body", 400)


@pytest.mark.parametrize("host", HOSTS)
def test_workers_send_from_each_host(tmp_path, receiver, host):
    """The option, in a process as people start it; spans and metrics arrive while it runs."""
    given = settings(tmp_path, receiver)["options"]
    command = (
        "serve",
        "--host",
        host,
        "--workers",
        "1",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "off",
        "--otlp",
        receiver.url,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", *command, "--rules", given["rules"], "--policy", given["policy"]],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **FAST},
    )
    try:
        ready = re.search(r"on (127\.0\.0\.1:\d+)", process.stderr.readline())
        assert ready
        with grpc.insecure_channel(ready[1]) as channel:
            check_call(channel, SECRET, (("traceparent", TRACEPARENT),))
        deadline = time.monotonic() + 20
        while not (receiver.spans and "sidecar_decisions" in receiver.metrics) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
        assert [span.parent_span_id.hex() for span in receiver.spans] == [PARENT]
        assert receiver.resources[0]["service.name"] == "portcullis"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
