"""From decisions and failures to what callers and access logs may know of them."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from sidecar.core import api_errors
from sidecar.core.api_errors import Fault
from sidecar.core.exchange import BodyMode, Direction, Metadata, Reject
from sidecar.core.schemas import request_schema
from sidecar.model import Decision

# Where hosts publish what was decided.
METADATA_NAMESPACE: Final = "portcullis"
_RULES_PUBLISHED = 20
# Callers that are turned away for load come back after so many seconds.
_RETRY_SECONDS = 1
_RETRIED = frozenset({429, 503})


def explain(decision: Decision, *, direction: Direction, decision_id: str) -> Fault:
    """Say why a message is refused: the rules that blocked it, or the reason that stands in their place."""
    if not decision.reason:
        return api_errors.blocked(decision, direction=direction, decision_id=decision_id)
    status = decision.http_status
    if direction == "response" and status < 500:
        status = 502  # the caller did nothing wrong: what cannot be used is the upstream's answer
    what = "request" if direction == "request" else "answer"
    message = f"The {what} was refused by the security filter: {decision.detail}."
    return api_errors.Fault(status, decision.reason, message, decision_id=decision_id)


def reject(path: str, fault: Fault, metadata: Metadata = None) -> Reject:
    """Write a refusal in the error shape of the API that `path` belongs to."""
    body = api_errors.error_body(request_schema(path).name, fault)
    headers = [("content-type", "application/json"), ("x-sidecar-code", fault.code)]
    if fault.decision_id:
        headers.append(("x-sidecar-decision-id", fault.decision_id))
    if fault.status in _RETRIED:
        headers.append(("retry-after", str(max(_RETRY_SECONDS, math.ceil(fault.retry_after)))))
    return Reject(fault.status, fault.code, body, tuple(headers), metadata)


def publish(decision: Decision, *, direction: Direction, format_: str, decision_id: str, shadow: bool) -> Metadata:
    """Write what access logs and later filters may know: verdict, score, rules; never text."""
    facts: dict[str, Any] = {
        "verdict": decision.verdict.label,
        "score": decision.score,
        "rules": list(dict.fromkeys([finding.rule for finding in decision.findings]))[:_RULES_PUBLISHED],
        "revision": decision.revision,
        "decision_id": decision_id,
        "format": format_,
    }
    if decision.reason:
        facts["reason"] = decision.reason
    if shadow:
        facts["enforcement"] = "shadow"
    return {METADATA_NAMESPACE: {direction: facts}}


def probe_report(*, bytes_seen: int, mode: BodyMode | None, overridable: bool) -> Reject:
    """Answer the self-test with what reached us, so that the caller can compare it with what it sent."""
    facts = {"bytes_seen": bytes_seen, "request_body_mode": mode.name if mode else "", "overridable": overridable}
    headers = (("content-type", "application/json"), ("x-sidecar-code", "selftest"))
    return Reject(403, "selftest", msgspec.json.encode({"selftest": facts}), headers)
