"""The reference scanner: one `re` per gate, slow and obvious; the oracle of every faster one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import regex

from sidecar.core.scan import Gate


class ReScanner:
    """Answers exactly which gates match, by trying them one after the other.

    Args:
        gates: the expressions, in the order of their indexes.
    """

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._searches = [(gate.bytewise, _compile(gate).search) for gate in gates]

    def scan(self, text: str) -> list[int]:
        """Return the indexes of the gates that match `text`."""
        as_bytes = text.encode()
        return [
            index for index, (bytewise, search) in enumerate(self._searches) if search(as_bytes if bytewise else text)
        ]


def _compile(gate: Gate) -> regex.Pattern[Any] | re.Pattern[Any]:
    flags = regex.VERSION0
    if gate.caseless:
        flags |= regex.IGNORECASE
    if gate.dotall:
        flags |= regex.DOTALL
    if gate.multiline:
        flags |= regex.MULTILINE
    if not gate.bytewise:
        flags |= regex.UNICODE if gate.unicode else regex.ASCII
    expression = regex.escape(gate.expression) if gate.literal else gate.expression
    return regex.compile(expression.encode() if gate.bytewise else expression, flags)
