"""Decodes Morse code (ITU-R M.1677): letters apart by a space, words by a slash or a wider gap."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

SIGNS = (Sign(r"(?:[._-]{1,6}[ /|]{1,3}){6}"),)
# Letter by code.
CODE = dict(
    zip(
        [
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
            "-----",
            ".----",
            "..---",
            "...--",
            "....-",
            ".....",
            "-....",
            "--...",
            "---..",
            "----.",
            ".-.-.-",
            "--..--",
            "..--..",
            ".----.",
            "-.-.--",
            "-..-.",
            "-....-",
            ".-..-.",
            "---...",
            "-.-.-.",
            "-...-",
            ".-.-.",
            "-.--.",
            "-.--.-",
            ".--.-.",
        ],
        "abcdefghijklmnopqrstuvwxyz0123456789.,?'!/-\":;=+()@",
        strict=True,
    )
)
_RUN = re.compile(
    r"(?<![^\s\"'(\[`:])[.-]{1,7}(?:[ \t]{1,7}(?:[/|][ \t]{0,3})?[.-]{1,7}|[ \t]?[/|\n][ \t]?[.-]{1,7}){5,}"
)
_TOKEN = re.compile(r"[.-]+|[/|\n]|[ \t]{2,}")
# Of a table's dashes hardly any are letters; of Morse, all but a slip.
_KNOWN_SHARE = 0.8


def undo(text: str) -> Reading | None:
    """Collect the texts that runs of Morse code hold."""
    return collect(_runs(text.replace("_", "-")))


def _runs(text: str) -> Iterator[Edit]:
    for found in _RUN.finditer(text):
        tokens = _TOKEN.findall(found[0])
        codes = [token for token in tokens if token[0] in ".-"]
        known = sum(code in CODE for code in codes)
        if known >= _KNOWN_SHARE * len(codes) and len(set(codes)) > 3:
            decoded = "".join(CODE.get(token, "\ufffd") if token[0] in ".-" else " " for token in tokens)
            yield found.start(), found.end(), re.sub(" +", " ", decoded)
