"""Which of the host's body modes a verdict can be carried out in."""

from __future__ import annotations

from sidecar.core.engine import Lane
from sidecar.core.exchange import BodyMode, Caller, Modes

# The modes in which the whole request is here before any of it goes on. In STREAMED the upstream has the first chunks
# when the last one is judged; in BUFFERED_PARTIAL what outgrows the buffer passes unseen.
_BLOCKING = frozenset({BodyMode.BUFFERED, BodyMode.FULL_DUPLEX, None})
# The modes in which all of an answer is seen; STREAMED can hold back, though not change the status.
_SEEING = frozenset({BodyMode.BUFFERED, BodyMode.FULL_DUPLEX, BodyMode.STREAMED, None})
# A host set to send no answers at all guards requests only: that is the operator's word, and visible in Envoy's own
# configuration. BUFFERED_PARTIAL stays refused, as it looks like guarding.
_TOLERATED = _SEEING | {BodyMode.NONE}


def unsafe_mode(caller: Caller, lane: Lane, *, has_body: bool) -> BodyMode | None:
    """Return the mode in which text would pass that nobody has judged in time; None where both modes are good."""
    if has_body and lane.guards("request") and caller.modes.request not in _BLOCKING:
        return caller.modes.request
    accepted = _SEEING if caller.overridable else _TOLERATED
    if caller.guard_response and lane.guards("response") and caller.modes.response not in accepted:
        return caller.modes.response
    return None


def safe_modes(modes: Modes) -> Modes:
    """Return the modes to ask for in place of unsafe ones.

    BUFFERED, because Envoy 1.39 that an override turns to full-duplex mode never sends the request's body or trailers.
    """
    return Modes(
        request=modes.request if modes.request in _BLOCKING else BodyMode.BUFFERED,
        response=modes.response if modes.response in _SEEING else BodyMode.BUFFERED,
    )
