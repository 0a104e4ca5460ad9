"""What the NER network sees of a token: vocabulary row, affixes, shape, characters, and gazetteer bits.

Everything here depends on the token alone, so it is worked out once per distinct token and cached. Training imports
the same functions: there is one definition of a feature.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Longer tokens are base64 and the like; their head and tail are enough.
TOKEN_LIMIT = 64
CHARACTERS = 20
_HEAD = 12
ALPHABET = 320
PREFIXES, SUFFIXES, ENDINGS, SHAPES = 4096, 4096, 1024, 256
GAZETTEER_BITS = 28
CASE_BITS = 16
BITS = GAZETTEER_BITS + CASE_BITS

_DIGIT = re.compile(r"\d")


def fingerprint(text: str) -> int:
    """Return the 32-bit key under which tables know a text; the tables hold no words, only keys."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def normalise_token(token: str) -> str:
    """Fold case, curly apostrophes and digits: what vocabulary and gazetteers are keyed by."""
    return _DIGIT.sub("0", token.lower().replace("\u2019", "'"))


def shape_of(token: str) -> str:
    """Return the token's shape with runs cut to two: `McDonald` is `XxXxx`."""
    out: list[str] = []
    for character in token[:24]:
        kind = _kind(character)
        if out[-2:] != [kind, kind]:
            out.append(kind)
    return "".join(out)


def _kind(character: str) -> str:
    if character.isupper():
        return "X"
    if character.islower():
        return "x"
    if character.isdigit():
        return "d"
    return "a" if character.isalpha() else character


def character_ids(token: str) -> list[int]:
    """Return `CHARACTERS` alphabet indexes; 0 pads, Latin-1 is exact, the rest is folded into 63 classes."""
    if len(token) > CHARACTERS:
        token = token[:_HEAD] + token[_HEAD - CHARACTERS :]
    ids = [ord(c) + 1 if ord(c) < 256 else 257 + ord(c) % 63 for c in token]
    return ids + [0] * (CHARACTERS - len(ids))


def case_bits(token: str, *, known: bool) -> list[bool]:
    """Return `CASE_BITS` claims about letter case and characters."""
    letters = [c for c in token if c.isalpha()]
    lower = [c.islower() for c in letters]
    return [
        token[:1].isupper(),
        bool(letters) and all(c.isupper() for c in letters),
        token[:1].isupper() and len(letters) > 1 and all(lower[1:]),
        any(c.isupper() for c in token[1:]) and any(lower),
        any(c.isdigit() for c in token),
        "-" in token,
        not letters,
        token[:1] == "@",
        token[:1] == "#",
        "://" in token or "@" in token[1:] or token.startswith("www."),
        not token.isascii(),
        len(token) == 2 and token[1] == "." and token[0].isupper(),
        len(token) == 1,
        not known,
        bool(letters) and all(lower),
        len(token) > 12,
    ]


class KeyTable:
    """A sorted table from fingerprint to a small integer; a twentieth of the memory of a dict.

    Args:
        keys: fingerprints in ascending order.
        values: one integer for each.
    """

    def __init__(self, keys: NDArray[np.uint32], values: NDArray[np.uint32]) -> None:
        self.keys, self.values = keys, values
        self._view = memoryview(np.ascontiguousarray(keys).data)

    def __len__(self) -> int:
        return len(self.keys)

    def get(self, key: int) -> int:
        """Return the value of a fingerprint, 0 where it is not known."""
        index = bisect_left(self._view, key)
        return int(self.values[index]) if index < len(self._view) and self._view[index] == key else 0

    @classmethod
    def build(cls, entries: dict[int, int]) -> KeyTable:
        """Make a table from a dict."""
        keys = np.array(sorted(entries), dtype=np.uint32)
        return cls(keys, np.array([entries[int(key)] for key in keys], dtype=np.uint32))


class TypeFeatures(NamedTuple):
    """Arrays over distinct tokens, in their order."""

    ids: NDArray[np.int64]  # (n, 5): vocabulary row, prefix, suffix, ending, shape
    characters: NDArray[np.int64]  # (n, CHARACTERS)
    bits: NDArray[np.float32]  # (n, BITS)


class FeatureTables:
    """Vocabulary and gazetteers, and the features of tokens under them.

    Args:
        vocabulary: row of a normalised token, from 1.
        gazetteer: bit mask of a normalised token; what each bit says is fixed in training.
        phrases: kind (1 place, 2 organisation) of normalised tokens joined by a space.
        starts: length in tokens of the longest phrase that begins with a normalised token.
    """

    def __init__(self, vocabulary: KeyTable, gazetteer: KeyTable, phrases: KeyTable, starts: KeyTable) -> None:
        self.vocabulary, self.gazetteer, self.phrases, self.starts = vocabulary, gazetteer, phrases, starts

    def of(self, tokens: Sequence[str]) -> TypeFeatures:
        """Return the features of tokens, taken as distinct types."""
        rows = [self._one(token[:TOKEN_LIMIT]) for token in tokens]
        return TypeFeatures(
            np.array([row[0] for row in rows], dtype=np.int64).reshape(-1, 5),
            np.array([row[1] for row in rows], dtype=np.int64).reshape(-1, CHARACTERS),
            np.array([row[2] for row in rows], dtype=np.float32).reshape(-1, BITS),
        )

    def _one(self, token: str) -> tuple[tuple[int, ...], list[int], list[bool]]:
        lower = normalise_token(token)
        key = fingerprint(lower)
        row, mask = self.vocabulary.get(key), self.gazetteer.get(key)
        ids = (
            row,
            fingerprint("p" + lower[:3]) % PREFIXES,
            fingerprint("s" + lower[-3:]) % SUFFIXES,
            fingerprint("t" + lower[-2:]) % ENDINGS,
            fingerprint("h" + shape_of(token)) % SHAPES,
        )
        bits = [bool(mask >> bit & 1) for bit in range(GAZETTEER_BITS)]
        return ids, character_ids(token), bits + case_bits(token, known=row > 0)
