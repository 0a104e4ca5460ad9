"""Reads letters shifted by some number of places other than thirteen, found by the words of attacks they hide."""

from __future__ import annotations

from collections import Counter

from sidecar.core.transforms.reading import Reading, Sign, in_place
from sidecar.core.transforms.rot13 import shift
from sidecar.core.transforms.words import ANCHORS

_SHIFTS = {shift(word, places): places for word in ANCHORS if len(word) > 5 for places in range(1, 26) if places != 13}
SIGNS = tuple(Sign(word, literal=True) for word in _SHIFTS)


def undo(text: str) -> Reading | None:
    """Shift every letter back by as many places as most of the words that were found are shifted."""
    lowered = text.lower()
    votes: Counter[int] = Counter()
    for word, places in _SHIFTS.items():  # substring search beats one expression of 600 alternatives thirtyfold
        votes[places] += lowered.count(word)
    if not any(votes.values()):
        return None
    places, _ = votes.most_common(1)[0]
    return in_place(shift(text, -places))
