"""Tables between our values and the messages of `sidecar.v1`."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.model import Decision, Finding, Verdict

_VERDICTS = {
    Verdict.ALLOW: pb.VERDICT_ALLOW,
    Verdict.FLAG: pb.VERDICT_FLAG,
    Verdict.MASK: pb.VERDICT_MASK,
    Verdict.BLOCK: pb.VERDICT_BLOCK,
}


def to_finding(finding: Finding) -> pb.Finding:
    """Return a finding as a message."""
    return pb.Finding(
        rule=finding.rule,
        family=finding.family,
        entity=finding.entity or "",
        start=finding.start,
        end=finding.end,
        confidence=finding.confidence,
        path=finding.segment.path,
        target=finding.segment.target,
        verdict=_VERDICTS[finding.verdict],
    )


# Answers to clean texts, serialised, by the revision of the rules; few revisions live at once.
_CLEAN: dict[str, bytes] = {}
_CLEAN_KEPT = 64


def to_bytes(decision: Decision, *, id_: str = "", text: str = "", body: bytes = b"", decision_id: str = "") -> bytes:
    """Return what `to_response` returns, serialised; the answer to a clean text is prepared."""
    if decision.verdict is not Verdict.ALLOW or decision.findings or decision.score or decision.reason or text or body:
        message = to_response(decision, id_=id_, text=text, body=body, decision_id=decision_id)
        return message.SerializeToString()
    clean = _CLEAN.get(decision.revision)
    if clean is None:
        if len(_CLEAN) >= _CLEAN_KEPT:
            _CLEAN.clear()
        clean = _CLEAN[decision.revision] = to_response(decision).SerializeToString()
    # Fields may stand in any order: messages that are put one after the other are one message.
    named = clean + _string(_DECISION_TAG, decision_id) if decision_id else clean
    return named + _string(_ID_TAG, id_) if id_ else named


def to_batch(responses: Iterable[bytes]) -> bytes:
    """Return a serialised `CheckBatchResponse` of serialised responses."""
    return b"".join([part for response in responses for part in (_RESPONSE_TAG, _varint(len(response)), response)])


def _tag(field: int) -> bytes:
    """Return what stands before a field that is bytes of a length."""
    return bytes([field << 3 | 2])


_ID_TAG = _tag(pb.CheckResponse.ID_FIELD_NUMBER)
_DECISION_TAG = _tag(pb.CheckResponse.DECISION_ID_FIELD_NUMBER)
_RESPONSE_TAG = _tag(pb.CheckBatchResponse.RESPONSES_FIELD_NUMBER)


def _string(tag: bytes, text: str) -> bytes:
    data = text.encode()
    return tag + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    if number <= 0x7F:
        return bytes((number,))
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def to_response(
    decision: Decision, *, id_: str = "", text: str = "", body: bytes = b"", decision_id: str = ""
) -> pb.CheckResponse:
    """Return a decision as a message.

    Args:
        decision: what was decided.
        id_: the request's id.
        text: the edited text, where a text was masked.
        body: the edited body, where a body was masked.
        decision_id: names the decision in the audit log.
    """
    return pb.CheckResponse(
        id=id_,
        verdict=_VERDICTS[decision.verdict],
        score=decision.score,
        findings=[to_finding(finding) for finding in decision.findings],
        text=text,
        body=body,
        revision=decision.revision,
        reason=decision.reason,
        decision_id=decision_id,
    )
