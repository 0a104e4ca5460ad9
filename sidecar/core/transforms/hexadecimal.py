"""Decodes bytes in hexadecimal: plain, spaced, with commas, colons, dashes or `0x`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import readable
from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

# Both cases are spelled out: a class without regard to case is one that Hyperscan has no fast machine for.
_HEX = "[0-9A-Fa-f]"
SIGNS = (
    Sign(f"(?:[2-7]{_HEX}){{8}}", caseless=False),  # printable ASCII
    Sign(f"{_HEX}{{40}}", caseless=False),
    Sign(f"(?:{_HEX}{{2}}[ ,:\\n-]){{6}}", caseless=False),
    Sign(r"0x[0-9a-f]{2}[ ,:\n]{1,2}0x[0-9a-f]{2}[ ,:\n]{1,2}0x"),
)
_RUN = re.compile(r"(?<![0-9a-zA-Z])(?:(?:0[xX])?[0-9a-fA-F]{2}[ ,:;\r\n-]{0,2}){6,}+")
_BYTE = re.compile(r"(?:0[xX])?([0-9a-fA-F]{2})")


def undo(text: str) -> Reading | None:
    """Collect the texts that runs of hexadecimal bytes hold."""
    return collect(_runs(text))


def _runs(text: str) -> Iterator[Edit]:
    for found in _RUN.finditer(text):
        decoded = readable(bytes.fromhex("".join(_BYTE.findall(found[0]))))
        if decoded is not None:
            yield found.start(), found.end(), decoded
