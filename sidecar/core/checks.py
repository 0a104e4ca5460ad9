"""Checks on what a regex matched: checksums, entropy, and words that give a placeholder away; pure functions."""

from __future__ import annotations

import binascii
import math
import string
import zlib
from base64 import b32decode, urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from sidecar.model import Confirm

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def entropy(value: str) -> float:
    """Return the Shannon entropy of a text in bits per character (Shannon 1948); 0 for the empty text."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def luhn(value: str) -> bool:
    """Tell whether the digits of a text pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    digits = [int(character) for character in value if character.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def base62_crc32(value: str) -> bool:
    """Tell whether a token ends with the CRC-32 of its random part, as GitHub's and npm's do.

    Source: github.blog, "Behind GitHub's new authentication token formats": the last six characters are the CRC-32 of
    the thirty before them, in base 62 with leading zeros.
    """
    body, mark = value[:-6].rpartition("_")[2], value[-6:]
    return len(mark) == 6 and base62(zlib.crc32(body.encode()), 6) == mark


def base62(number: int, width: int) -> str:
    """Write a number in base 62 (digits, upper case, lower case) with leading zeros."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits.rjust(width, "0")


def aws_account(value: str) -> bool:
    """Tell whether an AWS access key id holds an account number, as every key made since 2019 does.

    Source: Tal Be'ery, "A short note on AWS key ID" (2023): after the prefix, 40 bits of base 32 hold the account.
    """
    try:
        packed = b32decode(value[4:20])
    except (binascii.Error, ValueError):
        return False
    return 0 < (int.from_bytes(packed[:6], "big") & 0x7FFFFFFFFF80) >> 7 < 10**12


def jwt(value: str) -> bool:
    """Tell whether the first part of a token is a JOSE header: base64url of a JSON object with `alg` (RFC 7519)."""
    head = value.split(".", 1)[0]
    try:
        header = msgspec.json.decode(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


def _holds_none(value: str, words: tuple[str, ...]) -> bool:
    folded = value.casefold()
    return not any(word in folded for word in words)


# The one registry: what `confirm` may name. `entropy`, `digits` and `exclude` are written by their own keys.
CHECKS: Mapping[str, Callable[[str, Confirm], bool]] = {
    "entropy": lambda value, check: entropy(value) >= check.value,
    "digits": lambda value, check: sum(map(str.isdigit, value)) >= check.value,
    "exclude": lambda value, check: _holds_none(value, check.words),
    "luhn": lambda value, _: luhn(value),
    "base62_crc32": lambda value, _: base62_crc32(value),
    "aws_account": lambda value, _: aws_account(value),
    "jwt": lambda value, _: jwt(value),
}
