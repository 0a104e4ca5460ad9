"""What people see on the terminal: decisions in colour, progress on long input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from sidecar.core.filter import Answer
from sidecar.model import Finding, Verdict

COLOURS = {Verdict.ALLOW: "green", Verdict.FLAG: "yellow", Verdict.MASK: "cyan", Verdict.BLOCK: "red"}
# Context shown beside a finding, in code points.
_CONTEXT = 24


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
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for heading in ("verdict", "rule", "entity", "confidence", "span"):
        table.add_column(heading, no_wrap=True)
    table.add_column("text", overflow="fold")
    for finding in findings:
        text = finding.segment.text
        before = text[max(0, finding.start - _CONTEXT) : finding.start].replace("\n", "⏎")
        after = text[finding.end : finding.end + _CONTEXT].replace("\n", "⏎")
        colour = COLOURS[finding.verdict]
        shown = text[finding.start : finding.end].replace("\n", "⏎")
        table.add_row(
            Text(finding.verdict.label, style=colour),
            finding.rule,
            finding.entity or "",
            f"{finding.confidence:.2f}",
            f"{finding.start}:{finding.end}",
            Text.assemble((before, "dim"), (shown, f"bold {colour}"), (after, "dim")),
        )
    return table


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
