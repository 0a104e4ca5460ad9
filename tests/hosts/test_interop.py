"""Both hosts speak gRPC as grpcio's client expects it; every test here runs on each of them."""

import asyncio
import gzip

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int32Value, StringValue
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

BIG = 16 << 20


@pytest.fixture
async def channel(echo_server):
    """A client of the server under test."""
    options = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    async with grpc.aio.insecure_channel(echo_server.address, options=options) as opened:
        yield opened


def unary(channel, name, response=BytesValue):
    """A unary method."""
    return channel.unary_unary(f"/test.Echo/{name}", lambda message: message.SerializeToString(), response.FromString)


def bidi(channel, name, response=BytesValue):
    """A method that streams both ways."""
    return channel.stream_stream(f"/test.Echo/{name}", lambda message: message.SerializeToString(), response.FromString)


async def cancellations(channel):
    """Which handlers were cancelled since the last question."""
    return (await unary(channel, "Cancellations", StringValue)(BytesValue())).value


async def cancelled(channel, name):
    """Whether a handler is cancelled within five seconds."""
    for _ in range(100):
        if name in await cancellations(channel):
            return True
        await asyncio.sleep(0.05)
    return False


async def failure(call):
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def drained(stream):
    """Everything a stream gives."""
    return [item async for item in stream]


@pytest.mark.parametrize("size", [0, 1, 100, 16_384, 1 << 20, BIG - 16])
async def test_unary_carries_any_size_up_to_the_limit(channel, size):
    """The answer is the request, byte for byte."""
    message = BytesValue(value=b"x" * size)

    assert message == await unary(channel, "Unary")(message)


async def test_unary_over_the_limit_is_resource_exhausted(channel):
    """A message over 16 MiB is refused with the status that grpcio gives, not cut or passed."""
    error = await failure(unary(channel, "Unary")(BytesValue(value=b"x" * (BIG + 1))))

    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_unary_answers_many_calls_at_once(channel):
    """A thousand concurrent calls on one connection get each their own answer."""
    messages = [BytesValue(value=b"%d" % number) for number in range(1000)]

    assert messages == await asyncio.gather(*(unary(channel, "Unary")(message) for message in messages))


async def test_server_stream_gives_every_message_in_order(channel):
    """0 .. 999 come out as they went in."""
    count = channel.unary_stream("/test.Echo/Count", Int32Value.SerializeToString, Int32Value.FromString)

    assert list(range(1000)) == [item.value async for item in count(Int32Value(value=1000))]


async def test_server_stream_may_be_empty(channel):
    """No message and OK."""
    count = channel.unary_stream("/test.Echo/Count", Int32Value.SerializeToString, Int32Value.FromString)
    call = count(Int32Value(value=0))

    assert (await drained(call), await call.code()) == ([], grpc.StatusCode.OK)


async def test_client_stream_is_summed_after_half_close(channel):
    """The handler sees every message and the half-close."""
    collect = channel.stream_unary("/test.Echo/Collect", Int32Value.SerializeToString, Int32Value.FromString)

    assert (await collect(Int32Value(value=number) for number in range(1000))).value == 499_500


async def test_bidi_answers_each_message_before_the_next(channel):
    """A conversation goes back and forth, large messages included, and goes on after the half-close."""
    call = bidi(channel, "Chat")()
    for size in (0, 3, 70_000, 300_000):
        await call.write(BytesValue(value=b"y" * size))
        assert size == len((await call.read()).value)
    await call.done_writing()

    assert (await call.read()).value == b"total 370003"
    assert grpc.aio.EOF is await call.read()
    assert await call.code() == grpc.StatusCode.OK


async def test_bidi_takes_messages_faster_than_it_is_read(channel):
    """Flow control holds a client back that writes without reading; nothing is lost."""
    call = bidi(channel, "Chat")()

    async def write():
        for _ in range(200):
            await call.write(BytesValue(value=b"z" * 50_000))
        await call.done_writing()

    writing = asyncio.create_task(write())
    answers = await drained(call)
    await writing

    assert (len(answers), answers[-1].value) == (201, b"total 10000000")


@pytest.mark.parametrize("name", ["Later", "Fail"])
async def test_unknown_method_is_unimplemented(channel, name):
    """A path that nobody serves, and one whose service is known."""
    call = channel.unary_unary(f"/test.Nobody/{name}")(b"")

    assert (await failure(call)).code() == grpc.StatusCode.UNIMPLEMENTED


async def test_error_carries_message_trailers_and_details(channel):
    """The message survives percent-encoding; metadata and google.rpc.Status come with it."""
    error = await failure(unary(channel, "Fail")(StringValue(value="denied")))
    trailers = dict(error.trailing_metadata())
    rich = Status.FromString(trailers["grpc-status-details-bin"])
    detail = StringValue()
    rich.details[0].Unpack(detail)

    assert (error.code(), error.details()) == (grpc.StatusCode.PERMISSION_DENIED, "ça ne va pas: 100 %")
    assert (trailers["reason"], trailers["proof-bin"]) == ("no", b"\x00\xff")
    assert (rich.code, rich.message, detail.value) == (7, "ça ne va pas: 100 %", "detail")


async def test_exception_is_internal_with_an_id_and_without_its_text(channel):
    """What a bug says stays in the process."""
    error = await failure(unary(channel, "Fail")(StringValue(value="bug")))

    assert error.code() == grpc.StatusCode.INTERNAL
    assert error.details().startswith("internal error ")
    assert "prompt" not in str(error)


@pytest.mark.parametrize(("how", "code"), [("bug", "INTERNAL"), ("denied", "PERMISSION_DENIED")])
async def test_stream_that_fails_never_ends_with_ok(channel, how, code):
    """An exception after the first answer ends the stream with an error: a clean end would open Envoy's door."""
    call = bidi(channel, "FailStream", StringValue)()
    await call.write(StringValue(value="hello"))
    first = await call.read()
    await call.write(StringValue(value=how))

    error = await failure(call.read())
    assert ("got hello", code) == (first.value, error.code().name)


async def test_message_that_does_not_parse_is_refused(channel):
    """Broken protobuf is an error of the call, and not handed to the handler."""
    call = channel.unary_unary("/test.Echo/Unary")(b"\xff\xff\xff")

    assert (await failure(call)).code() == grpc.StatusCode.INTERNAL


async def test_deadline_ends_the_call_and_the_work(channel, echo_server):
    """The client gets DEADLINE_EXCEEDED, and the handler is cancelled, not left running."""
    await cancellations(channel)
    error = await failure(unary(channel, "Later", StringValue)(StringValue(value="30"), timeout=0.2))
    await asyncio.sleep(0.3)

    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert await cancellations(channel) == "later"


async def test_deadline_is_known_to_the_handler(channel):
    """Time remaining counts down from what the client set; without a deadline there is none."""
    mirror = unary(channel, "Mirror", StringValue)

    assert (await mirror(BytesValue())).value == "none"
    assert 8.5 < float((await mirror(BytesValue(), timeout=9)).value) <= 9.0


@pytest.mark.parametrize("name", ["later", "count", "chat"])
async def test_client_that_cancels_ends_the_work(channel, name):
    """Unary, server stream and conversation are cancelled in the handler when the client goes away."""
    await cancellations(channel)
    if name == "later":
        call = unary(channel, "Later", StringValue)(StringValue(value="30"))
        await asyncio.sleep(0.1)
    elif name == "count":
        call = channel.unary_stream("/test.Echo/Count", Int32Value.SerializeToString)(Int32Value(value=-1))
        await call.read()
    else:
        call = bidi(channel, "Chat")()
        await call.write(BytesValue(value=b"a"))
        await call.read()
    call.cancel()

    assert await cancelled(channel, name)


async def test_metadata_comes_in_and_goes_out(channel):
    """Text and binary metadata survive both ways; repeated names are joined."""
    metadata = (("x-text", "a b"), ("x-bin", b"\x00\x01\xff"), ("x-twice", "1"), ("x-twice", "2"), ("other", "no"))
    call = unary(channel, "Mirror", StringValue)(BytesValue(), metadata=metadata)
    await call
    initial = dict(await call.initial_metadata())
    trailing = {key: value for key, value in await call.trailing_metadata() if key.startswith("x-")}

    assert initial["first"] == "yes"
    assert trailing == {"x-text": "a b", "x-bin": b"\x00\x01\xff", "x-twice": "1,2"}


async def test_peer_is_written_as_grpcio_writes_it(channel):
    """An address of this machine with a port."""
    assert (await unary(channel, "Peer", StringValue)(BytesValue())).value.startswith("ipv4:127.0.0.1:")


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_requests_are_read(echo_server, compression):
    """What grpcio compresses arrives whole, in unary calls and in streams."""
    message = BytesValue(value=b"compress me " * 1000)
    async with grpc.aio.insecure_channel(echo_server.address, compression=compression) as channel:
        call = bidi(channel, "Chat")()
        await call.write(message)

        assert message == await unary(channel, "Unary")(message)
        assert message == await call.read()
        call.cancel()


async def test_compression_bomb_is_resource_exhausted(channel, echo_server):
    """64 MiB of zeros in 64 KiB are refused, and the server goes on."""
    bomb = BytesValue(value=bytes(64 << 20)).SerializeToString()
    async with raw_connection(echo_server.address) as post:
        status = await post("/test.Echo/Unary", b"\x01", gzip.compress(bomb), [("grpc-encoding", "gzip")])

    assert status == "8"
    assert (await unary(channel, "Unary")(BytesValue(value=b"alive"))).value == b"alive"


async def test_unknown_encoding_is_refused(echo_server):
    """A coding that nobody here has: UNIMPLEMENTED by the specification, INTERNAL by grpcio's own server."""
    async with raw_connection(echo_server.address) as post:
        assert await post("/test.Echo/Unary", b"\x01", b"xx", [("grpc-encoding", "snappy")]) in ("12", "13")


class raw_connection:  # noqa: N801 - reads as a verb
    """A bare HTTP/2 client, for what grpcio's own client would never send."""

    def __init__(self, address):
        self._address = address

    async def __aenter__(self):
        import httpx

        self._client = httpx.AsyncClient(http1=False, http2=True)
        return self._post

    async def __aexit__(self, *_):
        await self._client.aclose()

    async def _post(self, path, flag, data, headers=()):
        content = flag + len(data).to_bytes(4, "big") + data
        answer = await self._client.post(
            f"http://{self._address}{path}",
            content=content,
            headers=[("content-type", "application/grpc"), ("te", "trailers"), *headers],
        )
        return answer.headers.get("grpc-status", "")


async def test_health_answers_for_server_and_service(channel):
    """Known names serve, an unknown one is NOT_FOUND, and the metadata says which worker with which rules it was."""
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    call = check(health_pb2.HealthCheckRequest(service="test.Echo"))
    answer, metadata = await call, dict(await call.initial_metadata())
    unknown = await failure(check(health_pb2.HealthCheckRequest(service="nobody")))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert unknown.code() == grpc.StatusCode.NOT_FOUND
    assert tuple(metadata[f"sidecar-{key}"] for key in ("worker", "generation", "revision")) == ("0", "1", "r1")


async def test_health_watch_says_the_state_at_once(channel):
    """The first answer comes without a change."""
    watch = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    call = watch(health_pb2.HealthCheckRequest())

    assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
    call.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_services_and_describes_messages(channel, version):
    """What grpcurl asks: the list, a symbol, and one that is not there."""
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest
    symbol = "grpc.health.v1.HealthCheckRequest"
    questions = [
        request(list_services=""),
        request(file_containing_symbol=symbol),
        request(file_containing_symbol="no.Such"),
    ]
    listed, described, unknown = await drained(ask(iter(questions)))
    names = [item.name for item in listed.list_services_response.service]

    assert {"test.Echo", "grpc.health.v1.Health", f"grpc.reflection.{version}.ServerReflection"} <= set(names)
    assert symbol.encode().rpartition(b".")[2] in described.file_descriptor_response.file_descriptor_proto[0]
    assert grpc.StatusCode.NOT_FOUND.value[0] == unknown.error_response.error_code
