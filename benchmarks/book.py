"""What a scenario writes into while it measures: figures, charts, notes, and the parts that failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.report import Chart, Failure, Figure, Report

T = TypeVar("T")


class Effort(msgspec.Struct, frozen=True):
    """How much a run may cost.

    Args:
        quick: a look that takes seconds, for smoke tests and first impressions.
        turns: how often everything is measured; contenders alternate.
    """

    quick: bool = False
    turns: int = 5

    def pick(self, full: T, quick: T) -> T:
        """Return the first for a full run, the second for a quick one."""
        return quick if self.quick else full


class Book:
    """Collects what one scenario finds.

    Args:
        scenario: its name.
        title: for people.
        progress: shows what is measured now; None shows nothing.
    """

    def __init__(self, scenario: str, title: str, progress: Progress | None = None) -> None:
        self._scenario = scenario
        self._title = title
        self._figures: list[Figure] = []
        self._charts: list[Chart] = []
        self._notes: list[str] = []
        self._failures: list[Failure] = []
        self._begin = time.monotonic()
        self._progress = progress
        self._task: TaskID | None = progress.add_task(scenario, total=None) if progress else None

    def add(self, *figures: Figure) -> None:
        """Take figures."""
        self._figures.extend(figures)

    def draw(self, *charts: Chart) -> None:
        """Take charts."""
        self._charts.extend(charts)

    def note(self, sentence: str) -> None:
        """Take what a reader must know."""
        self._notes.append(sentence)

    def fail(self, part: str, error: BaseException) -> None:
        """Take a failure."""
        self._failures.append(Failure(part, f"{type(error).__name__}: {error}"))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Run one part of a scenario: where it fails, that is written down and the rest goes on."""
        self.say(name)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - shown in the report, and in the exit status
            self.fail(name, error)

    def say(self, what: str) -> None:
        """Show what is measured now."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=f"{self._scenario}: {what}")

    def close(self) -> Report:
        """Return what was found."""
        if self._progress and self._task is not None:
            self._progress.remove_task(self._task)
        return Report(
            self._scenario,
            self._title,
            tuple(self._figures),
            tuple(self._charts),
            tuple(self._notes),
            tuple(self._failures),
            round(time.monotonic() - self._begin, 1),
        )


def make_progress(console: object) -> Progress:
    """Return a progress display on a console; it vanishes at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)  # type: ignore[arg-type]
