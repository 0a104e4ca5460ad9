"""What the injection score is learned over: concepts, pairs and triples of them, close together, in a window of a text.

A feature is a number: kind, then up to three concepts, seven bits each. Names are for files and people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sidecar.core.lexicon import Occurrence

# Tokens of a window, and how far the next one begins: an attack is rarely longer than a paragraph, and a long
# document must not add up small signs.
WINDOW = 64
STRIDE = 32
# Tokens between two concepts of a pair: next to each other, or in the same sentence.
NEAR = 3
FAR = 12
# Tokens between neighbours of a triple.
TRIPLE = 6
# How many occurrences ahead are looked at: bounds the work where every word is a concept.
_AHEAD = 40
_AHEAD_THIRD = 14
_BITS = 7
_KINDS = ("once", "twice", "often", "near", "far", "triple", "longer")
_ONCE, _TWICE, _OFTEN, _NEAR, _FAR, _TRIPLE, _LONGER = (kind << 3 * _BITS for kind in range(len(_KINDS)))
_MANY = 4
# Lengths in tokens that a window may pass.
_LENGTHS = (4, 8, 15, 30, 60)


def windows(length: int) -> Iterator[tuple[int, int]]:
    """Yield first and past-the-last token of each window of a text; the last one ends with the text."""
    if length <= WINDOW + STRIDE // 2:
        yield 0, length
        return
    for start in range(0, length - WINDOW, STRIDE):
        yield start, start + WINDOW
    yield length - WINDOW, length


def features(occurrences: Sequence[Occurrence], length: int) -> set[int]:
    """Return the features of one window.

    Args:
        occurrences: the concepts in it, in order of their first token.
        length: its tokens.
    """
    found: set[int] = set()
    add = found.add
    count: dict[int, int] = {}
    for _, _, concept in occurrences:
        count[concept] = count.get(concept, 0) + 1
    for concept, times in count.items():
        add(_ONCE | concept)
        if times > 1:
            add(_TWICE | concept)
            if times >= _MANY:
                add(_OFTEN | concept)
    for place, (_, end, concept) in enumerate(occurrences):
        first = concept << _BITS
        for second_place in range(place + 1, min(place + _AHEAD, len(occurrences))):
            start, second_end, second = occurrences[second_place]
            gap = start - end
            if gap > FAR:
                break
            if gap < 0:
                continue
            add((_NEAR if gap <= NEAR else _FAR) | first | second)
            if gap <= TRIPLE:
                pair = _TRIPLE | (first | second) << _BITS
                for start, _, third in occurrences[second_place + 1 : second_place + _AHEAD_THIRD]:
                    if start - second_end > TRIPLE:
                        break
                    if start >= second_end:
                        add(pair | third)
    for place, passed in enumerate(_LENGTHS):
        if length > passed:
            add(_LONGER | place)
    return found


def name_of(feature: int, concepts: Sequence[str]) -> str:
    """Return a feature's name, such as `near:override>instruction`."""
    kind = _KINDS[feature >> 3 * _BITS]
    mask = (1 << _BITS) - 1
    parts = [feature >> 2 * _BITS & mask, feature >> _BITS & mask, feature & mask]
    if kind == "longer":
        return f"longer:{_LENGTHS[parts[2]]}"
    size = {"near": 2, "far": 2, "triple": 3}.get(kind, 1)
    return f"{kind}:{'>'.join(concepts[part] for part in parts[3 - size :])}"


def feature_of(name: str, places: Mapping[str, int]) -> int:
    """Return the feature that a name stands for.

    Args:
        name: as `name_of` gives it.
        places: the index of each concept.

    Raises:
        KeyError: the kind or a concept is not known.
    """
    kind, _, rest = name.partition(":")
    if kind not in _KINDS:
        raise KeyError(name)
    feature = _KINDS.index(kind)
    if kind == "longer":
        return feature << 3 * _BITS | _LENGTHS.index(int(rest))
    parts = [places[part] for part in rest.split(">")]
    for part in [*[0] * (3 - len(parts)), *parts]:
        feature = feature << _BITS | part
    return feature
