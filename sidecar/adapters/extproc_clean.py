"""The answers that nearly every exchange gets, prepared: bytes to which at most the decision's id is added.

`extproc.to_response` is the slow twin: it says the same for every action, and the tests compare the two.
"""

from __future__ import annotations

from typing import Any

from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.core.exchange import Action, Continue

_CLEAN = pb.CommonResponse()
_PLAIN: dict[tuple[str, str], bytes] = {
    (direction, part): pb.ProcessingResponse(**fields).SerializeToString()
    for direction in ("request", "response")
    for part, fields in (
        ("headers", {f"{direction}_headers": pb.HeadersResponse(response=_CLEAN)}),
        ("body", {f"{direction}_body": pb.BodyResponse(response=_CLEAN)}),
        ("trailers", {f"{direction}_trailers": pb.TrailersResponse()}),
    )
}

# What surrounds the id in serialised metadata, by everything else that is in it: verdict, format and revision are few.
_FRAMES: dict[tuple[object, ...], tuple[bytes, bytes]] = {}
_FRAMES_KEPT = 256
# Stands for the id while a frame is made; ids are long enough that neither lengths nor numbers look like it.
_PLACE = "\x01"
_PLACE_LENGTH = 16
_NO_FRAME = (b"", b"")


def prepared(action: Action) -> bytes | None:
    """Return the serialised answer to an action that changes nothing; None where there is none prepared."""
    if type(action) is not Continue or action.override is not None or action.edits.set or action.edits.remove:
        return None
    answer = _PLAIN[action.direction, action.part]
    if not action.metadata:
        return answer
    metadata = _metadata(action.metadata)
    return None if metadata is None else answer + metadata


def _metadata(metadata: Any) -> bytes | None:
    """Serialise `{namespace: {direction: facts}}` where the facts name no rule."""
    if len(metadata) != 1:
        return None
    ((namespace, by_direction),) = metadata.items()
    if len(by_direction) != 1:
        return None
    ((direction, facts),) = by_direction.items()
    id_ = facts.get("decision_id", "")
    if len(id_) < _PLACE_LENGTH or facts.get("rules") or not id_.isascii():
        return None
    key = (namespace, direction, len(id_), *[item for item in facts.items() if item[0] not in _VARYING])
    frame = _FRAMES.get(key)
    if frame is None:
        if len(_FRAMES) >= _FRAMES_KEPT:
            _FRAMES.clear()
        frame = _FRAMES[key] = _frame(namespace, direction, facts)
    if frame is _NO_FRAME:
        return None
    before, after = frame
    return b"".join((before, id_.encode(), after))


# Not part of the key: the id differs each time, and the rules are none.
_VARYING = frozenset({"decision_id", "rules"})


def _frame(namespace: str, direction: str, facts: dict[str, Any]) -> tuple[bytes, bytes]:
    place = _PLACE * len(facts["decision_id"])
    response = pb.ProcessingResponse()
    response.dynamic_metadata.update({namespace: {direction: {**facts, "decision_id": place}}})
    data = response.SerializeToString()
    if data.count(place.encode()) != 1:
        return _NO_FRAME
    before, _, after = data.partition(place.encode())
    return before, after
