"""Files inside strings, as base64 or `data:` URL: the text of those that are text, and the kind of those nobody here reads."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.core.splice import apply_edits
from sidecar.errors import EngineError
from sidecar.model import Edit

# In segment paths, behind `#`: the text that a string holds as base64.
BASE64_MARK = "="
_URL = re.compile(r"data:([\w.+/-]{0,80})(?:;[\w.+-]{1,40}=[\w.+-]{0,80}){0,4};base64,", re.IGNORECASE)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}+\r?\n)*+[A-Za-z0-9+/_-]*+={0,2}\s?\Z")
# Shorter strings may as well be words; the transforms undo what of them is base64.
_LEAST = 128
# Files that are no text show it early; longer ones need not be decoded as a whole to tell.
_HEAD = 256
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_TYPE_LENGTH = 80


class Attachment(msgspec.Struct, frozen=True):
    """A file in a string.

    Args:
        kind: its media type, as far as anybody says.
        text: what it says; None where it is no text.
    """

    kind: str
    text: str | None = None

    def __repr__(self) -> str:
        """Show the type; text stays out of logs and tracebacks."""
        return f"Attachment(kind={self.kind!r})"


def read_attachment(text: str, parent: dict[str, Any]) -> Attachment | None:
    """Read a string at a place where files stand.

    Args:
        text: the string.
        parent: the object that holds it, which may name a media type.

    Returns:
        The file; None where the string itself is the text.
    """
    url = _URL.match(text)
    kind = url[1].lower() if url else _declared(parent)
    start = url.end() if url else 0
    if url is None and (len(text) < _LEAST or parent.get("type") == "text" or kind.startswith("text/")):
        return None
    if not _BASE64.match(text, start):
        return None
    return Attachment(kind or "unknown", _text_in(text, start))


def edit_attachment(text: str, edits: Sequence[Edit]) -> tuple[int, int, str]:
    """Edit the text that a string holds as base64.

    Args:
        text: the string, which `read_attachment` has read.
        edits: of the decoded text, in order and without overlap.

    Returns:
        Where the base64 begins and ends, and what takes its place.

    Raises:
        EngineError: the string holds no text.
    """
    url = _URL.match(text)
    start = url.end() if url else 0
    inner = _text_in(text, start)
    if inner is None:
        raise EngineError("an edit names a file that holds no text")
    return start, len(text), base64.b64encode(apply_edits(inner, edits).encode()).decode()


def _declared(parent: dict[str, Any]) -> str:
    for name in ("media_type", "mime_type", "mimeType", "format"):
        value = parent.get(name)
        if type(value) is str and value:
            return value[:_TYPE_LENGTH].lower()
    return ""


def _text_in(text: str, start: int) -> str | None:
    """Return the text that base64 stands for; None where it is something else."""
    head = _decoded(text[start : start + _HEAD])
    if head is None or _CONTROLS.search(head):
        return None
    content = _decoded(text[start:])
    try:
        return content.decode() if content and not _CONTROLS.search(content) else None
    except UnicodeDecodeError:
        return None


def _decoded(text: str) -> bytes | None:
    """Decode base64 in either alphabet, with or without line ends and padding."""
    digits = re.sub(r"[\s=]", "", text).translate(_STANDARD)
    try:
        return base64.b64decode(digits[: len(digits) // 4 * 4] + _last(digits), validate=True)
    except (binascii.Error, ValueError):
        return None


def _last(digits: str) -> str:
    """Return the last, shorter group of digits, padded; a single digit holds no byte."""
    rest = digits[len(digits) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


_STANDARD = str.maketrans("-_", "+/")
