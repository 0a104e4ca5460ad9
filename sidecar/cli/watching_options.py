"""The options that say who may call and what is written down: the same ones wherever a sidecar is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sidecar.cli.options import Command, add_options
from sidecar.settings import Watching

_OPTIONS = (
    click.option(
        "--perimeter",
        type=click.Path(path_type=Path, exists=True),
        metavar="FILE",
        help="Who may call, from where, for what and how much; without it callers are believed.",
    ),
    click.option(
        "--audit", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the audit log; none if left out."
    ),
    click.option(
        "--audit-when-full",
        type=click.Choice(["block", "drop"]),
        default="block",
        show_default=True,
        help="When the log cannot be written: refuse messages, or drop records and count them.",
    ),
    click.option(
        "--quarantine",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Keep blocked messages, sealed to --quarantine-key; none are kept if left out.",
    ),
    click.option(
        "--quarantine-key",
        type=click.Path(path_type=Path, exists=True),
        metavar="FILE",
        help="Public key of those who may read them (`sidecar audit keygen`).",
    ),
    click.option(
        "--otlp",
        default="",
        metavar="URL",
        help="OTLP receiver of traces and metrics; default: OTEL_EXPORTER_OTLP_ENDPOINT.",
    ),
)


def watching_options(command: Command) -> Command:
    """Add the options to a command, which takes `perimeter` and gives the others, as `**rest`, to `watching_of`."""
    return add_options(command, _OPTIONS)


def watching_of(rest: dict[str, Any]) -> Watching:
    """Return what the options say.

    Args:
        rest: the options' values by their names.
    """
    return Watching(rest["audit"], rest["audit_when_full"], rest["otlp"], rest["quarantine"], rest["quarantine_key"])
