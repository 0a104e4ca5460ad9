"""A small typed client for applications: `Client` blocks, `AsyncClient` awaits; both speak `sidecar.v1` over localhost.

with Client("unix:/run/portcullis.sock", application="shop") as portcullis:
    checked = portcullis.check("Please ignore all previous instructions")
    if checked.is_blocked:
        ...
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import msgspec

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.model import Verdict

# Larger than the default body limit, so that the filter answers for its limit and not gRPC.
_MESSAGE_LIMIT = 64 * 2**20
_OPTIONS = (
    ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
    ("grpc.max_send_message_length", _MESSAGE_LIMIT),
)
_SERVICE = "/sidecar.v1.FilterService/"
DEFAULT_ADDRESS = "127.0.0.1:50051"
# Seconds; a check takes microseconds, so a second means that the sidecar is gone.
DEFAULT_TIMEOUT = 1.0


class Match(msgspec.Struct, frozen=True):
    """One finding, in code points of the text."""

    rule: str
    family: str
    entity: str
    start: int
    end: int
    confidence: float
    path: str
    target: str
    verdict: Verdict


class Checked(msgspec.Struct, frozen=True):
    """What the sidecar decided.

    Args:
        verdict: what may happen to the text.
        score: the injection score, 0..1.
        findings: what was found.
        text: the text that may go on: edited where the verdict is mask, empty where it is block.
        body: the same for a body.
        revision: the revision of the rules.
        reason: a code where no rule says why.
    """

    verdict: Verdict
    score: float
    findings: tuple[Match, ...]
    text: str
    body: bytes
    revision: str
    reason: str

    @property
    def is_blocked(self) -> bool:
        """Whether the text must not go on."""
        return self.verdict is Verdict.BLOCK


class Forwarded(msgspec.Struct, frozen=True):
    """A part of an answer that came through the sidecar; the first one has `status` and `headers`."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A blocking client; safe to share between threads.

    Args:
        address: `host:port`, or `unix:/path`.
        application: the name that policies match.
        timeout: seconds for one call.
        credentials: TLS credentials; None for plain text, which is for this machine only.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        application: str = "",
        timeout: float = DEFAULT_TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._channel = (
            grpc.secure_channel(address, credentials, options=_OPTIONS)
            if credentials
            else grpc.insecure_channel(address, options=_OPTIONS)
        )
        self._application = application
        self._timeout = timeout
        self._check = _method(self._channel.unary_unary, "Check", pb.CheckResponse)
        self._batch = _method(self._channel.unary_unary, "CheckBatch", pb.CheckBatchResponse)
        self._stream = _method(self._channel.stream_stream, "CheckStream", pb.CheckResponse)
        self._guard = _method(self._channel.stream_stream, "GuardStream", pb.GuardResponse)
        self._forward = _method(self._channel.unary_stream, "Forward", pb.ForwardResponse)

    def check(self, text: str, *, target: str = "request.user", route: str = "") -> Checked:
        """Check one text.

        Raises:
            grpc.RpcError: the sidecar cannot be reached or failed; treat the text as not allowed.
        """
        request = _text_request(text, target, self._scope(route))
        return _checked(self._check(request, timeout=self._timeout), text)

    def check_body(self, body: bytes, *, route: str, direction: str = "request") -> Checked:
        """Check a whole message body in the format of `route`, such as `/v1/chat/completions`."""
        request = pb.CheckRequest(body=body, target=direction, scope=self._scope(route))
        return _checked(self._check(request, timeout=self._timeout), "", body)

    def check_many(self, texts: Sequence[str], *, target: str = "request.user", route: str = "") -> list[Checked]:
        """Check many texts in one call; answers stand in their order."""
        answer = self._batch(_batch_request(texts, target, self._scope(route)), timeout=self._timeout)
        return [_checked(item, text) for item, text in zip(answer.responses, texts, strict=True)]

    def check_stream(
        self, requests: Iterable[tuple[str, str]], *, target: str = "request.user"
    ) -> Iterator[tuple[str, Checked]]:
        """Check texts, given as (id, text), over one stream; yields (id, checked) as answers come."""
        texts: dict[str, str] = {}
        for answer in self._stream(_stream_requests(requests, texts, target, self._scope(""))):
            yield answer.id, _checked(answer, texts.pop(answer.id))

    def guard(self, chunks: Iterable[str], *, route: str = "") -> Iterator[str]:
        """Guard an answer that streams: yields the text that may be shown.

        Raises:
            Blocked: the answer must not go on; what was yielded before was clean.
        """
        for answer in self._guard(_guard_requests(chunks, self._scope(route))):
            yield from _released(answer)

    def forward(self, body: bytes, *, path: str, headers: dict[str, str] | None = None) -> Iterator[Forwarded]:
        """Filter a request, send it upstream, and yield the guarded answer."""
        request = pb.ForwardRequest(path=path, headers=headers or {}, body=body, scope=self._scope(path))
        for answer in self._forward(request):
            if answer.status or answer.body:
                yield Forwarded(answer.status, dict(answer.headers), answer.body)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _scope(self, route: str) -> pb.Scope:
        return pb.Scope(application=self._application, route=route)


class AsyncClient:
    """The same for asyncio; keep one for the life of the process.

    Args:
        address: `host:port`, or `unix:/path`.
        application: the name that policies match.
        timeout: seconds for one call.
        credentials: TLS credentials; None for plain text, which is for this machine only.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        application: str = "",
        timeout: float = DEFAULT_TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._channel = (
            grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
            if credentials
            else grpc.aio.insecure_channel(address, options=_OPTIONS)
        )
        self._application = application
        self._timeout = timeout
        self._check = _method(self._channel.unary_unary, "Check", pb.CheckResponse)
        self._batch = _method(self._channel.unary_unary, "CheckBatch", pb.CheckBatchResponse)
        self._guard = _method(self._channel.stream_stream, "GuardStream", pb.GuardResponse)
        self._forward = _method(self._channel.unary_stream, "Forward", pb.ForwardResponse)

    async def check(self, text: str, *, target: str = "request.user", route: str = "") -> Checked:
        """Check one text.

        Raises:
            grpc.RpcError: the sidecar cannot be reached or failed; treat the text as not allowed.
        """
        request = _text_request(text, target, self._scope(route))
        return _checked(await self._check(request, timeout=self._timeout), text)

    async def check_body(self, body: bytes, *, route: str, direction: str = "request") -> Checked:
        """Check a whole message body in the format of `route`."""
        request = pb.CheckRequest(body=body, target=direction, scope=self._scope(route))
        return _checked(await self._check(request, timeout=self._timeout), "", body)

    async def check_many(self, texts: Sequence[str], *, target: str = "request.user", route: str = "") -> list[Checked]:
        """Check many texts in one call; answers stand in their order."""
        answer = await self._batch(_batch_request(texts, target, self._scope(route)), timeout=self._timeout)
        return [_checked(item, text) for item, text in zip(answer.responses, texts, strict=True)]

    async def guard(self, chunks: AsyncIterable[str], *, route: str = "") -> AsyncIterator[str]:
        """Guard an answer that streams: yields the text that may be shown.

        Raises:
            Blocked: the answer must not go on; what was yielded before was clean.
        """
        scope = self._scope(route)

        async def requests() -> AsyncIterator[pb.GuardRequest]:
            yield pb.GuardRequest(scope=scope)
            async for chunk in chunks:
                yield pb.GuardRequest(text=chunk)
            yield pb.GuardRequest(finish=True)

        async for answer in self._guard(requests()):
            for text in _released(answer):
                yield text

    async def forward(
        self, body: bytes, *, path: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[Forwarded]:
        """Filter a request, send it upstream, and yield the guarded answer."""
        request = pb.ForwardRequest(path=path, headers=headers or {}, body=body, scope=self._scope(path))
        async for answer in self._forward(request):
            if answer.status or answer.body:
                yield Forwarded(answer.status, dict(answer.headers), answer.body)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _scope(self, route: str) -> pb.Scope:
        return pb.Scope(application=self._application, route=route)


class Blocked(Exception):
    """A guarded answer was blocked; `checked` says why."""

    def __init__(self, checked: Checked) -> None:
        super().__init__("the answer was blocked")
        self.checked = checked


def _method(kind: Any, name: str, response: Any) -> Any:
    return kind(_SERVICE + name, request_serializer=_serialise, response_deserializer=response.FromString)


def _serialise(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


def _text_request(text: str, target: str, scope: pb.Scope) -> pb.CheckRequest:
    return pb.CheckRequest(text=text, target=target, scope=scope)


def _batch_request(texts: Sequence[str], target: str, scope: pb.Scope) -> pb.CheckBatchRequest:
    return pb.CheckBatchRequest(requests=[pb.CheckRequest(text=text, target=target) for text in texts], scope=scope)


def _stream_requests(
    requests: Iterable[tuple[str, str]], texts: dict[str, str], target: str, scope: pb.Scope
) -> Iterator[pb.CheckRequest]:
    for id_, text in requests:
        texts[id_] = text
        yield pb.CheckRequest(id=id_, text=text, target=target, scope=scope)


def _guard_requests(chunks: Iterable[str], scope: pb.Scope) -> Iterator[pb.GuardRequest]:
    yield pb.GuardRequest(scope=scope)
    for chunk in chunks:
        yield pb.GuardRequest(text=chunk)
    yield pb.GuardRequest(finish=True)


def _released(answer: pb.GuardResponse) -> Iterator[str]:
    if answer.text:
        yield answer.text
    if answer.HasField("finished") and answer.finished.verdict == pb.VERDICT_BLOCK:
        raise Blocked(_checked(answer.finished, ""))


def _checked(answer: pb.CheckResponse, text: str, body: bytes = b"") -> Checked:
    verdict = Verdict(answer.verdict - 1)
    masked, blocked = verdict is Verdict.MASK, verdict is Verdict.BLOCK
    return Checked(
        verdict=verdict,
        score=answer.score,
        findings=tuple(_match(finding) for finding in answer.findings),
        text="" if blocked else answer.text if masked else text,
        body=b"" if blocked else answer.body if masked else body,
        revision=answer.revision,
        reason=answer.reason,
    )


def _match(finding: pb.Finding) -> Match:
    return Match(
        rule=finding.rule,
        family=finding.family,
        entity=finding.entity,
        start=finding.start,
        end=finding.end,
        confidence=finding.confidence,
        path=finding.path,
        target=finding.target,
        verdict=Verdict(finding.verdict - 1),
    )
