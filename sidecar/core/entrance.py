"""One HTTP exchange at the perimeter: admitted by its headers, weighed by its body, charged by its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sidecar.core.api_errors import Fault
from sidecar.core.coding import DECODERS, Decoder, undo
from sidecar.core.exchange import BodyEvent, Event, HeadersEvent, TrailersEvent
from sidecar.core.gatekeeper import Admission, Gatekeeper, Usage
from sidecar.core.perimeter import Credentials, Refusal
from sidecar.core.usage import UNREAD, Asked, UsageMeter, is_streamed, read_request

# What a body may come to when its content coding is undone, in bytes; the filter's own limit is the policy's.
_DECODED_LIMIT = 64 * 2**20


class Entrance:
    """Watches an exchange beside its transaction; what it refuses, the transaction refuses for it.

    Args:
        gatekeeper: admits, weighs, charges.
        service: the gRPC service that the exchange came through.
        key_header: the header that holds an API key.
        credentials: what the connection itself shows; headers add to it.
        on_usage: told the application, what each answer used and whether a budget's soft threshold is reached.
        on_refusal: told the code of a refusal.
        decoders: undo content codings, by their names.
    """

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        *,
        service: str,
        key_header: str,
        credentials: Credentials,
        on_usage: Callable[[str, Usage, bool], None],
        on_refusal: Callable[[str], None],
        decoders: Mapping[str, Decoder] = DECODERS,
    ) -> None:
        self._gatekeeper = gatekeeper
        self._service = service
        self._key_header = key_header
        self._credentials = credentials
        self._on_usage = on_usage
        self._on_refusal = on_refusal
        self._decoders = decoders
        self._admission: Admission | None = None
        self._path = ""
        self._encodings: list[str] = []
        self._body: list[bytes] = []
        self._meter: UsageMeter | None = None

    @property
    def application(self) -> str:
        """The authenticated application; empty where nobody is asked to authenticate."""
        return self._admission.grant.application if self._admission else ""

    def receive(self, event: Event) -> Fault | None:
        """Take the next part of the exchange; a fault refuses it."""
        if event.direction == "response":
            self._receive_answer(event)
            return None
        if isinstance(event, HeadersEvent):
            return self._admit(event)
        if isinstance(event, BodyEvent):
            self._body.append(event.data)
        is_whole = isinstance(event, TrailersEvent) or event.end
        return self._weigh() if is_whole else None

    def close(self) -> None:
        """Charge what the answer used, and give back what the request held."""
        admission, self._admission = self._admission, None
        if admission is None:
            return
        if self._meter is not None:
            usage = self._meter.finish()
            self._on_usage(admission.grant.application, usage, self._gatekeeper.charge(admission, usage))
        self._gatekeeper.leave(admission)

    def _admit(self, event: HeadersEvent) -> Fault | None:
        self._path = event.get(":path", "/").split("?", 1)[0]
        self._encodings = event.all("content-encoding")
        scheme, _, token = event.get("authorization").partition(" ")
        shown = Credentials(
            key=event.get(self._key_header) or self._credentials.key,
            # A bearer token with dots is a JWT; others are keys of the upstream, and none of our business.
            token=token if scheme.lower() == "bearer" and token.count(".") == 2 else self._credentials.token,
            identities=self._credentials.identities,
            socket=self._credentials.socket,
            address=self._credentials.address,
            forwarded=",".join(event.all("x-forwarded-for")),
        )
        answer = self._gatekeeper.admit(shown, service=self._service, route=self._path)
        if isinstance(answer, Refusal):
            return self._refuse(answer)
        self._admission = answer
        return None

    def _weigh(self) -> Fault | None:
        assert self._admission is not None
        raw = b"".join(self._body)
        body = undo(raw, self._encodings, self._decoders, limit=_DECODED_LIMIT)
        self._body.clear()
        # What cannot be read may ask for any model.
        asked = Asked(UNREAD) if body is None else read_request(body, self._path)
        length = len(raw if body is None else body)
        refused = self._gatekeeper.weigh(self._admission, model=asked.model, length=length, messages=asked.messages)
        return self._refuse(refused) if refused else None

    def _refuse(self, refusal: Refusal) -> Fault:
        self._on_refusal(refusal.code)
        return to_fault(refusal)

    def _receive_answer(self, event: Event) -> None:
        if isinstance(event, HeadersEvent):
            self._meter = UsageMeter(is_streamed=is_streamed(event.get("content-type")))
        elif isinstance(event, BodyEvent) and self._meter is not None:
            self._meter.receive(event.data)


def to_fault(refusal: Refusal) -> Fault:
    """Return a refusal at the perimeter as a fault that is written in the caller's API shape."""
    return Fault(refusal.status, refusal.code, refusal.message, retry_after=refusal.retry_after)
