"""Step 2, normalise: each segment gives the views in which disguises are undone, each with its way back.

The text itself is always scanned, and what stands outside ASCII also in folded form. Encodings and other disguises are
undone only where the scanner saw a sign of one (`reveal`), so that clean text costs nothing; what comes out is scanned
in turn, within bounds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

import msgspec

from sidecar.core.transforms import TRANSFORMS, Kind, Transform
from sidecar.core.transforms.reading import Reading, in_place, substitute, then
from sidecar.model import Segment, View

# How deep encodings may be nested; how many views one segment may have; how many times longer than the segment its
# decoded text, and all its views together, may be. Past any of them the failure policy decides.
DEPTH_LIMIT = 3
VIEWS_LIMIT = 32
DECODED_GROWTH = 4
VIEWS_GROWTH = 12
# Decoded text of one segment, in code points, whatever its length; and what a short one may have in any case.
DECODED_LIMIT = 2**20
SHORT = 4096


def _named(*kinds: Kind) -> dict[str, Transform]:
    return {name: transform for name, transform in TRANSFORMS.items() if transform.kind in kinds}


_CHARACTER, _EXACT, _GUESS = _named(Kind.CHARACTER), _named(Kind.EXACT), _named(Kind.GUESS)
_DECODERS, _WHOLE = _named(Kind.DECODER), _named(Kind.WHOLE)
# Done beside what is exact: dropping control characters takes away the deletions, which may mean something.
_APART = _DECODERS | {"deletions": _WHOLE["deletions"]}
# What counts as one level of nesting.
_LEVELS = frozenset({*_DECODERS, *_WHOLE, "url", "entities", "escapes"})
_LOOSE = frozenset({*_GUESS, *_WHOLE})
# Turning a text round twice gives it back, or its words in disorder; two ciphers of letters are one.
_TURNS = frozenset({"reverse", "reversed_words", "word_order", "upside_down"})
_CIPHERS = frozenset({"rot13", "caesar", "atbash"})
# A data URL's worth of letters without a gap.
_OPAQUE = re.compile("[A-Za-z0-9+/=_-]{1024,}")
# What folding takes away, or mistakes for letters, is read from the text as it came; the rest from the folded text.
_UNFOLDED = frozenset({"tags", "selectors", "bits", "bidi", "upside_down", *_EXACT})


class Bounds(msgspec.Struct):
    """What may still be undone in one segment; used up as views are made.

    Args:
        seen: the texts of the views made so far; a text that comes out twice is scanned once.
        views: how many views there may still be.
        decoded: how much text decoders may still give, in code points.
        room: how long all further views together may be, in code points.
    """

    seen: set[str]
    views: int
    decoded: int
    room: int


def bounds_of(segment: Segment) -> Bounds:
    """Return what may be undone in a segment."""
    length = len(segment.text)
    return Bounds(
        seen={segment.text},
        views=VIEWS_LIMIT,
        decoded=min(DECODED_GROWTH * length + SHORT, DECODED_LIMIT),
        room=VIEWS_GROWTH * length + SHORT,
    )


def normalise(segments: Sequence[Segment]) -> list[View]:
    """Return the first views of all segments: the text itself and, outside ASCII, its folded form."""
    views: list[View] = []
    for segment in segments:
        view = View(segment.text, segment)
        if segment.text.isascii():
            views.append(view)
        else:
            views += _with_folded(view)
    return views


def reveal(view: View, fired: frozenset[str], bounds: Bounds) -> tuple[list[View], bool]:
    """Undo the disguises of which signs were seen in a view.

    Args:
        view: where the signs were seen.
        fired: the names of the transforms that they are signs of.
        bounds: what is left for this segment.

    Returns:
        New views, and whether a bound was passed, so that something stayed undone.
    """
    views: list[View] = []
    exceeded = False
    for names, reading in _readings(view, fired):
        if reading.text in bounds.seen:
            continue
        if sum(name in _LEVELS for name in (*view.chain, *names)) > DEPTH_LIMIT:
            exceeded = True
            continue
        room = min(bounds.room, bounds.decoded) if names[0] in _DECODERS else bounds.room
        exceeded = exceeded or len(reading.text) > room
        if bounds.views <= 0 or room <= 0:
            exceeded = True
            break
        revealed = _view(view, names, Reading(reading.text[:room], reading.locate))
        bounds.decoded -= len(revealed.text) if names[0] in _DECODERS else 0
        for new in _with_folded(revealed):
            bounds.seen.add(new.text)
            bounds.views -= 1
            bounds.room -= len(new.text)
            views.append(new)
    return views, exceeded


def _readings(view: View, fired: frozenset[str]) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """Undo what fired; guesses and whole turns wait until nothing exact is left to undo."""
    text = view.text
    if view.folded:
        fired &= _UNFOLDED
    exact = _together(text, _EXACT, fired)
    if exact:
        yield exact
    for name, transform in (_APART if exact else _DECODERS).items():
        reading = transform.undo(text) if name in fired else None
        if reading is not None:
            yield (name,), reading
    if exact or fired.isdisjoint(_LOOSE):
        return
    # Images and keys are no words in disguise; what is left without them is short.
    words = substitute(_OPAQUE, lambda _: " ", text) or in_place(text)
    guess = _together(words.text, _GUESS, fired)
    if guess:
        yield guess[0], then(words, guess[1])
    wanted = fired - _spent(view.chain)
    for name, transform in _WHOLE.items():
        reading = transform.undo(words.text) if name in wanted else None
        if reading is not None:
            yield (name,), then(words, reading)


def _spent(chain: tuple[str, ...]) -> frozenset[str]:
    """Return the turns that would give back what was there before, or something a single one gives."""
    return frozenset().union(*(family for family in (_TURNS, _CIPHERS) if not family.isdisjoint(chain)), chain)


def _with_folded(view: View) -> tuple[View, ...]:
    """Return a view, and its folded form if folding changes anything."""
    folded = None if view.text.isascii() else _fold(view.text)
    return (msgspec.structs.replace(view, folded=True), _view(view, *folded)) if folded else (view,)


def _fold(text: str) -> tuple[tuple[str, ...], Reading] | None:
    """Apply what works on characters, as far as the text has any that it touches."""
    names: list[str] = []
    result = in_place(text)
    present = set(text)
    for name, transform in _CHARACTER.items():
        touched = transform.touches.intersection(present)
        reading = None
        if touched and transform.table is not None:
            reading = transform.table.among(result.text, touched)
            present.update(*(transform.table.changes[ord(character)] for character in touched))
        elif touched:
            reading = transform.undo(result.text)
        if reading is not None:
            names.append(name)
            result = then(result, reading)
    return (tuple(names), result) if names else None


def _together(
    text: str, transforms: dict[str, Transform], fired: Collection[str]
) -> tuple[tuple[str, ...], Reading] | None:
    """Apply transforms one after the other; return those that changed something, and what came out."""
    names: list[str] = []
    result = in_place(text)
    for name, transform in transforms.items():
        if name in fired:
            reading = transform.undo(result.text)
            if reading is not None:
                names.append(name)
                result = then(result, reading)
    return (tuple(names), result) if names else None


def _view(parent: View, names: tuple[str, ...], reading: Reading) -> View:
    """Return what a reading of a view shows, with the way back to the segment."""
    whole = reading if parent.locate is None else then(Reading(parent.text, parent.locate), reading)
    return View(reading.text, parent.segment, (*parent.chain, *names), whole.locate)
