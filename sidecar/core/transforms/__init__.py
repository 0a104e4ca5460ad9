"""Every transform by name, and what each one is to the search for disguises.

A transform is a pure function: text in, `Reading` out (the text it reads and the way back), None where it changes
nothing. Adding one: write `<name>.py` with `undo` (and `SIGNS`), name it here, add `golden/<name>.json` to its tests.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import msgspec

from sidecar.core.transforms import (
    ansi,
    atbash,
    base32,
    base64,
    bidi,
    bits,
    caesar,
    casefold,
    compatibility,
    controls,
    deletions,
    emoji,
    entities,
    escapes,
    glued,
    hexadecimal,
    homoglyphs,
    invisible,
    leet,
    lookalikes,
    marks,
    markup,
    morse,
    nato,
    numerals,
    repeats,
    reverse,
    reversed_words,
    rot13,
    selectors,
    spaced,
    split_words,
    tags,
    upside_down,
    url,
    word_order,
)
from sidecar.core.transforms.characters import Table
from sidecar.core.transforms.reading import Reading, Sign


class Kind(enum.Enum):
    """How a transform takes part in the search.

    CHARACTER: works on code points; all of them are applied to every text outside ASCII.
    EXACT: decodes in place without doubt; all whose signs fired are applied together.
    GUESS: reads in place what may be meant; applied together where nothing exact was found.
    DECODER: gives decoded text alone, as a view of its own.
    WHOLE: turns the whole text into another one, as a view of its own.
    """

    CHARACTER = 1
    EXACT = 2
    GUESS = 3
    DECODER = 4
    WHOLE = 5


class Transform(msgspec.Struct, frozen=True):
    """One entry of the registry.

    Args:
        kind: its part in the search.
        undo: the function.
        signs: what the scanner looks for; the transform is tried only where one of them is present.
        touches: the characters of which one must be present; empty where that is not known.
        table: the whole of it, where each character is looked at by itself.
        disguise: how a word looks under it, where that shows by itself; the keywords of rules are looked for so, too.
    """

    kind: Kind
    undo: Callable[[str], Reading | None]
    signs: tuple[Sign, ...] = ()
    touches: frozenset[str] = frozenset()
    table: Table | None = None
    disguise: Callable[[str], str] | None = None


# In the order in which they are applied: what later ones look for, earlier ones bring to light.
TRANSFORMS: Mapping[str, Transform] = {
    "invisible": Transform(Kind.CHARACTER, invisible.undo, touches=invisible.TABLE.touches, table=invisible.TABLE),
    "compatibility": Transform(
        Kind.CHARACTER, compatibility.undo, touches=compatibility.TABLE.touches, table=compatibility.TABLE
    ),
    "lookalikes": Transform(Kind.CHARACTER, lookalikes.undo, touches=lookalikes.TOUCHES),
    "marks": Transform(Kind.CHARACTER, marks.undo, touches=marks.TOUCHES),
    "homoglyphs": Transform(Kind.CHARACTER, homoglyphs.undo, touches=homoglyphs.TOUCHES),
    "casefold": Transform(Kind.CHARACTER, casefold.undo, touches=casefold.TABLE.touches, table=casefold.TABLE),
    "ansi": Transform(Kind.EXACT, ansi.undo, ansi.SIGNS),
    "controls": Transform(Kind.EXACT, controls.undo, controls.SIGNS),
    "markup": Transform(Kind.EXACT, markup.undo, markup.SIGNS),
    "url": Transform(Kind.EXACT, url.undo, url.SIGNS),
    "entities": Transform(Kind.EXACT, entities.undo, entities.SIGNS),
    "escapes": Transform(Kind.EXACT, escapes.undo, escapes.SIGNS),
    "emoji": Transform(Kind.GUESS, emoji.undo, emoji.SIGNS),
    "spaced": Transform(Kind.GUESS, spaced.undo, spaced.SIGNS),
    "split_words": Transform(Kind.GUESS, split_words.undo, split_words.SIGNS),
    "leet": Transform(Kind.GUESS, leet.undo, leet.SIGNS),
    "repeats": Transform(Kind.GUESS, repeats.undo, repeats.SIGNS, disguise=repeats.disguise),
    "glued": Transform(Kind.GUESS, glued.undo, glued.SIGNS),
    "tags": Transform(Kind.DECODER, tags.undo, tags.SIGNS),
    "selectors": Transform(Kind.DECODER, selectors.undo, selectors.SIGNS),
    "bits": Transform(Kind.DECODER, bits.undo, bits.SIGNS),
    "base64": Transform(Kind.DECODER, base64.undo, base64.SIGNS),
    "base32": Transform(Kind.DECODER, base32.undo, base32.SIGNS),
    "hexadecimal": Transform(Kind.DECODER, hexadecimal.undo, hexadecimal.SIGNS),
    "numerals": Transform(Kind.DECODER, numerals.undo, numerals.SIGNS),
    "morse": Transform(Kind.DECODER, morse.undo, morse.SIGNS),
    "nato": Transform(Kind.DECODER, nato.undo, nato.SIGNS),
    "deletions": Transform(Kind.WHOLE, deletions.undo, deletions.SIGNS),
    "bidi": Transform(Kind.WHOLE, bidi.undo, bidi.SIGNS),
    "rot13": Transform(Kind.WHOLE, rot13.undo, rot13.SIGNS, disguise=rot13.disguise),
    "caesar": Transform(Kind.WHOLE, caesar.undo, caesar.SIGNS),
    "atbash": Transform(Kind.WHOLE, atbash.undo, atbash.SIGNS, disguise=atbash.disguise),
    "reverse": Transform(Kind.WHOLE, reverse.undo, reverse.SIGNS, disguise=reverse.disguise),
    "reversed_words": Transform(Kind.WHOLE, reversed_words.undo, reversed_words.SIGNS, disguise=reverse.disguise),
    "word_order": Transform(Kind.WHOLE, word_order.undo, word_order.SIGNS),
    "upside_down": Transform(Kind.WHOLE, upside_down.undo, upside_down.SIGNS),
}

# In a rule's or bundle's `transforms`, this stands for all of them.
ANY = "any"


def names_of(transforms: tuple[str, ...]) -> frozenset[str]:
    """Return the transforms that names stand for.

    Raises:
        KeyError: a name is not known.
    """
    unknown = next((name for name in transforms if name != ANY and name not in TRANSFORMS), None)
    if unknown is not None:
        raise KeyError(unknown)
    return frozenset(TRANSFORMS) if ANY in transforms else frozenset(transforms)
