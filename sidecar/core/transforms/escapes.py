r"""Decodes escapes of programming languages and mail: \u0069, \u{69}, \x69, \151, U+0069, =69."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Reading, Sign, substitute

SIGNS = (
    Sign(r"\\(?:u\{?[0-9a-f]{2}|x\{?[0-9a-f]|[0-7]{3})"),
    Sign(r"U\+[0-9a-f]{4}"),
    Sign(r"=[2-7c-f][0-9a-f]=[2-9ab][0-9a-f]"),
)
_ESCAPES = re.compile(
    r"(?P<utf16>(?:\\u[0-9a-fA-F]{4})+)"
    r"|(?:\\u\{|\\x\{|\\U|(?<![0-9A-Za-z+/])[uU]\+)(?P<point>[0-9a-fA-F]{1,8}+)(?![0-9A-Za-z])\}?[ ,]?"
    r"|(?P<bytes>(?:\\x[0-9a-fA-F]{2})+)"
    r"|(?P<octal>(?:\\[0-3][0-7]{2})+)"
    r"|(?P<quoted>(?:=[0-9a-fA-F]{2}){2,})"
)


def undo(text: str) -> Reading | None:
    """Decode escapes; halves of surrogate pairs and points past Unicode become replacement characters."""
    return substitute(_ESCAPES, _decode, text)


def _decode(found: re.Match[str]) -> str:
    run, kind = found[0], found.lastgroup
    if kind == "utf16":
        return bytes.fromhex(run.replace("\\u", "")).decode("utf-16-be", errors="replace")
    if kind == "point":
        point = int(found["point"], 16)
        return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"
    if kind == "octal":
        return bytes(int(part, 8) for part in run.split("\\")[1:]).decode(errors="replace")
    return bytes.fromhex(run.replace("\\x", "").replace("=", "")).decode(errors="replace")
