"""Step 2, normalise: each segment gives the views in which disguises are undone, each with its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.model import Segment, View

if TYPE_CHECKING:
    from collections.abc import Sequence


def normalise(segments: Sequence[Segment]) -> list[View]:
    """Return the views of all segments; the text itself is always the first view of its segment."""
    return [View(segment.text, segment) for segment in segments]
