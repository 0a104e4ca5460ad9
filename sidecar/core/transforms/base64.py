"""Decodes base64 (RFC 4648): standard and URL alphabet, padded or not, wrapped in lines, gzip inside."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import readable
from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

# Bytes below 128 leave marks: of each group of four, the first letter is one of 32, the second and third are, too.
_ASCII_GROUP = "[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
SIGNS = (
    Sign(f"(?:{_ASCII_GROUP}){{4}}", caseless=False),
    Sign("[A-Za-z0-9+/_-]{40}", caseless=False),  # text in other scripts
    Sign("H4sI", literal=True, caseless=False),  # gzip
)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,}={0,2})*|[A-Za-z0-9+/]{12,}=")
# Of random letters, 32 in a row pass once in 16 million places.
_REGION = re.compile(f"(?:{_ASCII_GROUP}){{8,}}[A-Za-z0-9+/_-]{{0,3}}={{0,2}}")
_STANDARD = str.maketrans("-_", "+/", "=\r\n \t")


def undo(text: str) -> Reading | None:
    """Collect the texts that base64 runs hold; runs that hold none are passed over."""
    return collect(_runs(text))


def _runs(text: str) -> Iterator[Edit]:
    for found in _RUN.finditer(text):
        decoded = _decode(found[0])
        if decoded is not None:
            yield found.start(), found.end(), decoded
            continue
        # What is no text as a whole may hold some, behind letters that are not part of it.
        for region in _REGION.finditer(text, found.start(), found.end()):
            decoded = _decode(region[0])
            if decoded is not None:
                yield region.start(), region.end(), decoded


def _decode(run: str) -> str | None:
    letters = run.translate(_STANDARD)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]  # one sixth of a byte is none
    return readable(binascii.a2b_base64(letters + "=" * (-len(letters) % 4)))
