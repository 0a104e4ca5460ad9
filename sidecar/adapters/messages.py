"""Tables between our values and the messages of `sidecar.v1`."""

from __future__ import annotations

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
