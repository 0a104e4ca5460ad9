"""The stages of the data path, by name, for whoever measures them; the core itself has no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# `scan` undoes disguises on its way, as what is undone depends on what was seen.
STAGES: Final = ("extract", "scan", "confirm", "decide", "mask")

Mark = Callable[[str], None]
"""Called with the name of a stage when it is done."""


def unmarked(stage: str) -> None:
    """Measure nothing: what nearly every message gets."""
    del stage
