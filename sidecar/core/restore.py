"""The way back: pseudonyms that an exchange issued become values again in its answer, as edits like any other."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.core.pseudonyms import Pseudonyms, Restored
from sidecar.model import Decision, Edit, Kind, Segment, Verdict


def restored(
    decision: Decision, segments: Sequence[Segment], pseudonyms: Pseudonyms, *, cut: int | None = None
) -> Decision:
    """Add the edits that restore pseudonyms to a decision about an answer.

    Args:
        decision: about `segments`; its masks give way where they touch a pseudonym.
        segments: the texts of the answer; requests are left as they are.
        pseudonyms: those of the exchange.
        cut: edits end before it; None: the texts are complete.
    """
    if decision.verdict is Verdict.BLOCK:
        return decision
    edits = list(decision.edits)
    for segment in segments:
        if segment.target.startswith("response."):
            limit = len(segment.text) if cut is None else cut
            found = [
                item for item in pseudonyms.find(segment.text) if segment.start <= item.start and item.end <= limit
            ]
            if found:
                edits = _joined(edits, segment, found, pseudonyms)
    return decision if edits == list(decision.edits) else msgspec.structs.replace(decision, edits=tuple(edits))


def _joined(edits: list[Edit], segment: Segment, found: list[Restored], pseudonyms: Pseudonyms) -> list[Edit]:
    """Put restoring edits in their places among the others, which must stay in order and apart."""
    others = [edit for edit in edits if edit.path != segment.path]
    own = [edit for edit in edits if edit.path == segment.path]
    if any(edit.start == 0 and edit.end == len(segment.text) for edit in own):
        # The whole text is rewritten already: what it holds is restored there.
        return others + [Edit(edit.path, edit.start, edit.end, pseudonyms.restore(edit.replacement)) for edit in own]
    kept = [edit for edit in own if not any(edit.start < item.end and item.start < edit.end for item in found)]
    shift = segment.start if segment.kind is Kind.NUMBER else 0
    kept += [Edit(segment.path, item.start - shift, item.end - shift, item.value) for item in found]
    return others + sorted(kept, key=lambda edit: edit.start)
