"""`scan`: the time of the whole data path in this process, by kind and length of text, beside the bare engine and its peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import click

from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.peers.environment import time_llm_guard
from benchmarks.peers.patterns import expressions, re2_set, re_loop
from benchmarks.peers.presidio import gated, recognizers
from benchmarks.report import Chart, Figure, Goal, Line, Series
from benchmarks.texts import KINDS, text_of
from benchmarks.timing import in_turns
from sidecar.app import Snapshot, load_snapshot
from sidecar.model import Segment

OURS = "sidecar"
BARE = "bare Hyperscan, same databases"
PRESIDIO = "Presidio's recognizers"
TOGETHER = "LLM Guard, all three"
_KILOBYTE = 1024
_LENGTHS = (100, _KILOBYTE, 10 * _KILOBYTE, 100 * _KILOBYTE, _KILOBYTE**2)
_PEER_LENGTHS = _LENGTHS[:3]

Contenders = Mapping[str, Callable[[str], object]]


def measure(book: Book, effort: Effort, *, llm_guard: bool = True) -> None:
    """Time for a text of 100 B to 1 MB, clean and not, beside bare Hyperscan, Presidio, LLM Guard, re and google-re2.

    \b
    Examples:
      sidecar bench scan
      sidecar bench scan --quick --no-llm-guard
      sidecar bench scan --turns 10 --json out/scan.json

    LLM Guard is installed into an environment of its own on first use (416 MB, no models).
    """
    snapshot = load_snapshot()
    snapshot.warm()
    snapshot.warm_recognizers()
    lane = snapshot.filter().lane
    contenders: Contenders = {
        OURS: lambda text: snapshot.engine.judge((Segment(text, "request.user"),), lane),
        BARE: snapshot.scanner.scan,
    }
    _by_length(book, effort, contenders)
    with book.part("Presidio behind gates"):
        book.add(_like_for_like(effort))
    guarded = {}
    if llm_guard:
        with book.part("LLM Guard"):
            guarded = _llm_guard(snapshot, effort)
    with book.part("peers"):
        _peers(book, effort, contenders, snapshot, guarded)


SCENARIO = Scenario("scan", "Time to inspect one text, in this process", measure)
scan = SCENARIO.command(
    click.Option(["--llm-guard/--no-llm-guard"], default=True, show_default=True, help="Measure LLM Guard, too.")
)


def _timed(contenders: Contenders, text: str, effort: Effort) -> dict[str, Series]:
    calls = {name: partial(call, text) for name, call in contenders.items()}
    return in_turns(calls, effort.turns, seconds=effort.pick(0.02, 0.002))


def _by_length(book: Book, effort: Effort, contenders: Contenders) -> None:
    """Measure every kind at every length."""
    lengths = effort.pick(_LENGTHS, _LENGTHS[:2])
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in (*(f"{OURS}, {kind}" for kind in KINDS), BARE)}
    for kind in KINDS:
        with book.part(kind):
            for length in lengths:
                found = _timed(contenders, text_of(kind, length), effort)
                kilobytes = length / _KILOBYTE
                each = found[OURS].middle / kilobytes
                question = f"{kind}, {size(length)}: {each:.1f} µs/KB"
                book.add(Figure(f"{kind}-{length}", question, "µs", found[OURS], (found[BARE],)))
                curves[f"{OURS}, {kind}"].append((length, each))
                if kind == "clean":
                    curves[BARE].append((length, found[BARE].middle / kilobytes))
    lines = tuple(Line(name, tuple(points)) for name, points in curves.items())
    book.draw(Chart("length", "Time for each KB", "length of the text, bytes", "µs per KB", lines, True, True))


def _like_for_like(effort: Effort) -> Figure:
    text = text_of("clean", _KILOBYTE)
    found = _timed({"sidecar, PII alone": gated(), PRESIDIO: recognizers()}, text, effort)
    question = "PII alone, clean, 1 KB: the same recognizers behind gates"
    goals = (Goal("speed", 100, PRESIDIO),)
    return Figure("presidio", question, "µs", found["sidecar, PII alone"], (found[PRESIDIO],), goals=goals)


def _llm_guard(snapshot: Snapshot, effort: Effort) -> dict[int, list[Series]]:
    """Return LLM Guard's scanners by length of the text: its Regex is given our rules."""
    patterns = [_inlined(pattern.pattern, pattern.flags) for pattern in expressions(snapshot.bundle.rule_set.rules)]
    texts = {str(length): text_of("clean", length) for length in effort.pick(_PEER_LENGTHS, _LENGTHS[1:2])}
    times = time_llm_guard(patterns, texts, effort.turns)
    found = {}
    for key in texts:
        each = [Series(f"LLM Guard {name}", tuple(by_text[key])) for name, by_text in times.items()]
        together = tuple(sum(turn) for turn in zip(*(series.values for series in each), strict=True))
        found[int(key)] = [*each, Series(TOGETHER, together)]
    return found


def _inlined(pattern: str, flags: int) -> str:
    """Return an expression with its flags inside, as it leaves the process as text."""
    letters = "".join(letter for letter, flag in (("i", 2), ("s", 16)) if flags & flag)
    return f"(?{letters}){pattern}" if letters else pattern


def _peers(
    book: Book, effort: Effort, contenders: Contenders, snapshot: Snapshot, guarded: Mapping[int, list[Series]]
) -> None:
    """Measure what else looks for patterns, on clean text."""
    patterns = expressions(snapshot.bundle.rule_set.rules)
    re2, refused = re2_set(patterns)
    taken = len(patterns) - refused
    names = {
        PRESIDIO: recognizers(),
        f"re, a loop over {len(patterns)} patterns": re_loop(patterns),
        f"google-re2, a set of {taken} patterns": re2,
    }
    curves: dict[str, list[tuple[float, float]]] = {}
    for length in effort.pick(_PEER_LENGTHS, _LENGTHS[1:2]):
        found = _timed({**contenders, **names}, text_of("clean", length), effort)
        twins = (*(found[name] for name in (BARE, *names)), *guarded.get(length, ()))
        goals = (Goal("speed", 100, TOGETHER),) if length == _KILOBYTE and guarded.get(length) else ()
        question = f"clean, {size(length)}, the whole filter beside its peers"
        book.add(Figure(f"peers-{length}", question, "µs", found[OURS], twins, goals=goals))
        for series in (found[OURS], *twins):
            curves.setdefault(series.name, []).append((length, series.middle))
    lines = tuple(Line(name, tuple(points)) for name, points in curves.items())
    book.draw(Chart("peers", "Clean text, beside peers", "length of the text, bytes", "µs per text", lines, True, True))
    book.note(
        f"The sidecar looks for {len(snapshot.table.gates):,} gates in one pass: rules, Presidio's recognizers, concepts of the score. "
        f"re and google-re2 look for the regexes of the rules alone; RE2 refuses {refused} of {len(patterns)}. "
        "LLM Guard runs without its models: its Regex with our rules, its Secrets, its Anonymize with patterns only."
    )


def size(length: int) -> str:
    """Write a length in bytes as people do."""
    if length >= _KILOBYTE**2:
        return f"{length // _KILOBYTE**2} MB"
    return f"{length // _KILOBYTE} KB" if length >= _KILOBYTE else f"{length} B"
