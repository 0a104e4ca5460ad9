"""Joins letters that stand apart: `i g n o r e   a l l`, `i.g.n.o.r.e`, `i-g-n-o-r-e- -a-l-l`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from sidecar.core.transforms.reading import Edit, Reading, Sign, rewrite

_GAP = r"[^A-Za-z0-9]{1,3}"
# Both cases are spelled out: a class without regard to case is one that Hyperscan has no fast machine for.
SIGNS = (
    Sign(f"[A-Za-z]{_GAP}[A-Za-z]{_GAP}[A-Za-z]{_GAP}[A-Za-z][^A-Za-z0-9]", caseless=False),
    Sign(r"[^\x00-\x7f][ .-][^\x00-\x7f][ .-][^\x00-\x7f][ .-][^\x00-\x7f][ .-]"),
)
# One gap, again and again: letter, gap, any character, the same gap …; four letters at least.
_LONG = re.compile(r"(?<![^\W_])([^\W_])([^\w]{1,3}|_)(?:(?:(?!\2)[^\n]|\s)\2){2,}\S(?![^\W_])")


@lru_cache(maxsize=64)
def _either(gap: str) -> re.Pattern[str]:
    """Return what matches long words, and short ones such as `a l l` where they stand apart by one kind of gap."""
    return re.compile(rf"{_LONG.pattern}|(?<![^\W_])[^\W_](?:({re.escape(gap)})\S)+(?![^\W_])", re.DOTALL)


def undo(text: str) -> Reading | None:
    """Join letters that stand apart by one repeated gap; words too short to be noticed, by the commonest gap only."""
    gaps = Counter(found[2] for found in _LONG.finditer(text))
    return rewrite(text, _edits(text, _either(gaps.most_common(1)[0][0]))) if gaps else None


def _edits(text: str, spaced: re.Pattern[str]) -> Iterator[Edit]:
    for found in spaced.finditer(text):
        width = len(found[2] or found[3])
        for place in range(found.start() + 1, found.end(), width + 1):
            yield place, place + width, ""
