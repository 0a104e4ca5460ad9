"""Reports as tables on the terminal, and the words that tables and Markdown share."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.report import Figure, Goal, Report, Series


def show(report: Report, console: Console) -> None:
    """Print a report."""
    table = Table(title=report.title, title_justify="left", box=None, pad_edge=False, header_style="bold dim")
    table.add_column("question", max_width=60)
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("spread", justify="right", style="dim", no_wrap=True)
    table.add_column("sidecar is", justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for figure in report.figures:
        for heading, row in rows(figure):
            goal = row[-1]
            colour = "green" if goal.startswith("reached") else "red" if goal.startswith("missed") else ""
            marked = f"[{colour}]{goal}[/{colour}]" if colour else goal
            table.add_row(f"[bold]{row[0]}[/bold]" if heading else f"  {row[0]}", *row[1:-1], marked)
    console.print(table)
    for sentence in report.notes:
        console.print(f"[dim]{sentence}[/dim]", markup=True)
    for failure in report.failures:
        console.print(f"failed: {failure.part}: {failure.error}", style="bold red", markup=False)
    console.print()


def rows(figure: Figure) -> list[tuple[bool, list[str]]]:
    """Return a figure as rows: ours, then one for each twin.

    Each row is question or twin, median, unit, spread, speed, goal; the flag tells ours.
    """
    ours = [figure.question, number(figure.ours.middle), figure.unit, spread(figure.ours), ""]
    lines = [(True, [*ours, _goals(figure, "")])]
    for twin in figure.twins:
        line = [twin.name, number(twin.middle), figure.unit, spread(twin), ratio(figure, twin)]
        lines.append((False, [*line, _goals(figure, twin.name)]))
    return lines


def ratio(figure: Figure, twin: Series) -> str:
    """Write how many times as good as a twin we are; nothing where that has no meaning."""
    return "" if figure.unit == "%" else times(figure.speed(twin))


def _goals(figure: Figure, twin: str) -> str:
    return "; ".join(verdict(figure, goal) for goal in figure.goals if goal.twin == twin)


def verdict(figure: Figure, goal: Goal) -> str:
    """Say whether a goal is reached, by what."""
    good, value = figure.reached(goal)
    word = "reached" if good else "missed"
    if goal.kind == "speed":
        return f"{word}: {times(value)} of ≥ {times(goal.bound)}"
    sign = "≥" if figure.more_is_better and goal.kind == "value" else "≤"
    added = "added " if goal.kind == "added" else ""
    return f"{word}: {added}{number(value)} of {sign} {number(goal.bound)} {figure.unit}"


def times(value: float) -> str:
    """Write a ratio: 2.5x, 140x."""
    return f"{value:,.0f}x" if value >= 100 else f"{value:.1f}x" if value >= 10 else f"{value:.2f}x"


def number(value: float) -> str:
    """Write a figure with three digits that mean something."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def spread(series: Series) -> str:
    """Write the range over the turns."""
    return f"{number(series.low)} … {number(series.high)}" if len(series.values) > 1 else ""
