"""The reference scanner: one `re` per gate, slow and obvious; the oracle of every faster one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from sidecar.core.scan import Gate


class ReScanner:
    """Answers exactly which gates match, by trying them one after the other.

    Args:
        gates: the expressions, in the order of their indexes.
    """

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._searches = [_compile(gate).search for gate in gates]

    def scan(self, text: str) -> list[int]:
        """Return the indexes of the gates that match `text`."""
        return [index for index, search in enumerate(self._searches) if search(text)]


def _compile(gate: Gate) -> regex.Pattern[str] | re.Pattern[str]:
    flags = regex.VERSION0
    if gate.caseless:
        flags |= regex.IGNORECASE
    if gate.dotall:
        flags |= regex.DOTALL
    if gate.multiline:
        flags |= regex.MULTILINE
    flags |= regex.UNICODE if gate.unicode else regex.ASCII
    expression = regex.escape(gate.expression) if gate.literal else gate.expression
    return regex.compile(expression, flags)
