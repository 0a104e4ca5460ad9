"""Decodes percent-encoding (RFC 3986), and `%uXXXX` as browsers once wrote it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from sidecar.core.transforms.reading import Reading, Sign, substitute

SIGNS = (Sign(r"%(?:[2-7c-f][0-9a-f]|u[0-9a-f]{4})"),)
_ENCODED = re.compile(r"(?:%[0-9a-fA-F]{2})+|%u[0-9a-fA-F]{4}")


def undo(text: str) -> Reading | None:
    """Decode what is percent-encoded; bytes that are no UTF-8 become replacement characters."""
    return substitute(_ENCODED, _decode, text)


def _decode(found: re.Match[str]) -> str:
    run = found[0]
    if run[1] not in "uU":
        return unquote(run)
    return bytes.fromhex(run[2:]).decode("utf-16-be", errors="replace")
