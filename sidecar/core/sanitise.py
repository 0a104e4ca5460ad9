"""The action `sanitise`: escape what could be read as instructions, then wrap the text in delimiters."""

from __future__ import annotations

import re

import msgspec

_ESCAPES = {"```": "'''", "###": "---", "<|": "< |", "|>": "| >"}
_ESCAPED = re.compile("|".join(re.escape(marker) for marker in _ESCAPES))


class Delimiters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands before and behind sanitised text."""

    opening: str = "<user_input>"
    closing: str = "</user_input>"


def sanitise(text: str, delimiters: Delimiters) -> str:
    """Make a text safe to quote to a model; doing it twice changes nothing more.

    Args:
        text: the user's text.
        delimiters: what to wrap it in; a delimiter inside the text is neutralised.

    Returns:
        The escaped text between the delimiters.
    """
    if text.startswith(delimiters.opening) and text.endswith(delimiters.closing):
        inner = text[len(delimiters.opening) : len(text) - len(delimiters.closing)]
        if len(text) >= len(delimiters.opening) + len(delimiters.closing) and _escape(inner, delimiters) == inner:
            return text
    return f"{delimiters.opening}{_escape(text, delimiters)}{delimiters.closing}"


def _escape(text: str, delimiters: Delimiters) -> str:
    for marker in (delimiters.opening, delimiters.closing):
        # "<user_input>" becomes "< user_input>": readable, and no delimiter any more.
        text = re.sub(f"(?i)({re.escape(marker[0])})({re.escape(marker[1:])})", r"\1 \2", text)
    while (escaped := _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)) != text:
        text = escaped
    return text
