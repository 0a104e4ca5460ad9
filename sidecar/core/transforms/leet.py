"""Reads digits and signs inside words as the letters they resemble: `1gn0r3 4ll`, `p@$$word`."""

from __future__ import annotations

import re

from sidecar.core.transforms.readable import CODE
from sidecar.core.transforms.reading import Reading, Sign, substitute
from sidecar.core.transforms.words import WORDS

# A digit between letters; `20th` and addresses are none. (`@` counts where the word ends like no domain does.)
SIGNS = (Sign(r"[a-z][013457$!|][a-z]"), Sign(r"[a-z]@[a-z]{1,4}[ ,!?\n]"), Sign(r"[a-z][013457]{2}[a-z]"))
_LOOKS = str.maketrans("0134578@$!|+692(", "oieastbasiltggzc")
_OTHER = str.maketrans("0134578@$!|+692(", "oleastbasiltbqzc")
_TOKEN = re.compile(rf"(?P<code>{CODE})|[A-Za-z0-9@$!|+]{{2,}}|(?<!\S)[@!](?=\s)")
_LOOKING = re.compile(r"[0-9@$!|+]")
# What ends a sentence or a sum is no letter.
_TAIL = re.compile(r"[!|+]+$")


def undo(text: str) -> Reading | None:
    """Read leetspeak: digits count inside letters, so that numbers stay what they are, unless they are a known word."""
    return substitute(_TOKEN, _read, text)


def _read(found: re.Match[str]) -> str:
    token = found[0]
    if found["code"] or not _LOOKING.search(token):
        return token
    for body in (token, _TAIL.sub("", token)):
        for looks in (_LOOKS, _OTHER):
            word = body.translate(looks)
            if word.lower() in WORDS:
                return word + token[len(body) :]
    if not any(character.isalpha() for character in token):
        return token
    body = _TAIL.sub("", token)
    return body.translate(_LOOKS) + token[len(body) :]
