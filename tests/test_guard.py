"""The perimeter over real gRPC: who gets in, under which name, and how much."""

import asyncio
import json

import grpc
import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.core.gatekeeper import Usage
from sidecar.errors import ConfigError
from sidecar.gateway.demo import DemoUpstream
from sidecar.guard import Keeper, price
from sidecar.hosts import grpcio
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.rules.perimeter import PerimeterDocument, Price, hash_key
from sidecar.serve import workload
from sidecar.telemetry import Metrics

FILE = f"""
schema: 1
applications:
  - name: shop
    keys: ['{hash_key("shop key")}']
    models: [demo]
    limits: {{requests: {{amount: 1, seconds: 3600, burst: 4}}, max_messages: 2}}
    budgets: {{tokens: {{amount: 3, seconds: 3600}}}}
  - name: desk
    keys: ['{hash_key("desk key")}']
prices: [{{model: 'demo*', input: 1000000, output: 2000000}}]
"""


@pytest.fixture
def served(tmp_path):
    """Run a coroutine against a server that asks who calls."""
    path = tmp_path / "perimeter.yaml"
    path.write_text(FILE)
    demo = DemoUpstream().start()

    def run(test):
        async def main():
            made = workload({"perimeter": str(path), "upstream": demo.url})
            server = await grpcio.start(made.methods, Listen((TcpAddress("127.0.0.1", 0),)))
            try:
                async with grpc.aio.insecure_channel(str(server.addresses[0])) as channel:
                    await test(channel)
            finally:
                await server.stop(1)
                await made.close()
            return made.metrics()

        return asyncio.run(main())

    yield run
    demo.stop()


def check(channel, key):
    call = channel.unary_unary(
        "/sidecar.v1.FilterService/Check", pb.CheckRequest.SerializeToString, pb.CheckResponse.FromString
    )
    return call(pb.CheckRequest(text="hello"), metadata=(("x-portcullis-key", key),) if key else ())


def forward(channel, key, body):
    call = channel.unary_stream(
        "/sidecar.v1.FilterService/Forward", pb.ForwardRequest.SerializeToString, pb.ForwardResponse.FromString
    )
    headers = {"content-type": "application/json", "x-portcullis-key": key}
    request = pb.ForwardRequest(path="/v1/chat/completions", headers=headers, body=json.dumps(body).encode())
    return call(request)


async def status(call):
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def chat(model="demo", count=1):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}] * count}


def test_only_known_callers_and_only_so_many(served):
    """No key, a wrong key, a good key, and one call too many."""

    async def test(channel):
        seen = [await status(check(channel, key)) for key in ("", "wrong", *["shop key"] * 5, "desk key")]

        code = grpc.StatusCode
        assert seen == [code.UNAUTHENTICATED] * 2 + [code.OK] * 4 + [code.RESOURCE_EXHAUSTED, code.OK]

    served(test)


def test_forward_is_weighed_and_charged(served):
    """Models and messages are limited; the answer's usage is charged until the budget is spent."""

    async def test(channel):
        answers = []
        for body in (chat("other"), chat(count=3), chat(), chat()):
            parts = [part async for part in forward(channel, "shop key", body)]
            code = json.loads(b"".join(part.body for part in parts)).get("error", {}).get("code")
            answers.append((parts[0].status, code))

        assert answers == [(403, "model_not_allowed"), (413, "too_many_messages"), (200, None), (200, None)]

    metrics = served(test)

    assert 'sidecar_tokens_total{kind="prompt"}' in metrics
    assert "sidecar_budget_warnings_total 1.0" in metrics


def test_check_is_weighed(served):
    """A body's model and messages are looked at on every door; one that is refused holds nothing."""

    async def test(channel):
        call = channel.unary_unary(
            "/sidecar.v1.FilterService/Check", pb.CheckRequest.SerializeToString, pb.CheckResponse.FromString
        )
        scope = pb.Scope(route="/v1/chat/completions")
        bodies = [json.dumps(body).encode() for body in (chat("other"), chat(count=3), chat())]
        metadata = (("x-portcullis-key", "shop key"),)
        seen = [await status(call(pb.CheckRequest(body=body, scope=scope), metadata=metadata)) for body in bodies]

        code = grpc.StatusCode
        assert seen == [code.PERMISSION_DENIED, code.RESOURCE_EXHAUSTED, code.OK]

    served(test)


def test_file_that_is_not_there(tmp_path):
    """A start without the file that was asked for is refused."""
    with pytest.raises(ConfigError, match="no such perimeter file"):
        Keeper(tmp_path / "none.yaml", Metrics(), refused=str, used=print)


def test_first_price_that_matches_counts():
    """Prices are for a million tokens."""
    document = PerimeterDocument(schema=1, prices=(Price("a*", 1, 2), Price("*", 10, 10)))

    assert [
        price(document, Usage("a-1", 1, 2)),
        price(document, Usage("b", 1, 2)),
        price(PerimeterDocument(schema=1), Usage("a", 1, 1)),
    ] == [5e-6, 3e-5, 0.0]
