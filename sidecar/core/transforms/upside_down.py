"""Reads text that is turned by 180 degrees: turned letters in the opposite order."""

from __future__ import annotations

from sidecar.core.transforms.reading import Reading, Sign, backwards

_TURNED = {
    "\u0250": "a", "q": "b", "\u0254": "c", "p": "d", "\u01dd": "e", "\u0259": "e", "\u025f": "f", "\u0183": "g",
    "\u0253": "g", "\u0265": "h", "\u0131": "i", "\u1d09": "i", "\u027e": "j", "\u017f": "j", "\u029e": "k",
    "\u05df": "l", "\ua781": "l", "\u026f": "m", "u": "n", "d": "p", "b": "q", "\u0279": "r", "\u0287": "t",
    "n": "u", "\u028c": "v", "\u028d": "w", "\u028e": "y", "\u2200": "a", "\u0186": "c", "\u018e": "e", "\u2132": "f",
    "\u2141": "g", "\u017e": "z", "\u02e5": "l", "\u2142": "l", "W": "m", "\u0500": "p", "\u1d1a": "r", "\u22a5": "t",
    "\u2229": "u", "\u039b": "v", "M": "w", "\u2144": "y", "\u00bf": "?", "\u00a1": "!", "\u02d9": ".", "\u203e": "_",
    "\u061b": ";", "\u201e": '"', "(": ")", ")": "(", "[": "]", "]": "[", "{": "}", "}": "{", "<": ">", ">": "<",
    "\u0270": "m", "\u2c6f": "a", "\ua4f7": "d", "\ua4de": "l", "\ua4d5": "t", "\u0245": "v", "\u15e1": "d", "\u05d9": "j",
    "\u15fa": "a", "\u1401": "v", "\u2c7b": "e", "\u025b": "3", "\u2c6d": "a", "\u2190": "\u2192",
}  # fmt: skip
_TABLE = str.maketrans(_TURNED)
# Letters that only turned text has, or phonetic notation.
SIGNS = (Sign("[\u01dd\u0259\u0279\u0287\u026f\u0265\u028e\u028d\u029e\u025f\u0250\u0183]"),)


def undo(text: str) -> Reading | None:
    """Turn a text round."""
    turned = text.translate(_TABLE)
    return None if turned == text else backwards(turned[::-1], len(text))
