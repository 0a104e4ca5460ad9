"""What could still become a match: an automaton over the prefixes of every pattern, asked character by character.

A streamed text may be released up to the earliest place from which some pattern could still be completed by what has
not come yet. The patterns' own parse trees give a position automaton; each character steps the few starts that are
alive. Everything that is not read exactly widens: more is held back, never less.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sidecar.core.pattern_steps import ATOMS, Guard, Matches, base, is_run, matcher, split_guards

# The parser has no public name; its tree is what `re` itself compiles.
_parser: Any = importlib.import_module("re._parser")
_constants: Any = importlib.import_module("re._constants")

# Repeats are followed exactly up to this count (gaps between words), and count as endless beyond it.
_EXACT_REPEATS = 128
# Runs of one kind of character, such as words and numbers, are followed exactly up to this count.
_EXACT_RUN = 24
# States and characters that are remembered; texts in many scripts must not fill the memory.
_REMEMBERED = 50_000


class Untranslatable(ValueError):
    """A pattern uses something that is not read here; its user holds back by width instead."""


@lru_cache(maxsize=2048)
def parsed(pattern: str, flags: int = 0) -> Any:
    """Return the parse tree of an expression, which nobody may change: the automatons of three targets share patterns.

    Raises:
        re.error, OverflowError, RecursionError: it cannot be read.
    """
    return _parser.parse(pattern, flags)


class State:
    """A set of places in patterns that one start may have reached."""

    __slots__ = ("accepts", "edges", "steps")

    def __init__(self, edges: tuple[tuple[int, int], ...], *, accepts: bool) -> None:
        # Pairs of (atom, place): with a character that the atom takes, the place is reached.
        self.edges = edges
        # Whether a whole pattern may have matched here.
        self.accepts = accepts
        self.steps: dict[int | str, State] = {}


# From here no character leads on; in the second, a pattern has just been completed.
DEAD = State((), accepts=False)
DONE = State((), accepts=True)


class PrefixAutomaton:
    """Tells from where on a text could still grow into a match of one of many patterns.

    Args:
        patterns: expressions as `re` reads them; case never counts here.
        literals: texts that are patterns of their own.
        width: code points of the longest match; a start further back is out of the question.

    Raises:
        Untranslatable: a pattern that `re` cannot read.
    """

    def __init__(self, patterns: Sequence[tuple[str, int]], literals: Sequence[str] = (), *, width: int) -> None:
        self.width = width
        self._atoms: list[Matches] = []
        self._atom_of: dict[Any, int] = {}
        # For each place: atoms with the places they lead to, and places that are reached without a character.
        # Tuples, since most of a hundred thousand places have one edge and no jump, and lists of them take three times as much.
        self._edges: list[tuple[tuple[int, int], ...]] = []
        self._jumps: list[tuple[int, ...]] = []
        self._closures: dict[int, tuple[tuple[int, int], ...]] = {}
        # Where patterns are complete, and from which places that is reached without a character.
        self._finals: set[int] = set()
        self._accepting: dict[int, bool] = {}
        self._starts: list[tuple[int, tuple[Guard, ...]]] = []
        self._known: dict[frozenset[int], State] = {}
        self._opened: dict[tuple[str, str], State] = {}
        self._forms: dict[str, str | tuple[str, ...]] = {}
        # The groups of the pattern that is being read, by number.
        self._groups: dict[int | None, list[Any]] = {}
        self._sink = self._place()
        self._any = self._atom("any", lambda _: True)
        for pattern, flags in patterns:
            self._add(pattern, flags)
        for literal in literals:
            self._add(re.escape(literal), 0)

    # Asking

    def advance(self, live: Live, text: str, begin: int) -> None:
        """Step over the next characters of a text.

        Args:
            live: the starts that are alive; changed in place.
            text: what came.
            begin: the offset of its first character in the whole text.
        """
        starts, before, matched = live.starts, live.before, live.matched
        forms, opened = self._forms, self._opened
        for offset, character in enumerate(text, begin):
            seen = forms.get(character)
            if seen is None:
                seen = self._read(character)
            if character == " " and before != " ":
                seen = " "
            if isinstance(seen, tuple):
                starts, before, accepted = self._branch(starts, before, seen, offset)
                matched = offset + 1 if accepted else matched
                continue
            after: dict[State, int] = {}
            # Older starts come first, and stay first: of two in the same state, the older one is kept.
            for state, start in starts.items():
                stepped = state.steps.get(seen)
                if stepped is None:
                    stepped = self._step(state, seen)
                if stepped.accepts:
                    matched = offset + 1
                if stepped not in after:
                    after[stepped] = start
            fresh = opened.get((before, seen))
            if fresh is None:
                fresh = self._open(before, seen)
            if fresh.accepts:
                matched = offset + 1
            if fresh not in after:
                after[fresh] = offset
            after.pop(DEAD, None)
            after.pop(DONE, None)
            starts, before = after, seen
        limit = begin + len(text) - self.width
        live.before, live.matched = before, matched
        live.starts = {state: start for state, start in starts.items() if start >= limit}

    def _branch(
        self, starts: dict[State, int], before: str, forms: tuple[str, ...], offset: int
    ) -> tuple[dict[State, int], str, bool]:
        """Step over a character that transforms may show in several forms, or not at all."""
        blank = forms[0].isspace()
        if blank and before != " ":  # of several blanks, transforms may keep one
            forms = forms[:-1]
        after: dict[State, int] = {}
        for state, start in starts.items():
            for form in forms:
                after.setdefault(self._steps(state, form), start)
        for form in filter(None, forms):
            fresh = self._opened.get((before, form[0])) or self._open(before, form[0])
            after.setdefault(self._steps(fresh, form[1:]), offset)
        accepted = any(state.accepts for state in after)
        after.pop(DEAD, None)
        after.pop(DONE, None)
        return after, " " if blank else forms[0][-1:], accepted

    def _steps(self, state: State, units: str) -> State:
        for unit in units:
            state = state.steps.get(unit) or self._step(state, unit)
        return state

    def _read(self, character: str) -> str | tuple[str, ...]:
        """Return what a character is stepped as: one unit, or every form in which a transform may show it."""
        if len(self._forms) >= _REMEMBERED:
            self._forms.clear()
        forms: list[str] = [character.lower() if character.isascii() else character]
        if character.isspace():
            return self._forms.setdefault(character, (character, "") if character == " " else (character, " ", ""))
        if not character.isprintable() or unicodedata.combining(character):
            forms.append("")
        if not character.isascii():
            forms.append(unicodedata.normalize("NFKC", character).casefold())
            forms.append(base(character))
        distinct = tuple(dict.fromkeys(forms))
        seen = distinct[0] if len(distinct) == 1 and len(distinct[0]) == 1 else distinct
        self._forms[character] = seen
        return seen

    def _step(self, state: State, unit: str) -> State:
        reached = frozenset(place for atom, place in state.edges if self._atoms[atom](unit))
        stepped = state.steps[unit] = self._state(reached)
        return stepped

    def _open(self, before: str, unit: str) -> State:
        """Return the state of a match that begins with a character behind another one."""
        if len(self._opened) >= _REMEMBERED or len(self._known) >= _REMEMBERED:
            self._opened.clear()
            self._known.clear()
        reached = frozenset(
            place
            for first, guards in self._starts
            for atom, place in self._closure(first)
            if self._atoms[atom](unit) and all(guard(before, unit) for guard in guards)
        )
        opened = self._opened[before, unit] = self._state(reached)
        return opened

    def _state(self, places: frozenset[int]) -> State:
        """Return the state of a set of places; a state from which no character leads on is dead."""
        known = self._known.get(places)
        if known is None:
            edges = tuple(dict.fromkeys(edge for place in sorted(places) for edge in self._closure(place)))
            accepts = any(self._accepting[place] for place in places)
            known = State(edges, accepts=accepts) if edges else (DONE if accepts else DEAD)
            self._known[places] = known
        return known

    def _closure(self, place: int) -> tuple[tuple[int, int], ...]:
        """Return the edges that leave a place, jumps followed."""
        known = self._closures.get(place)
        if known is None:
            reached, stack = {place}, [place]
            while stack:
                for target in self._jumps[stack.pop()]:
                    if target not in reached:
                        reached.add(target)
                        stack.append(target)
            known = self._closures[place] = tuple(edge for item in sorted(reached) for edge in self._edges[item])
            self._accepting[place] = not self._finals.isdisjoint(reached)
        return known

    # Building

    def _place(self) -> int:
        self._edges.append(())
        self._jumps.append(())
        return len(self._edges) - 1

    def _atom(self, key: Any, matches: Matches) -> int:
        index = self._atom_of.get(key)
        if index is None:
            index = self._atom_of[key] = len(self._atoms)
            self._atoms.append(matches)
        return index

    def _add(self, pattern: str, flags: int) -> None:
        try:
            tree = parsed(pattern, flags & (re.VERBOSE | re.MULTILINE | re.DOTALL))
        except (re.error, OverflowError, RecursionError) as error:
            raise Untranslatable(f"a pattern cannot be read: {type(error).__name__}") from None
        self._groups = {}
        first = self._place()
        items, guards = split_guards(list(tree))
        self._starts.append((first, guards))
        self._finals.add(self._sequence(items, first, at_start=True))

    def _sequence(self, items: Sequence[Any], place: int, *, at_start: bool = False) -> int:
        for operation, argument in items:
            place = self._item(str(operation), argument, place, at_start=at_start)
            at_start = False
        return place

    def _item(self, operation: str, argument: Any, place: int, *, at_start: bool) -> int:
        if operation in ATOMS:
            return self._character(operation, argument, place)
        if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            return self._repeat(argument, place, at_start=at_start)
        if operation == "BRANCH":
            return self._either([list(branch) for branch in argument[1]], place, at_start=at_start)
        if operation == "SUBPATTERN":
            self._groups[argument[0]] = list(argument[3])
            return self._sequence(list(argument[3]), place, at_start=at_start)
        if operation == "ATOMIC_GROUP":
            return self._sequence(list(argument), place, at_start=at_start)
        if operation == "AT":
            # Whether it holds may depend on the next character, so one more is waited for; behind `$`, which also
            # stands before a last line end, two.
            waiting = self._place() if "END" in str(argument) else self._sink
            self._edges[place] += ((self._any, waiting),)
            if waiting != self._sink:
                self._edges[waiting] += ((self._any, self._sink),)
            return place
        if operation in ("ASSERT", "ASSERT_NOT"):
            return self._look(argument, place)
        if operation == "GROUPREF":
            # What the group matched is one of the texts that it may match.
            return self._sequence(self._groups.get(argument, []), place)
        if operation == "GROUPREF_EXISTS":
            return self._either([list(argument[1]), list(argument[2] or ())], place, at_start=at_start)
        raise Untranslatable(f"a pattern uses {operation}, which is not read here")

    def _character(self, operation: str, argument: Any, place: int) -> int:
        after = self._place()
        key = (operation, str(argument))
        index = self._atom_of.get(key)
        if index is None:
            index = self._atom(key, matcher(operation, argument))
        self._edges[place] += ((index, after),)
        return after

    def _either(self, branches: Sequence[list[Any]], place: int, *, at_start: bool) -> int:
        after = self._place()
        for branch in branches:
            begin = self._place()
            self._jumps[place] += (begin,)
            self._jumps[self._sequence(branch, begin, at_start=at_start)] += (after,)
        return after

    def _look(self, argument: tuple[int, Any], place: int) -> int:
        """Follow what a look-ahead reads, beside what follows it; a look-behind has been read already."""
        direction, inner = argument
        if direction > 0:
            begin = self._place()
            self._jumps[place] += (begin,)
            end = self._sequence(list(inner), begin)
            self._edges[end] += ((self._any, self._sink),)
        return place

    def _repeat(self, argument: tuple[int, Any, Any], place: int, *, at_start: bool) -> int:
        low, high, inner = int(argument[0]), argument[1], list(argument[2])
        endless = high is _constants.MAXREPEAT or int(high) > _EXACT_REPEATS
        if at_start or is_run(inner):
            # Starts that differ only in how much of a run they have seen are soon one start: the first one.
            low = min(low, _EXACT_RUN)
            endless = endless or int(high) > low
        else:
            low = min(low, _EXACT_REPEATS)
        for _ in range(low):
            place = self._sequence(inner, place, at_start=at_start)
        if endless:
            loop = self._place()
            self._jumps[place] += (loop,)
            self._jumps[self._sequence(inner, loop)] += (loop,)
            return loop
        after = self._place()
        self._jumps[place] += (after,)
        for _ in range(int(high) - low):
            place = self._sequence(inner, place)
            self._jumps[place] += (after,)
        return after


class Live:
    """Where one text stands: the starts that could still become a match.

    Args:
        before: the character before the text; empty at its start.
    """

    __slots__ = ("before", "matched", "starts")

    def __init__(self, before: str = "") -> None:
        self.before = before
        # One past the last character with which a pattern may have been completed.
        self.matched = 0
        self.starts: dict[State, int] = {}

    def earliest(self, default: int) -> int:
        """Return the offset of the first start that is alive."""
        return next(iter(self.starts.values()), default)
