"""What all benchmark commands share: effort, progress, JSON and pictures on disk, tables, and an honest exit status."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from benchmarks.book import Book, Effort, make_progress
from benchmarks.machine import describe_machine
from benchmarks.report import Report, Run, save
from benchmarks.show import show

_TURNS = 5
_QUICK_TURNS = 2
_PAPER = 150


class Scenario(msgspec.Struct, frozen=True):
    """A question that a run answers.

    Args:
        name: on the command line.
        title: of its tables.
        measure: writes what it finds into the book; takes the scenario's own options by keyword.
    """

    name: str
    title: str
    measure: Callable[..., None]

    def run(self, effort: Effort, console: Console, **given: Any) -> Report:
        """Measure; what fails is in the report, not raised."""
        with make_progress(console) as progress:
            book = Book(self.name, self.title, progress)
            try:
                self.measure(book, effort, **given)
            except click.ClickException:
                raise  # wrong usage is the user's to mend
            except Exception as error:  # noqa: BLE001 - shown in the report, and in the exit status
                book.fail(self.name, error)
            return book.close()

    def command(self, *options: click.Option) -> click.Command:
        """Return the scenario as a command, its help from the docstring of `measure`."""

        def callback(quick: bool, turns: int | None, json: Path, plots: Path | None, **given: Any) -> None:
            effort = Effort(quick=quick, turns=turns or (_QUICK_TURNS if quick else _TURNS))
            report = self.run(effort, Console(stderr=True), **given)
            finish(Run(describe_machine(), (report,)), json, plots)

        shared = common_options(Path(f"out/{self.name}.json"))
        return click.Command(
            self.name, callback=callback, params=[*shared, *options], help=inspect.getdoc(self.measure)
        )


def common_options(path: Path) -> list[click.Option]:
    """Return the options of every benchmark."""
    return [
        click.Option(["--quick"], is_flag=True, help="A look that takes seconds; its figures are rough."),
        click.Option(["--turns"], type=click.IntRange(1, 100), help=f"Repetitions; contenders alternate.  [{_TURNS}]"),
        click.Option(
            ["--json"], type=click.Path(path_type=Path), default=path, show_default=True, help="Where to save."
        ),
        click.Option(
            ["--plots"], type=click.Path(path_type=Path), help="Folder for pictures (PNG)  [beside the JSON file]"
        ),
    ]


def finish(run: Run, path: Path, plots: Path | None) -> None:
    """Save, draw and print a run; exit with 1 where a part of it could not be measured."""
    save(run, path)
    console = screen()
    for report in run.reports:
        show(report, console)
    pictures = draw_all(run.reports, plots or path.with_suffix(""), "png")
    console.print("[dim]" + " · ".join(f"{key} {value}" for key, value in run.machine.items()) + "[/dim]")
    console.print(f"saved {path}" + (f" and {len(pictures)} pictures in {pictures[0].parent}" if pictures else ""))
    if not run.complete:
        sys.exit(1)


def screen() -> Console:
    """Return the terminal; where there is none, lines are as long as the tables need."""
    console = Console()
    return console if console.is_terminal else Console(width=_PAPER)


def draw_all(reports: Sequence[Report], folder: Path, suffix: str) -> list[Path]:
    """Draw the charts of reports into a folder; return the files."""
    if not any(report.charts for report in reports):
        return []
    from benchmarks.plots import draw  # noqa: PLC0415 - matplotlib takes a second to import

    return [
        draw(chart, folder / f"{report.scenario}-{chart.id}.{suffix}") for report in reports for chart in report.charts
    ]
