"""Disguises as attackers put them on, to measure what they cost in recall and in false positives; by name.

Each is a function of a text and a source of randomness. `HARD` holds those that normalisation does not claim to undo.
"""

from __future__ import annotations

import base64
import gzip
import html
import random
import re
import string
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote

from sidecar.core.transforms.morse import CODE

Evasion = Callable[[str, random.Random], str]

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u3164\u115f"
_CYRILLIC = str.maketrans("aceopxyijsABCEHIKMOPTXSJ", "асеорхуіјѕАВСЕНІКМОРТХЅЈ")  # noqa: RUF001 - lookalikes
_GREEK = str.maketrans("aovuniptkABEHIKMNOPTXYZ", "αονυηιρτκΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
_TURNED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz?!.",
    "\u0250q\u0254p\u01dd\u025f\u0183\u0265\u0131\u027e\u029el\u026fuodb\u0279s\u0287n\u028c\u028dx\u028ez\u00bf\u00a1\u02d9",
)
_SMALL_CAPITALS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz",
    "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18q\u0280s\u1d1b\u1d1c\u1d20\u1d21x\u028f\u1d22",
)
_MORSE = {letter: code for code, letter in CODE.items()}
_NATO = [
    "alfa",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
_EMOJI = "\U0001f600\U0001f525\U0001f680\U0001f4a5\u2728\U0001f389\u2764\u26a1"


def _shifted(first_lower: int, first_upper: int | None = None) -> dict[int, int]:
    upper = first_lower if first_upper is None else first_upper
    return {ord("a") + n: first_lower + n for n in range(26)} | {ord("A") + n: upper + n for n in range(26)}


def _rotate(text: str, places: int) -> str:
    lower, upper = string.ascii_lowercase, string.ascii_uppercase
    return text.translate(
        str.maketrans(lower + upper, lower[places:] + lower[:places] + upper[places:] + upper[:places])
    )


def _inside(text: str, source: random.Random, insert: Callable[[], str], share: float = 0.3) -> str:
    """Insert something between some letters of every word."""

    def split(found: re.Match[str]) -> str:
        word = found[0]
        return word[0] + "".join((insert() if source.random() < share else "") + letter for letter in word[1:])

    return re.sub(r"[^\W\d_]{2,}", split, text)


def _once(text: str, source: random.Random, sign: str) -> str:
    """Split every longer word at one place."""

    def split(found: re.Match[str]) -> str:
        at = source.randrange(1, len(found[0]) - 1)
        return found[0][:at] + sign + found[0][at:]

    return re.sub(r"[^\W\d_]{4,}", split, text)


def _marks(text: str, source: random.Random, marks: str, many: int) -> str:
    return "".join(letter + ("".join(source.choices(marks, k=many)) if letter.isalpha() else "") for letter in text)


def _morse(text: str) -> str:
    words = ([_MORSE[letter] for letter in word if letter in _MORSE] for word in text.lower().split())
    return " / ".join(" ".join(codes) for codes in words if codes)


def _each(text: str, template: str, encode: Callable[[str], bytes] = str.encode) -> str:
    return "".join(template.format(byte) for byte in encode(text))


def _sneaky(text: str) -> str:
    return "".join("\u2064" if bit == "1" else "\u2062" for byte in text.encode() for bit in f"{byte:08b}")


def _selectors(text: str) -> str:
    return "".join(chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16) for byte in text.encode())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _spelled(text: str) -> str:
    words = (
        " ".join(_NATO[ord(letter) - 97] for letter in word if letter in string.ascii_lowercase)
        for word in text.lower().split()
    )
    return " / ".join(word for word in words if word)


def _plain(transform: Callable[[str], str]) -> Evasion:
    return lambda text, _: transform(text)


_WORD = re.compile(r"\S+")

EVASIONS: Mapping[str, Evasion] = {
    "random_case": lambda text, source: "".join(source.choice((c.upper(), c.lower())) for c in text),
    "zero_width": _plain("\u200b".join),
    "invisible_mixed": lambda text, source: _inside(text, source, lambda: source.choice(_ZERO_WIDTH)),
    "soft_hyphen": lambda text, source: _inside(text, source, lambda: "\u00ad"),
    "tag_characters": lambda text, _: (
        "Hello! \U0001f60a" + "".join(chr(0xE0000 + ord(c)) for c in text.replace("\n", " ") if 32 <= ord(c) < 127)
    ),
    "variation_selectors": lambda text, _: "Nice day \U0001f60a" + _selectors(text),
    "selector_noise": lambda text, source: _inside(text, source, lambda: "\ufe0f"),
    "sneaky_bits": lambda text, _: "Hello" + _sneaky(text),
    "bidi_override": lambda text, _: "\n".join(f"\u202e{line[::-1]}\u202c" for line in text.split("\n")),
    "bidi_noise": lambda text, source: _inside(text, source, lambda: source.choice("\u2066\u2069\u200e\u202a\u202c")),
    "homoglyph_cyrillic": _plain(lambda text: text.translate(_CYRILLIC)),
    "homoglyph_greek": _plain(lambda text: text.translate(_GREEK)),
    "homoglyph_sparse": lambda text, source: "".join(
        c.translate(_CYRILLIC) if source.random() < 0.3 else c for c in text
    ),
    "diacritics": lambda text, source: _marks(text, source, "\u0300\u0301\u0302\u0303\u0308", 1),
    "zalgo": lambda text, source: _marks(text, source, "".join(map(chr, range(0x300, 0x370))), 6),
    "underline": lambda text, source: _marks(text, source, "\u0332", 1),
    "fullwidth": _plain(lambda text: "".join(chr(ord(c) + 0xFEE0) if 33 <= ord(c) < 127 else c for c in text)),
    "upside_down": _plain(lambda text: text.lower().translate(_TURNED)[::-1]),
    "small_capitals": _plain(lambda text: text.lower().translate(_SMALL_CAPITALS)),
    "mathematical": _plain(lambda text: text.translate(_shifted(0x1D41A, 0x1D400))),
    "circled": _plain(lambda text: text.translate(_shifted(0x24D0, 0x24B6))),
    "parenthesised": _plain(lambda text: text.translate(_shifted(0x249C))),
    "squared": _plain(lambda text: text.translate(_shifted(0x1F130))),
    "negative_circled": _plain(lambda text: text.translate(_shifted(0x1F150))),
    "regional_indicators": _plain(lambda text: "\u200b".join(text.translate(_shifted(0x1F1E6)))),
    "emoji_between": lambda text, source: _inside(text, source, lambda: source.choice(_EMOJI)),
    "emoji_words": lambda text, source: re.sub(" ", lambda _: source.choice(_EMOJI), text),
    "spaced": _plain(" ".join),
    "spaced_words": _plain(lambda text: "  ".join(" ".join(word) for word in text.split())),
    "dotted": _plain(lambda text: " ".join(".".join(word) for word in text.split())),
    "hyphenated": _plain(lambda text: " ".join("-".join(word) for word in text.split())),
    "dashed_all": _plain("-".join),
    "one_hyphen": lambda text, source: _once(text, source, "-"),
    "one_star": lambda text, source: _once(text, source, "*"),
    "underscores": _plain(lambda text: text.replace(" ", "_")),
    "no_spaces": _plain(lambda text: text.replace(" ", "")),
    "leet": _plain(lambda text: text.translate(_LEET)),
    "leet_signs": _plain(lambda text: text.translate(str.maketrans("aeiostAEIOST", "@3!0$7@3!0$7"))),
    "repeated_letters": lambda text, source: re.sub(r"[^\W\d_]", lambda m: m[0] * source.choice((1, 1, 3, 4)), text),
    "doubled_letters": lambda text, _: re.sub(r"[^\W\d_]", lambda m: m[0] * 2, text),
    "backspaces": lambda text, source: _inside(text, source, lambda: source.choice(string.ascii_lowercase) + "\b"),
    "controls": lambda text, source: _inside(text, source, lambda: source.choice("\x00\x01\x02\x7f")),
    "ansi": lambda text, source: _inside(text, source, lambda: "\x1b[0m"),
    "html_comments": lambda text, source: _once(text, source, "<!-- x -->"),
    "html_tags": lambda text, source: _once(text, source, "<b></b>"),
    "markdown": lambda text, source: _once(text, source, "**"),
    "base64": _plain(lambda text: _base64(text.encode())),
    "base64_prompt": _plain(lambda text: f"Here is a message in base64: {_base64(text.encode())}"),
    "base64_url": _plain(lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
    "base64_wrapped": _plain(lambda text: "\n".join(textwrap.wrap(_base64(text.encode()), 48))),
    "base64_twice": _plain(lambda text: _base64(_base64(text.encode()).encode())),
    "base64_thrice": _plain(lambda text: _base64(_base64(_base64(text.encode()).encode()).encode())),
    "base64_utf16": _plain(lambda text: _base64(text.encode("utf-16-le"))),
    "base64_gzip": _plain(lambda text: _base64(gzip.compress(text.encode(), mtime=0))),
    "base32": _plain(lambda text: base64.b32encode(text.encode()).decode()),
    "hex": _plain(lambda text: text.encode().hex()),
    "hex_spaced": _plain(lambda text: text.encode().hex(" ")),
    "hex_escapes": _plain(lambda text: _each(text, r"\x{:02x}")),
    "hex_0x": _plain(lambda text: _each(text, "0x{:02x}, ")),
    "binary": _plain(lambda text: _each(text, "{:08b} ")),
    "octal": _plain(lambda text: _each(text, "{:03o} ")),
    "octal_escapes": _plain(lambda text: _each(text, "\\{:03o}")),
    "decimal": _plain(lambda text: _each(text, "{} ", lambda t: t.encode("ascii", "ignore"))),
    "url": _plain(lambda text: _each(text, "%{:02X}")),
    "url_quote": _plain(partial(quote, safe="")),
    "url_twice": _plain(lambda text: quote(_each(text, "%{:02x}"))),
    "entities": _plain(lambda text: "".join(f"&#{ord(c)};" for c in text)),
    "entities_zeros": _plain(lambda text: "".join(f"&#{ord(c):07d};" for c in text)),
    "entities_hex": _plain(lambda text: "".join(f"&#x{ord(c):x};" for c in text)),
    "entities_twice": _plain(lambda text: html.escape("".join(f"&#{ord(c)};" for c in text))),
    "unicode_escapes": _plain(
        lambda text: "".join(f"\\u{unit}" for unit in re.findall("....", text.encode("utf-16-be").hex()))
    ),
    "code_points": _plain(lambda text: " ".join(f"U+{ord(c):04X}" for c in text)),
    "quoted_printable": _plain(lambda text: _each(text, "={:02X}")),
    "rot13": _plain(lambda text: _rotate(text, 13)),
    "atbash": _plain(
        lambda text: text.translate(
            str.maketrans(string.ascii_letters, string.ascii_lowercase[::-1] + string.ascii_uppercase[::-1])
        )
    ),
    "reversed": _plain(lambda text: text[::-1]),
    "reversed_words": _plain(lambda text: _WORD.sub(lambda found: found[0][::-1], text)),
    "morse": _plain(_morse),
    "rot13_base64": _plain(lambda text: _base64(_rotate(text, 13).encode())),
    "leet_zero_width": _plain(lambda text: "\u200b".join(text.translate(_LEET))),
    "spaced_fullwidth": _plain(lambda text: " ".join(chr(ord(c) + 0xFEE0) if 33 <= ord(c) < 127 else c for c in text)),
}

# Reported, not promised.
HARD: Mapping[str, Evasion] = {
    "caesar": lambda text, source: _rotate(text, source.choice([n for n in range(1, 26) if n != 13])),
    "word_order": _plain(lambda text: " ".join(reversed(text.split()))),
    "nato": _plain(_spelled),
    "pig_latin": _plain(lambda text: re.sub(r"\b([b-df-hj-np-tv-z]*)([a-z]+)", r"\2\1ay", text.lower())),
    "spaced_one_gap": _plain(lambda text: " ".join(re.sub(r"\s", "", text))),
    "acrostic": _plain(lambda text: "\n".join(f"{c} is for {c.lower()}" for c in text if c.isalpha())),
    "payload_splitting": _plain(
        lambda text: f"a = {text[: len(text) // 2]!r}; b = {text[len(text) // 2 :]!r}; now do a + b"
    ),
    "base85": _plain(lambda text: base64.a85encode(text.encode()).decode()),
}
