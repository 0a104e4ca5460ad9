"""The way of an exchange behind a host that forwards by itself: which pool its request goes to, said in a header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sidecar.core.api_errors import Fault
from sidecar.core.coding import Decoder, undo
from sidecar.core.engine import Lane
from sidecar.core.exchange import Action, BodyEvent, Continue, Event, HeaderEdits, HeadersEvent, Reject, ReplaceBody
from sidecar.core.exchange import TrailersEvent as Trailers
from sidecar.core.transaction import SELFTEST_PATH
from sidecar.core.upstreams import POOL_HEADER, Asking, Directory, Pool
from sidecar.core.usage import Asked, read_request

_NO_ROUTE = Fault(404, "model_not_found", "No upstream serves this model.")
_NO_REGION = Fault(503, "upstream_unavailable", "No upstream is in a region where this request may go.")


def read_asked(
    body: bytes, path: str, encodings: Iterable[str], decoders: Mapping[str, Decoder], *, limit: int
) -> Asked:
    """Read what a request asks for, whatever content coding it has.

    Args:
        body: as it came.
        path: the request's path.
        encodings: every value of its header `content-encoding`.
        decoders: by the name of the coding.
        limit: bytes of the decoded body.

    Returns:
        Nothing, where the body cannot be read; such a body passes the filter only where the policy says so.
    """
    return read_request(undo(body, encodings, decoders, limit=limit) or b"", path)


class Dispatch:
    """Watches an exchange beside its transaction, and says in its request where it goes.

    Args:
        directory: every upstream and pool.
        application: who asks.
        lane: limits and decoders.
    """

    def __init__(self, directory: Directory, application: str, lane: Lane) -> None:
        self._directory = directory
        self._application = application
        self._lane = lane
        self._head = HeadersEvent("request", ())
        self._body = bytearray()
        self._pool: Pool | None = None

    def receive(self, event: Event) -> Fault | None:
        """Take the next part of the exchange; a fault refuses it, because it can go nowhere."""
        if event.direction == "response" or self._pool is not None:
            return None
        if isinstance(event, HeadersEvent):
            self._head = event
        elif isinstance(event, BodyEvent):
            self._body += event.data
        is_whole = isinstance(event, Trailers) or event.end
        return self._choose() if is_whole and self._path != SELFTEST_PATH else None

    def mark(self, actions: Sequence[Action]) -> Sequence[Action]:
        """Say in the request which pool it goes to, as soon as that is known and the headers can still be changed."""
        if self._pool is None or any(isinstance(action, Reject) for action in actions):
            return actions
        marked = list(actions)
        for place, action in enumerate(marked):
            if isinstance(action, Continue | ReplaceBody) and action.direction == "request":
                edits = HeaderEdits((*action.edits.set, (POOL_HEADER, self._pool.name)), action.edits.remove)
                marked[place] = msgspec.structs.replace(action, edits=edits)
                break
        return marked

    @property
    def _path(self) -> str:
        return self._head.get(":path", "/").partition("?")[0]

    def _choose(self) -> Fault | None:
        lane, codings = self._lane, self._head.all("content-encoding")
        asked = read_asked(bytes(self._body), self._path, codings, lane.decoders, limit=lane.body_limit)
        self._body.clear()
        headers = dict(reversed(self._head.headers))
        pool = self._directory.find(Asking(self._application, self._path, asked.model, headers))
        if pool is None:
            return _NO_ROUTE
        if not pool.targets:
            return _NO_REGION
        self._pool = pool
        return None
