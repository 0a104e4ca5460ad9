"""What can be said of an answer only as a whole: its length, whether it goes round in circles, whether it keeps its form."""

from __future__ import annotations

import zlib
from collections.abc import Callable

# Repetition is looked for in windows of this many code points, moved on by half.
WINDOW = 2048
# An answer that has to keep a form is kept whole to be checked, up to this many code points.
FORM_LIMIT = 2**18


class LengthMeter:
    """Says when an answer is longer than the policy allows.

    Args:
        limit: code points.
    """

    family = "length"

    def __init__(self, limit: int) -> None:
        self._left = limit

    def receive(self, text: str) -> bool:
        """Count; true once, when the limit is passed."""
        had = self._left
        self._left -= len(text)
        return had >= 0 > self._left

    def finish(self) -> bool:
        """Say nothing more."""
        return False


class RepetitionMeter:
    """Says when an answer goes round in circles: a window of it shrinks to almost nothing when compressed.

    Args:
        ratio: how many times smaller a window may become.
    """

    family = "repetition"

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._window = ""
        self._said = False

    def receive(self, text: str) -> bool:
        """Look at every window that is complete, at the same places in any chunking; true once."""
        if self._said:
            return False
        self._window += text
        while len(self._window) >= WINDOW:
            raw = self._window[:WINDOW].encode()
            self._window = self._window[WINDOW // 2 :]
            if len(raw) > self._ratio * len(zlib.compress(raw, 6)):
                self._said = True
                self._window = ""
                return True
        return False

    def finish(self) -> bool:
        """Say nothing more."""
        return False


class FormMeter:
    """Says when an answer is not in the form that the request asked for.

    Args:
        is_valid: tells whether a text is in that form.
    """

    family = "form"

    def __init__(self, is_valid: Callable[[str], bool]) -> None:
        self._is_valid = is_valid
        self._parts: list[str] = []
        self._length = 0

    def receive(self, text: str) -> bool:
        """Keep the text; true where there is too much of it to be checked."""
        had, self._length = self._length, self._length + len(text)
        if self._length > FORM_LIMIT:
            self._parts.clear()
            return had <= FORM_LIMIT
        self._parts.append(text)
        return False

    def finish(self) -> bool:
        """Check the whole; an answer without any text (a tool call, a refusal) has no form to keep."""
        return 0 < self._length <= FORM_LIMIT and not self._is_valid("".join(self._parts))
