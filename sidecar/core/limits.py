"""Limits of a policy on the shape of messages: tokens, messages, depth; lengths in bytes and code points stand in the lane."""

from __future__ import annotations

import re

import msgspec

from sidecar.core.gatekeeper import BYTES_A_TOKEN
from sidecar.core.usage import read_request
from sidecar.errors import BodyTooLarge

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_BRACKET = re.compile(rb"[\[\]{}]")


class Sizes(msgspec.Struct, frozen=True):
    """What a policy allows; None: as much as it likes.

    Args:
        tokens: of a request, by estimate: four bytes of UTF-8 each.
        messages: of a request.
        depth: of a JSON body: objects and arrays within each other.
    """

    tokens: int | None = None
    messages: int | None = None
    depth: int | None = None

    def require(self, body: bytes, direction: str) -> None:
        """Check one body.

        Raises:
            BodyTooLarge: it is beyond a limit; says which.
        """
        if direction == "request":
            self.require_tokens(len(body))
            if self.messages is not None:
                _require(read_request(body).messages, self.messages, "messages")
        if self.depth is not None:
            _require(depth_of(body, self.depth), self.depth, "levels")

    def require_tokens(self, length: int) -> None:
        """Check the length of a request, in bytes.

        Raises:
            BodyTooLarge: it has more tokens than allowed, by estimate.
        """
        if self.tokens is not None:
            _require(-(-length // BYTES_A_TOKEN), self.tokens, "tokens, by estimate,")


def depth_of(body: bytes, limit: int) -> int:
    """Return how deep a JSON body nests, or the first depth beyond a limit; what is no JSON is met elsewhere."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > limit:
            break
    return deepest


def _require(found: int, limit: int, unit: str) -> None:
    if found > limit:
        raise BodyTooLarge(f"{found} {unit} where the policy allows {limit}")
