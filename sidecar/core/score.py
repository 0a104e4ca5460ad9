"""The injection score: what fired, weighed and calibrated to 0..1; higher is more certain to be an attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.core.scan import Hits
    from sidecar.model import Finding, Segment

# Families whose findings speak of an attack on the model, as opposed to data that must not leave.
ATTACK_FAMILIES = frozenset({"injection", "jailbreak", "extraction", "indirect", "obfuscation", "tokens", "abuse"})


def score(hits: Sequence[Hits], findings: Sequence[Finding]) -> list[tuple[Segment, float]]:
    """Score each segment in which anything fired.

    Args:
        hits: the views in which gates fired.
        findings: what was confirmed in them.

    Returns:
        Segments with their score; a segment that is missing has score 0.
    """
    del hits
    doubt: dict[int, tuple[Segment, float]] = {}
    for finding in findings:
        if finding.family in ATTACK_FAMILIES:
            segment, left = doubt.get(id(finding.segment), (finding.segment, 1.0))
            doubt[id(finding.segment)] = (segment, left * (1 - finding.confidence))
    return [(segment, 1 - left) for segment, left in doubt.values()]
