"""How figures are kept and shown: JSON with the machine's description on disk, a table on the terminal."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sidecar import __version__
from sidecar.backends.hyperscan_scanner import engine_version

T = TypeVar("T")


class Figure(msgspec.Struct, frozen=True):
    """One measured figure beside its twin.

    Args:
        question: what was measured.
        unit: of both values.
        value: ours.
        twin: the no-op or the peer, measured in the same run.
        twin_name: what the twin is.
        ratio: the comparison that the question is about.
    """

    question: str
    unit: str
    value: float
    twin: float
    twin_name: str
    ratio: float

    @classmethod
    def ratio_of(cls, question: str, unit: str, value: float, twin: float, twin_name: str) -> Figure:
        """Return a figure whose ratio is ours to the twin's."""
        return cls(question, unit, value, twin, twin_name, value / twin)


class Report(msgspec.Struct, frozen=True):
    """Figures of one run, and where they were made."""

    machine: dict[str, str]
    figures: tuple[Figure, ...]


def describe_machine() -> dict[str, str]:
    """Describe the machine and the versions that figures depend on."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "sidecar": __version__,
        "engine": engine_version(),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def save(report: Report, path: Path) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def show(report: Report, title: str) -> None:
    """Print a report as a table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold dim")
    for heading, justify in (
        ("question", "left"),
        ("ours", "right"),
        ("twin", "right"),
        ("unit", "left"),
        ("ratio", "right"),
        ("twin is", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for item in report.figures:
        table.add_row(
            item.question, f"{item.value:,.1f}", f"{item.twin:,.1f}", item.unit, f"{item.ratio:.2f}x", item.twin_name
        )
    console = Console()
    console.print(table)
    console.print("[dim]" + " · ".join(f"{key} {value}" for key, value in report.machine.items()) + "[/dim]")


def finish(figures: Sequence[Figure], path: Path, title: str) -> None:
    """Save and print the figures of a run."""
    report = Report(describe_machine(), tuple(figures))
    save(report, path)
    show(report, title)
    Console().print(f"saved {path}")


def track(items: Iterable[T], what: str) -> Iterator[T]:
    """Pass items on, with a progress bar on standard error."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(list(items), description=what)
