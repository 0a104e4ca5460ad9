"""What people see on the terminal: decisions in colour, progress on long input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from sidecar.core.filter import Answer
from sidecar.model import Finding, Verdict

COLOURS = {Verdict.ALLOW: "green", Verdict.FLAG: "yellow", Verdict.MASK: "cyan", Verdict.BLOCK: "red"}
# Context shown beside a finding, in code points.
_CONTEXT = 24


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def console(*, stderr: bool = False) -> Console:
    """Return the console; colours only where a person looks."""
    return Console(stderr=stderr, highlight=False)


def show_decision(answer: Answer) -> None:
    """Print a decision for a person."""
    decision = answer.decision
    out = console()
    verdict = Text(f" {decision.verdict.name} ", style=f"bold reverse {COLOURS[decision.verdict]}")
    out.print(Text.assemble(verdict, f"  score {decision.score:.2f}  rules {decision.revision[:12]}"))
    if decision.reason:
        out.print(Text(f"{decision.reason}: {decision.detail}"))
    if decision.findings:
        out.print(_findings_table(decision.findings))
    if decision.verdict is Verdict.MASK:
        out.print(Text.assemble(("may go on as: ", "bold"), answer.text))


def _findings_table(findings: tuple[Finding, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        colour = COLOURS[finding.verdict]
        named = Text.assemble(
            (finding.rule, "bold"),
            f"  {finding.entity}" if finding.entity else "",
            (f"  confidence {finding.confidence:.2f}  at {finding.start}:{finding.end}", "dim"),
        )
        table.add_row(Text(finding.verdict.label, style=colour), Group(named, _in_context(finding, colour)))
    return table


def _in_context(finding: Finding, colour: str) -> Text:
    text, start, end = finding.segment.text, finding.start, finding.end
    before, shown, after = text[max(0, start - _CONTEXT) : start], text[start:end], text[end : end + _CONTEXT]
    parts = ((before, "dim"), (shown, f"{colour} underline"), (after, "dim"))
    return Text.assemble(*((part.replace("\n", "⏎"), style) for part, style in parts))


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error where a person looks; yields the function that moves it on."""
    out = console(stderr=True)
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(name, total=total)
        yield lambda: bar.advance(task)


def track(lines: Iterator[bytes], source: BinaryIO) -> Iterator[bytes]:
    """Pass lines on, with a progress bar on standard error where a person looks and the input is a file."""
    size = _size(source)
    if not sys.stderr.isatty() or not size:
        yield from lines
        return
    columns = (TextColumn("inspecting"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("inspect", total=size)
        for line in lines:
            yield line
            progress.advance(task, len(line))


def _size(source: BinaryIO) -> int | None:
    try:
        status = os.fstat(source.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
