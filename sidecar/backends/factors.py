"""The part of a widened pattern that is worth looking for, and how it is written for Hyperscan and for `re`.

Every match of a sequence contains a match of any run of its items, so a gate may ask for the best run only: one that
is bounded (Hyperscan is fast there, and at its most reliable), small (it compiles in a millisecond) and rare in text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from sidecar.backends.widening import ASCII, DIGITS, HIGH, WORD, Chars, Edge, Either, Node, Repeat, Sequenced

# A repeat that may span more characters is not followed to its end: the run ends there.
WIDE_LIMIT = 24
# Positions of the automaton that one gate may cost; the longest useful patterns of Presidio stay below it.
COST_LIMIT = 160
# An alternative of words (top-level domains) may cost more: it becomes a literal search.
WORDS_COST_LIMIT = 40 * COST_LIMIT
# Below this many bits a gate would fire in every text.
LEAST_BITS = 0.6
# How many of the characters that text is made of a set may be: what bits are counted against.
_TYPICAL = 100

# Turns of a repeat at an end, which is shortened to so many: with 25, in one database with a date's pattern, Hyperscan
# takes quadratic time over base64 (1 MB 0.2 s, 8 MB 12 s); with 12, linear time (1 MB 15 ms).
LONGEST_END = 12

NOTHING = Sequenced()


def span(node: Node) -> float:
    """Return the length of the longest match in characters; infinite where there is no bound."""
    match node:
        case Chars():
            return 1
        case Edge():
            return 0
        case Sequenced(items):
            return sum(span(item) for item in items)
        case Either(branches):
            return max((span(branch) for branch in branches), default=0)
        case Repeat(inner, _, high):
            each = span(inner)
            return 0 if each == 0 else each * (math.inf if high is None else high)


def cost(node: Node) -> int:
    """Estimate the positions of the automaton."""
    match node:
        case Chars():
            return node.width
        case Edge():
            return 0
        case Sequenced(items) | Either(items):
            return sum(cost(item) for item in items)
        case Repeat(inner, low, high):
            return cost(inner) * max(1, low + 1 if high is None else high)


def bits(node: Node) -> float:
    """Estimate how rare a node is in ordinary text, as bits; only the order matters."""
    match node:
        case Chars():
            return -math.log2(min(1.0, max(len(node.ascii) + len(node.high) / 4, 1) / _TYPICAL))
        case Edge():
            return 0.5
        case Sequenced(items):
            return sum(bits(item) for item in items)
        case Either(branches):
            each = [bits(branch) for branch in branches]
            least = min(each, default=0.0)
            return max(0.0, least - math.log2(max(1.0, sum(2 ** (least - value) for value in each))))
        case Repeat(inner, low, _):
            return bits(inner) * low


class _Parts(msgspec.Struct, frozen=True):
    """What of a node is worth looking for: all of it (None: too much), how it begins and ends, and its best run."""

    whole: Node | None
    head: Sequenced
    tail: Sequenced
    best: Sequenced


def factor(node: Sequenced) -> Sequenced | None:
    """Return the rarest bounded run of items that every match contains; None where no run is rare enough."""
    parts = _parts(node)
    chosen = (
        _as_sequence(parts.whole) if parts.whole is not None else max((parts.best, parts.head, parts.tail), key=bits)
    )
    chosen = _without_prefixed_words(_shortened(chosen))
    return chosen if bits(chosen) > LEAST_BITS else None


def _as_sequence(node: Node) -> Sequenced:
    return node if isinstance(node, Sequenced) else Sequenced((node,))


def _joined(*nodes: Node) -> Sequenced:
    return Sequenced(tuple(item for node in nodes for item in _as_sequence(node).items))


def _parts(node: Node) -> _Parts:
    if span(node) <= WIDE_LIMIT and cost(node) <= COST_LIMIT:
        whole = _as_sequence(node)
        return _Parts(node, whole, whole, whole)
    match node:
        case Either(branches):
            return _parts_of_either(node, [_parts(branch) for branch in branches])
        case Repeat(_, 0, _):
            return _Parts(None, NOTHING, NOTHING, NOTHING)
        case Repeat(inner, low, _):
            parts = _parts(inner)
            if parts.whole is None:
                return _Parts(None, parts.head, parts.tail, parts.best)
            times = min(low, max(1, COST_LIMIT // max(1, cost(inner))))
            least = Sequenced((Repeat(inner, times, times),))
            return _Parts(None, least, least, least)
        case _:
            return _parts_of_sequence(_as_sequence(node))


def _parts_of_either(node: Either, parts: list[_Parts]) -> _Parts:
    whole = _as_sequence(node)
    if all(part.whole is not None for part in parts) and cost(node) <= WORDS_COST_LIMIT:
        return _Parts(node, whole, whole, whole)
    return _Parts(
        None,
        Sequenced((Either(tuple(part.head for part in parts)),)),
        Sequenced((Either(tuple(part.tail for part in parts)),)),
        Sequenced((Either(tuple(part.best for part in parts)),)),
    )


def _parts_of_sequence(node: Sequenced) -> _Parts:
    head: Sequenced | None = None
    run: Sequenced = NOTHING
    runs: list[Sequenced] = []
    for item in node.items:
        parts = _parts(item)
        fits = parts.whole is not None and cost(run) + cost(parts.whole) <= COST_LIMIT
        if parts.whole is not None and (fits or isinstance(item, Either)):
            run = _joined(run, parts.whole)
            continue
        ended = _joined(run, parts.head)
        runs += (ended, parts.best)
        head = ended if head is None else head
        run = parts.tail
    return _Parts(None, head or run, run, max((*runs, run), key=bits))


def _shortened(node: Sequenced) -> Sequenced:
    """Drop what is optional at the ends, and shorten repeats there to the fewest turns, or fewer where those are many."""
    items = list(node.items)
    for side in (0, -1):
        if len(items) > 1 and isinstance(items[side], Edge) and _is_long(items[1 if side == 0 else -2]):
            items.pop(side)
        while items and isinstance(items[side], Repeat):
            repeat = items[side]
            assert isinstance(repeat, Repeat)
            if repeat.low:
                least = min(repeat.low, LONGEST_END)
                items[side] = Repeat(repeat.node, least, least)
                break
            items.pop(side)
    return Sequenced(tuple(items))


def _is_long(node: Node) -> bool:
    return isinstance(node, Repeat) and node.low > LONGEST_END


def _without_prefixed_words(node: Sequenced) -> Sequenced:
    """Of words at the end, keep those that begin with no other: where `co` is looked for, `com` need not be."""
    last = node.items[-1] if node.items else None
    if not isinstance(last, Either) or not all(
        isinstance(item, Chars) for word in last.branches for item in word.items
    ):
        return node
    kept: dict[tuple[Node, ...], Sequenced] = {}
    for word in sorted(last.branches, key=lambda word: len(word.items)):
        if not any(word.items[:length] in kept for length in range(len(word.items) + 1)):
            kept[word.items] = word
    return Sequenced((*node.items[:-1], Either(tuple(kept.values()))))


def digit_count(node: Node) -> int:
    """Return how many decimal digits, with at most one character in between, every match is sure to hold in a row."""
    best = run = 0
    gap = 0
    for item in _flat(node):
        sure, length = item
        if sure:
            run, gap = run + length, 0
            best = max(best, run)
        else:
            gap += length
            if gap > 1:
                run = gap = 0
    return best


def _flat(node: Node) -> Iterable[tuple[bool, int]]:
    """List what a match is made of: (True, n) for n digits, (False, n) for up to n other characters."""
    match node:
        case Edge():
            return
        case Chars():
            yield (node.ascii <= DIGITS and not node.high, 1)
        case Repeat(inner, low, high):
            if isinstance(inner, Chars) and inner.ascii <= DIGITS and not inner.high:
                # Digits beyond the fewest do not break the run.
                if low:
                    yield (True, low)
                return
            yield (False, 99 if high is None else int(min(99, span(inner) * high)))
        case Sequenced(items):
            for item in items:
                yield from _flat(item)
        case Either(branches):
            flat = [list(_flat(branch)) for branch in branches]
            if all(sure for branch in flat for sure, _ in branch):
                yield (True, min((sum(length for _, length in branch) for branch in flat), default=0))
            else:
                yield (False, int(min(99, span(node))))


def as_bytes(node: Sequenced) -> str:
    """Write a node for Hyperscan without its UTF-8 mode: a superset over the bytes of the text."""
    return _write_bytes(node, left=True, right=True)


def _write_bytes(node: Node, *, left: bool = False, right: bool = False) -> str:
    match node:
        case Chars():
            return _times(_set(node.ascii | node.high), 1, node.width)
        case Edge():
            return ""
        case Either(branches):
            return "(?:" + "|".join(dict.fromkeys(_write_bytes(b, left=left, right=right) for b in branches)) + ")"
        case Repeat(Chars() as inner, low, high):
            return _times(_set(inner.ascii | inner.high), low, None if high is None else high * inner.width)
        case Repeat(inner, low, high):
            return _times("(?:" + _write_bytes(inner) + ")", low, high)
        case Sequenced(items):
            return "".join(_write_item(items, index, left=left, right=right) for index in range(len(items)))


def _write_item(items: tuple[Node, ...], index: int, *, left: bool, right: bool) -> str:
    item = items[index]
    at_left = left and all(isinstance(other, Edge) for other in items[:index])
    at_right = right and all(isinstance(other, Edge) for other in items[index + 1 :])
    if not isinstance(item, Edge):
        return _write_bytes(item, left=at_left, right=at_right)
    # Hyperscan's `\b` knows ASCII only. Beside an ASCII word character it is never narrower than Presidio's;
    # beside a character that folds to one, any non-word byte or the end of the text may stand outside.
    if at_left:
        return _write_edge(_outermost(items[index + 1 :]), "(?:^|[^0-9A-Za-z_])")
    if at_right:
        return _write_edge(
            _outermost(tuple(_mirrored(other) for other in reversed(items[:index]))), "(?:[^0-9A-Za-z_]|$)"
        )
    return ""


def _write_edge(neighbours: list[Chars] | None, otherwise: str) -> str:
    if not neighbours or not all(chars.ascii <= WORD for chars in neighbours):
        return ""
    if all(not chars.high for chars in neighbours):
        return r"\b"
    return otherwise if all(not chars.high or chars.folds for chars in neighbours) else ""


def _outermost(items: tuple[Node, ...]) -> list[Chars] | None:
    """Return the sets that the first character comes from; None where it may be missing."""
    for item in items:
        match item:
            case Edge():
                continue
            case Chars():
                return [item]
            case Sequenced(inner):
                return _outermost(inner)
            case Either(branches):
                firsts = [_outermost(branch.items) for branch in branches]
                return None if any(first is None for first in firsts) else [c for first in firsts for c in first or ()]
            case Repeat(inner_node, low, _):
                return _outermost((inner_node,)) if low else None
    return None


def _mirrored(node: Node) -> Node:
    match node:
        case Sequenced(items):
            return Sequenced(tuple(_mirrored(item) for item in reversed(items)))
        case Either(branches):
            return Either(tuple(_as_sequence(_mirrored(branch)) for branch in branches))
        case Repeat(inner, low, high):
            return Repeat(_mirrored(inner), low, high)
        case _:
            return node


def as_text(node: Node) -> str:
    """Write a node for `re` over text, without its edges: it finds every place where the node may match."""
    match node:
        case Chars():
            return text_set(node)
        case Edge():
            return ""
        case Sequenced(items):
            return "".join(as_text(item) for item in items)
        case Either(branches):
            return "(?:" + "|".join(dict.fromkeys(as_text(branch) for branch in branches)) + ")"
        case Repeat(Chars() as inner, low, high):
            return _times(text_set(inner), low, high)
        case Repeat(inner, low, high):
            return _times("(?:" + as_text(inner) + ")", low, high)


def text_set(chars: Chars, *, negated: bool = False) -> str:
    """Write a set for `re` over text."""
    beyond = chars.folds or ("\\x80-\U0010ffff" if chars.high else "")
    digits = r"\d" if chars.digits else ""
    return f"[{'^' if negated else ''}{_ranges(chars.ascii)}{beyond}{digits}]"


def _set(members: frozenset[int]) -> str:
    if len(members) == 1:
        return _ranges(members)
    return f"[{_ranges(members)}]" if members < ASCII | HIGH else r"[\x00-\xff]"


def _ranges(members: frozenset[int]) -> str:
    text = ""
    for code in sorted(members):
        if code - 1 in members:
            continue
        last = code
        while last + 1 in members:
            last += 1
        text += f"\\x{code:02x}" + (f"-\\x{last:02x}" if last > code else "")
    return text


def _times(text: str, low: int, high: int | None) -> str:
    if low == high == 1:
        return text
    if (low, high) == (0, 1):
        return text + "?"
    if high is None:
        return f"{text}{{{low},}}"
    return f"{text}{{{low}}}" if low == high else f"{text}{{{low},{high}}}"
