"""What a run found, as values: figures with their twins and goals, charts as data, failures. JSON on disk is this."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Literal

import msgspec


class Series(msgspec.Struct, frozen=True):
    """One contender's figure, measured again and again.

    Args:
        name: who was measured.
        values: one for each turn.
    """

    name: str
    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median over the turns."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The least of the turns."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest of the turns."""
        return max(self.values)


class Goal(msgspec.Struct, frozen=True):
    """What issue 6 asks of a figure.

    Args:
        kind: `speed`: at least `bound` times as fast as the twin; `value`: our figure itself; `added`: ours less the twin's.
        bound: the limit; a least one where more is better or for `speed`, else a most.
        twin: which one is compared with; none for `value`.
    """

    kind: Literal["speed", "value", "added"]
    bound: float
    twin: str = ""


class Figure(msgspec.Struct, frozen=True):
    """One question, our answer, and the answers of the no-op and the peers from the same run.

    Args:
        id: names it in comparisons; unique within a report.
        question: what was measured.
        unit: of all values.
        ours: the sidecar.
        twins: no-ops, bare engines and peers.
        more_is_better: rates; else times and sizes.
        goals: what is to be reached.
    """

    id: str
    question: str
    unit: str
    ours: Series
    twins: tuple[Series, ...] = ()
    more_is_better: bool = False
    goals: tuple[Goal, ...] = ()

    def twin(self, name: str) -> Series:
        """Return a twin by name.

        Raises:
            KeyError: it was not measured.
        """
        for twin in self.twins:
            if twin.name == name:
                return twin
        raise KeyError(name)

    def speed(self, twin: Series) -> float:
        """Return how many times as fast (or as small) as a twin we are: 2 is twice as good, 1 the same."""
        return _ratio(self.ours.middle, twin.middle, more_is_better=self.more_is_better)

    def speed_range(self, twin: Series) -> tuple[float, float]:
        """Return the least and the greatest speed of one turn, where both were measured in turns."""
        pairs = zip(self.ours.values, twin.values, strict=False)
        ratios = [_ratio(ours, other, more_is_better=self.more_is_better) for ours, other in pairs]
        return min(ratios), max(ratios)

    def reached(self, goal: Goal) -> tuple[bool, float]:
        """Return whether a goal is reached, and the figure that says so."""
        if goal.kind == "speed":
            value = self.speed(self.twin(goal.twin))
            return value >= goal.bound, value
        if goal.kind == "added":
            value = self.ours.middle - self.twin(goal.twin).middle
            return value <= goal.bound, value
        value = self.ours.middle
        return (value >= goal.bound if self.more_is_better else value <= goal.bound), value


def _ratio(ours: float, other: float, *, more_is_better: bool) -> float:
    over, under = (ours, other) if more_is_better else (other, ours)
    return over / under if under else float("inf")


class Line(msgspec.Struct, frozen=True):
    """One curve of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]


class Chart(msgspec.Struct, frozen=True):
    """A picture as data.

    Args:
        id: its file's name.
        title: what it says.
        x: the horizontal axis, with its unit.
        y: the vertical axis, with its unit.
        lines: the curves.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical one is.
        percentiles: whether x counts percentiles, as 50, 99, 99.9.
    """

    id: str
    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False
    percentiles: bool = False


class Failure(msgspec.Struct, frozen=True):
    """A part that could not be measured, and why."""

    part: str
    error: str


class Report(msgspec.Struct, frozen=True):
    """What one scenario found.

    Args:
        scenario: its name, as on the command line.
        title: for people.
        figures: in the order of measuring.
        charts: pictures as data.
        notes: what a reader must know.
        failures: what could not be measured.
        seconds: how long it took.
    """

    scenario: str
    title: str
    figures: tuple[Figure, ...]
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0


class Run(msgspec.Struct, frozen=True):
    """The reports of one run, and the machine that they were made on."""

    machine: dict[str, str]
    reports: tuple[Report, ...]

    @property
    def complete(self) -> bool:
        """Whether every part was measured."""
        return not any(report.failures for report in self.reports)


def save(run: Run, path: Path) -> None:
    """Write a run as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def load(path: Path) -> Run:
    """Read a run.

    Raises:
        OSError: there is no such file.
        msgspec.ValidationError: it holds something else.
    """
    return msgspec.json.decode(path.read_bytes(), type=Run)
