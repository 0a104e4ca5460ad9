"""`compare`: two saved runs figure by figure; what changed by more than the turns of a run differ among themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click
import msgspec
from rich.table import Table

from benchmarks.command import screen
from benchmarks.report import Figure, Run, load
from benchmarks.show import number, times

# Less than this is never called a change: clocks, page faults, the weather.
_LEAST_CHANGE = 0.03

Mark = Literal["better", "worse", ""]


class Difference(msgspec.Struct, frozen=True):
    """One figure in two runs.

    Args:
        name: scenario and figure.
        before: in the first run.
        after: in the second.
    """

    name: str
    before: Figure
    after: Figure

    @property
    def change(self) -> float:
        """How many times as good the second run's own figure is."""
        other = msgspec.structs.replace(self.before.ours, name="before")
        return self.after.speed(other)

    @property
    def against_twin(self) -> tuple[float, float] | None:
        """Our speed against the first twin in both runs; None where there is none in both."""
        if not self.before.twins or not self.after.twins or self.before.twins[0].name != self.after.twins[0].name:
            return None
        return self.before.speed(self.before.twins[0]), self.after.speed(self.after.twins[0])

    @property
    def mark(self) -> Mark:
        """Judge by the ratio to the twin where there is one, as that is made within one run; else by the figure itself."""
        if self.against_twin is None:
            before, after = (self.before.ours.low, self.before.ours.high), (self.after.ours.low, self.after.ours.high)
            up = self.after.more_is_better
        else:
            before = self.before.speed_range(self.before.twins[0])
            after = self.after.speed_range(self.after.twins[0])
            up = True
        if after[0] > before[1] * (1 + _LEAST_CHANGE):
            return "better" if up else "worse"
        if after[1] < before[0] * (1 - _LEAST_CHANGE):
            return "worse" if up else "better"
        return ""


@click.command()
@click.argument("first", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("second", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--changed", is_flag=True, help="Show only what changed.")
def compare(first: Path, second: Path, *, changed: bool) -> None:
    """Compare two saved runs, and mark what changed beyond the spread of their turns.

    A figure with a twin is judged by its ratio to the twin, which is made within one run; else by itself.

    \b
    Examples:
      sidecar bench check --json out/a.json      before a change
      sidecar bench check --json out/b.json      after it
      sidecar bench compare out/a.json out/b.json

    \b
    Exit codes: 0 nothing got worse; 1 something did, or is missing in the second run; 2 the files cannot be compared.
    """
    before, after = _read(first), _read(second)
    differences = list(differences_of(before, after))
    if not differences:
        raise click.UsageError("the runs have no figure in common")
    missing = sorted(set(_figures(before)) - set(_figures(after)))
    console = screen()
    for key in ("revision", "cpu", "load"):
        console.print(f"[dim]{key}: {before.machine.get(key)} → {after.machine.get(key)}[/dim]")
    shown = [item for item in differences if item.mark or not changed]
    console.print(_table(shown) if shown else "nothing changed beyond the spread")
    for name in missing:
        console.print(f"missing in {second}: {name}", style="red")
    worse = sum(item.mark == "worse" for item in differences)
    better = sum(item.mark == "better" for item in differences)
    console.print(f"{len(differences)} figures: {better} better, {worse} worse, {len(missing)} missing")
    if worse or missing:
        sys.exit(1)


def _read(path: Path) -> Run:
    try:
        return load(path)
    except (msgspec.DecodeError, OSError) as error:
        raise click.UsageError(f"{path} holds no run: {error}") from None


def _figures(run: Run) -> dict[str, Figure]:
    return {f"{report.scenario} {figure.id}": figure for report in run.reports for figure in report.figures}


def differences_of(before: Run, after: Run) -> Iterator[Difference]:
    """Yield the figures that both runs have."""
    others = _figures(after)
    for name, figure in _figures(before).items():
        if name in others:
            yield Difference(name, figure, others[name])


def _table(differences: list[Difference]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    table.add_column("figure")
    for heading in ("first", "second", "unit", "second is", "against twin", "then"):
        table.add_column(heading, justify="left" if heading == "unit" else "right", no_wrap=True)
    table.add_column("twin", style="dim")
    table.add_column("")
    for item in differences:
        against = item.against_twin
        twins = (times(against[0]), times(against[1]), item.after.twins[0].name) if against else ("", "", "")
        mark = item.mark
        colour = {"better": "[green]better[/green]", "worse": "[red]worse[/red]"}.get(mark, "")
        figures = number(item.before.ours.middle), number(item.after.ours.middle), item.after.unit, times(item.change)
        table.add_row(item.name, *figures, *twins, colour)
    return table
