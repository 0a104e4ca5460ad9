"""What a regular expression may cost and what it needs, read from Python's own parse tree; nothing is matched here."""

from __future__ import annotations

import importlib
import math
import re
import string
from collections.abc import Collection, Iterator, Sequence
from typing import Any

# The parse tree has no public name; its shape is covered by the tests of this module.
_parser: Any = importlib.import_module("re._parser")
_UNBOUNDED = int(_parser.MAXREPEAT)

# Common to Hyperscan and Python. Hyperscan refuses look-around, back-references, atomic and possessive parts.
_FOREIGN = {
    "ASSERT": "look-around",
    "ASSERT_NOT": "look-around",
    "GROUPREF": "a back-reference",
    "GROUPREF_EXISTS": "a conditional group",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive quantifier",
}
# One start of a match may be tried in so many ways before the second look could hold up a request.
WORK_LIMIT = 50_000
_STRINGS_LIMIT = 4096
_CLASS_LIMIT = 16
# Every printable ASCII character, and one of each kind of letter, space and mark that `\w` and `\s` tell apart.
_ALPHABET = frozenset(string.printable) | frozenset(
    "\x00\x1b\u00a0\u00e9\u044f\u0449\u4e2d\u3042\uac00\u0905\u0660\u200b\U0001f600"
)

Tree = list[tuple[Any, Any]]


def parse(expression: str) -> Tree:
    """Parse an expression that compiles.

    Raises:
        re.error: it does not.
    """
    tree: Tree = list(_parser.parse(expression))
    return tree


def foreign_parts(tree: Tree) -> list[str]:
    """Name what Hyperscan would refuse, each kind once."""
    return list(dict.fromkeys(_FOREIGN[str(op)] for op, _ in _walk(tree) if str(op) in _FOREIGN))


def width(expression: str) -> tuple[int, int | None]:
    """Return the shortest and the longest match in code points; None: without bound."""
    low, high = _parser.parse(expression).getwidth()
    return int(low), None if high >= _UNBOUNDED else int(high)


def _walk(tree: Tree) -> Iterator[tuple[Any, Any]]:
    for op, value in tree:
        yield op, value
        for child in _children(str(op), value):
            yield from _walk(child)


def _children(op: str, value: Any) -> Sequence[Tree]:
    if op == "BRANCH":
        return [list(branch) for branch in value[1]]
    if op == "SUBPATTERN":
        return [list(value[3])]
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return [list(value[2])]
    if op in ("ASSERT", "ASSERT_NOT"):
        return [list(value[1])]
    return [list(value)] if op == "ATOMIC_GROUP" else []


# ── what it may cost ──────────────────────────────────────────────────────────────────────────────────────────────────


def work(tree: Tree) -> float:
    """Bound the steps in which one start of a match can be tried; infinite for catastrophic shapes.

    Only choices that the next character does not settle count: a quantifier whose body may also begin what follows
    (`.*` before anything, `(a+)+`), and branches that begin alike. A gap before a literal of length n can be left in
    every n-th place at most, which is what keeps `a.{0,40}word.{0,40}b` cheap and `(a{1,9}){1,9}` dear.

    Args:
        tree: the parsed expression.

    Returns:
        The bound; at least 1.
    """
    return _work(tree, frozenset())


def _work(tree: Tree, follow: frozenset[str]) -> float:
    total, lead = 1.0, 0
    for op, value in reversed(tree):
        name = str(op)
        factor, choices = 1.0, 1.0
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            factor, choices = _work_of_repeat(value, follow)
        elif (texts := _settled_strings([(op, value)], follow)) is not None:
            factor = _prefixes(texts) * (2 if _repeats_itself(name, value) else 1)
        elif name == "BRANCH":
            branches = [list(branch) for branch in value[1]]
            factor = _rivals(branches) * max(_work(branch, follow) for branch in branches)
        elif name == "SUBPATTERN":
            factor = _work(list(value[3]), follow)
        total *= factor
        if choices > 1:
            total = choices + math.ceil(choices / max(lead, 1)) * total if choices < math.inf else math.inf
        lead = 0 if choices * factor > 1 or name == "ANY" else lead + _shortest([(op, value)])
        first, nullable = _first([(op, value)])
        follow = first | follow if nullable else first
    return total


def _work_of_repeat(value: Any, follow: frozenset[str]) -> tuple[float, float]:
    """Return what the body costs, and in how many places the repetition may end."""
    low, high, body = int(value[0]), int(value[1]), list(value[2])
    first, _ = _first(body)
    inner = _work(body, follow | first if high > 1 else follow)
    choices = 1.0
    if low < high and first & follow:
        choices = math.inf if high >= _UNBOUNDED else high - low + 1
    return (inner if inner == 1 else math.inf if high > 64 else inner**high), choices


def _shortest(tree: Tree) -> int:
    """Return the length of the shortest match."""
    total = 0
    for op, value in tree:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            total += int(value[0]) * _shortest(list(value[2]))
        elif children := _children(name, value):
            total += min(_shortest(child) for child in children)
        elif name in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            total += 1
    return total


def _prefixes(texts: frozenset[str]) -> int:
    """Return how many of the texts begin one of them at most: so often may a choice among them be revised."""
    return max((sum(text[:end] in texts for end in range(len(text) + 1)) for text in texts), default=1)


def _repeats_itself(name: str, value: Any) -> bool:
    """Tell whether two branches match the same text, as in `(a|a)`."""
    parts = [_strings(list(branch)) or frozenset() for branch in value[1]] if name == "BRANCH" else []
    nested = [_repeats_itself(str(op), inner) for child in _children(name, value) for op, inner in child]
    return sum(map(len, parts)) > len(frozenset().union(*parts)) or any(nested)


def _rivals(branches: Sequence[Tree]) -> int:
    """Count the branches that can be entered with the same first character."""
    firsts = [_first(branch)[0] for branch in branches]
    return max(sum(bool(first & other) for other in firsts) for first in firsts)


def _first(tree: Tree) -> tuple[frozenset[str], bool]:
    """Return the characters a match can begin with, and whether it can be empty."""
    found: frozenset[str] = frozenset()
    for op, value in tree:
        name = str(op)
        if name == "AT" or name in ("ASSERT", "ASSERT_NOT"):
            continue
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            chars, nullable = _first(list(value[2]))
            nullable = nullable or value[0] == 0
        elif children := _children(name, value):
            parts = [_first(child) for child in children]
            chars, nullable = frozenset().union(*(part[0] for part in parts)), any(part[1] for part in parts)
        else:
            chars, nullable = characters(name, value), False
        found |= chars
        if not nullable:
            return found, False
    return found, True


def characters(op: str, value: Any, *, folded: bool = True) -> frozenset[str]:
    """Return the characters of `_ALPHABET` that one element of a tree matches, and its own literals.

    Args:
        op: the element's kind.
        value: what the parser says of it.
        folded: whether the other letter case counts, too.
    """
    if op == "LITERAL":
        return frozenset({chr(value), chr(value).lower(), chr(value).upper()} if folded else {chr(value)})
    if op == "NOT_LITERAL":
        return _ALPHABET - {chr(value)}
    if op == "IN":
        return _of_class(value, folded=folded)
    return _ALPHABET  # ANY, and group references that the subset refuses


def _of_class(items: Any, *, folded: bool) -> frozenset[str]:
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    found: set[str] = set()
    for op, value in items:
        if str(op) == "LITERAL":
            found.add(chr(value))
        elif str(op) == "RANGE":
            found.update(c for c in _ALPHABET if value[0] <= ord(c) <= value[1])
            found.add(chr(value[0]))
        elif str(op) == "CATEGORY":
            found.update(c for c in _ALPHABET if _CATEGORIES[str(value)](c))
    if negated:
        return _ALPHABET - found
    return frozenset(form for c in found for form in (c, c.lower(), c.upper())) if folded else frozenset(found)


_CATEGORIES = {
    f"CATEGORY_{negation}{name}": re.compile(rf"\{letter}").match
    for name, lower in (("DIGIT", "d"), ("SPACE", "s"), ("WORD", "w"))
    for negation, letter in (("", lower), ("NOT_", lower.upper()))
}


# ── what it needs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def implies(tree: Tree, keywords: Collection[str], *, caseless: bool) -> bool:
    """Tell whether every match must hold one of the keywords.

    Args:
        tree: the parsed expression.
        keywords: the literals.
        caseless: whether letter case is ignored.

    Returns:
        False, too, where it cannot be told; a regex that needs a keyword says so in plain sight.
    """
    wanted = [keyword.lower() if caseless else keyword for keyword in keywords]

    def covers(texts: Collection[str]) -> bool:
        return all(any(keyword in text for keyword in wanted) for text in texts)

    def check(items: Tree, run: frozenset[str]) -> bool:
        for op, value in items:
            texts = _strings([(op, value)], caseless=caseless, is_view=True)
            if texts is not None and len(run) * len(texts) <= _STRINGS_LIMIT:
                run = frozenset(head + tail for head in run for tail in texts)
                continue
            if covers(run) or check_inside(str(op), value, run):
                return True
            run = texts or frozenset({""})
        return covers(run)

    def check_inside(op: str, value: Any, run: frozenset[str]) -> bool:
        if op in ("MAX_REPEAT", "MIN_REPEAT") and value[0] == 0:
            return False
        # The parser moves what all branches begin with in front of them, so what came before belongs to each.
        children = _children(op, value)
        return bool(children) and all(check(child, run) for child in children)

    return check(tree, frozenset({""}))


def _settled_strings(tree: Tree, follow: frozenset[str]) -> frozenset[str] | None:
    """Return what `_strings` does, with a run of white space as one blank where what stands next says where it ends.

    It does not beside another run, nor before one, as in `(\\s{1,9}){1,30}`.
    """
    texts = _strings(tree, is_view=True)
    goes_on = any(char.isspace() for char in follow)
    if texts is not None and any("  " in text or (goes_on and text.endswith(" ")) for text in texts):
        return _strings(tree)
    return texts


def _strings(tree: Tree, *, caseless: bool = False, is_view: bool = False) -> frozenset[str] | None:
    """Return every text that a tree matches, where they are few; zero-width parts match the empty text.

    Args:
        tree: the parsed expression.
        caseless: whether letter case is ignored.
        is_view: whether the texts are those of a view that shows each run of white space as one blank. There are more
            ways through the original text, so what is asked about work is not asked about views.
    """
    found: frozenset[str] = frozenset({""})
    for op, value in tree:
        texts = _strings_of(str(op), value, caseless=caseless, is_view=is_view)
        if texts is None or len(found) * len(texts) > _STRINGS_LIMIT:
            return None
        found = frozenset(head + tail for head in found for tail in texts)
    return found


def _strings_of(op: str, value: Any, *, caseless: bool, is_view: bool) -> frozenset[str] | None:
    if op == "LITERAL":
        return frozenset({chr(value).lower() if caseless else chr(value)})
    if op == "AT":
        return frozenset({""})
    if op == "IN":
        if str(value[0][0]) == "NEGATE" or any(str(kind) == "CATEGORY" for kind, _ in value):
            return None
        chars = {chr(c) for kind, v in value for c in (range(v[0], v[1] + 1) if str(kind) == "RANGE" else (v,))}
        return frozenset(c.lower() if caseless else c for c in chars) if len(chars) <= _CLASS_LIMIT else None
    if op in ("BRANCH", "SUBPATTERN"):
        parts = [_strings(child, caseless=caseless, is_view=is_view) for child in _children(op, value)]
        known = [part for part in parts if part is not None]
        return frozenset().union(*known) if len(known) == len(parts) else None
    if is_view and op in ("MAX_REPEAT", "MIN_REPEAT") and _is_space(value[2]):
        return frozenset({" "} if value[0] else {"", " "})
    if op in ("MAX_REPEAT", "MIN_REPEAT") and value[1] <= 3:
        body = _strings(list(value[2]), caseless=caseless, is_view=is_view)
        if body is None or sum(len(body) ** n for n in range(value[0], value[1] + 1)) > _STRINGS_LIMIT:
            return None
        return frozenset(text for n in range(value[0], value[1] + 1) for text in _powers(body, n))
    return None


def _is_space(body: Any) -> bool:
    return len(body) == 1 and str(body[0][0]) == "IN" and [str(item[1]) for item in body[0][1]] == ["CATEGORY_SPACE"]


def _powers(body: frozenset[str], count: int) -> frozenset[str]:
    found: frozenset[str] = frozenset({""})
    for _ in range(count):
        found = frozenset(head + tail for head in found for tail in body)
    return found
