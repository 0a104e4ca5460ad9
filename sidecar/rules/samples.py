"""Samples of rules: `{random:alnum:36}` and the like are expanded, so that no file holds a lookalike secret."""

from __future__ import annotations

import random
import re
import string
import zlib

from sidecar.core.checks import base62
from sidecar.errors import BundleError

_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "lowernum": string.ascii_lowercase + string.digits,
    "uppernum": string.ascii_uppercase + string.digits,
    "digit": string.digits,
    "nonzero": "123456789",
    "hex": string.digits + "abcdef",
    "upperhex": string.digits + "ABCDEF",
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
    "base32": string.ascii_uppercase + "234567",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
_PLACEHOLDER = re.compile(r"\{(random|repeat|crc62):([^:{}]+):(\d{1,5})\}")


def expand(text: str, seed: int) -> str:
    """Expand the placeholders of a sample.

    `{random:alnum:36}` draws from an alphabet, `{crc62:alnum:30}` adds a CRC-32 in base 62 to what was drawn,
    `{repeat:x:36}` repeats a text.

    Args:
        text: the sample as written in the rule.
        seed: makes the random parts reproducible.

    Returns:
        The text to scan.

    Raises:
        BundleError: a placeholder names an unknown alphabet.
    """
    source = random.Random(seed)

    def fill(found: re.Match[str]) -> str:
        kind, what, count = found[1], found[2], int(found[3])
        if kind == "repeat":
            return what * count
        if what not in _ALPHABETS:
            raise BundleError(f"unknown alphabet `{what}` in a sample; known: {', '.join(sorted(_ALPHABETS))}")
        drawn = "".join(source.choices(_ALPHABETS[what], k=count))
        return drawn + base62(zlib.crc32(drawn.encode()), 6) if kind == "crc62" else drawn

    return _PLACEHOLDER.sub(fill, text)
