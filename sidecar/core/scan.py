"""Step 3, scan: which gates fire in a view; every rule, recognizer and feature is asked for in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.core.normalise import Bounds, bounds_of, reveal
from sidecar.model import View


class Gate(msgspec.Struct, frozen=True, gc=False):
    r"""An expression that must be present for its users to have anything to find.

    Args:
        expression: a literal, or a regular expression in the common subset of Hyperscan and Python.
        literal: whether `expression` is taken literally.
        caseless: ASCII letters match in either case.
        prefilter: the scanner may over-approximate the expression (look-around, back-references).
        dotall: `.` matches line ends, too.
        multiline: `^` and `$` match at line ends, too.
        unicode: `\\w`, `\\d`, `\\s`, `\\b` and letter case follow Unicode.
        bytewise: the expression is about the UTF-8 bytes of the text, not about its characters.
    """

    expression: str
    literal: bool = True
    caseless: bool = True
    prefilter: bool = False
    dotall: bool = False
    multiline: bool = False
    unicode: bool = False
    bytewise: bool = False


class Scanner(Protocol):
    """Runs all gates over a text at once.

    The answer is a superset of the gates that match, each index once, in any order; missing one is a defect.
    """

    def scan(self, text: str) -> Sequence[int]:
        """Return the indexes of the gates that fire in `text`.

        Raises:
            ScannerError: the scan could not be carried out; never an empty answer instead.
        """
        ...


class Found(msgspec.Struct, frozen=True, gc=False):
    """An entity that a recognizer found, in code points of the text it was given."""

    entity: str
    start: int
    end: int
    confidence: float


class Recognizer(Protocol):
    """Finds entities; asked only when one of its gates fired."""

    gates: Sequence[Gate]

    def find(self, text: str, fired: Sequence[int]) -> Sequence[Found]:
        """Find the entities of a text.

        Args:
            text: the segment's own text.
            fired: indexes into `gates` of those that fired.

        Raises:
            RecognizerError: the text could not be inspected in full.
        """
        ...


class Hits(msgspec.Struct, frozen=True, gc=False):
    """A view and the gates that fired in it.

    Args:
        view: what was scanned.
        gates: indexes of the gates.
        exceeded: whether disguises that showed in it stayed undone, since a bound was passed.
    """

    view: View
    gates: Sequence[int]
    exceeded: bool = False


# Gate index to the transforms that it is a sign of.
Signs = Mapping[int, tuple[str, ...]]


def scan(views: Sequence[View], scanner: Scanner, signs: Signs) -> list[Hits]:
    """Scan every view, undo the disguises that show in it, and scan what comes out.

    Args:
        views: the first views of all segments.
        scanner: runs all gates.
        signs: the gates that tell of disguises.

    Returns:
        Views in which gates fired, in the order in which they came up.
    """
    hits: list[Hits] = []
    bounds: dict[int, Bounds] = {}
    waiting = list(views)
    for view in waiting:  # what comes out is waiting, too, and is met at the end
        gates = scanner.scan(view.text)
        if not gates:
            continue
        exceeded = False
        if not signs.keys().isdisjoint(gates):
            left = bounds.setdefault(id(view.segment), bounds_of(view.segment))
            fired = frozenset(name for gate in gates for name in signs.get(gate, ()))
            revealed, exceeded = reveal(view, fired, left)
            waiting.extend(revealed)
        hits.append(Hits(view, gates, exceeded))
    return hits
