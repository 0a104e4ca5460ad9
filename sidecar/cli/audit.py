"""`sidecar audit`: is the log whole, and what does it say?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from sidecar import config
from sidecar.backends.audit_keys import load_checker
from sidecar.backends.audit_log import log_files, read_head
from sidecar.backends.quarantine import new_keys
from sidecar.backends.quarantine import read as read_quarantine
from sidecar.cli import EXIT_FAILED
from sidecar.cli.show import console
from sidecar.compliance.render import render
from sidecar.compliance.summary import summarise
from sidecar.core.audit import Entry, Fault, Line
from sidecar.core.audit import verify as verify_lines
from sidecar.errors import ConfigError
from sidecar.rules.bundle import read_bundle

_NAME = re.compile(r"^(?P<name>.+)-\d{6}\.jsonl$")
_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_keys = click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public key of the seals; default: audit.pub in FOLDER.",
)


@click.group()
def audit() -> None:
    """Check the audit log, and report on it.

    \b
    Examples:
      sidecar audit verify /var/log/portcullis --key /safe/place/audit.pub
      sidecar audit report /var/log/portcullis --from 2026-11-01 --to 2026-12-01 --format html > report.html
    """


@audit.command()
@_folder
@_keys
def verify(folder: Path, keys: tuple[Path, ...]) -> None:
    """Find any edit, cut or reorder in the logs of FOLDER.

    Keep the public key, and a copy of the .head files, where whoever can write the log cannot: with both, even a log
    that was cut at its end or exchanged as a whole is found.

    Exit codes: 0 the log is whole; 1 it is not; 78 it cannot be read.
    """
    out = console()
    bad = 0
    for path, fault in _faults(folder, keys):
        bad += 1
        out.print(f"[red]{path.name}[/red] line {fault.line}: {fault.what}")
    names = _names(folder)
    lines = sum(path.read_bytes().count(b"\n") for name in names for path in log_files(folder, name))
    if bad:
        out.print(f"[bold red]{bad} faults[/bold red] in {lines:,} records of {len(names)} logs")
        sys.exit(EXIT_FAILED)
    out.print(f"[bold green]whole[/bold green]: {lines:,} records of {len(names)} logs")


@audit.command()
@_folder
@_keys
@click.option("--from", "begin", type=click.DateTime(), help="Inclusive, UTC; default: 30 days ago.")
@click.option("--to", "end", type=click.DateTime(), help="Exclusive, UTC; default: now.")
@click.option("--format", "form", type=click.Choice(["html", "md", "csv", "json"]), default="md", show_default=True)
@click.option(
    "--rules", type=click.Path(path_type=Path), help="Bundle whose tags name categories; the shipped one if left out."
)
def report(
    folder: Path, keys: tuple[Path, ...], *, begin: datetime | None, end: datetime | None, form: str, rules: Path | None
) -> None:
    """Report on the logs of FOLDER: volumes, blocks, masks, changes, incidents, gaps, and what they are evidence for."""
    until = (end or datetime.now(UTC).replace(tzinfo=None)).replace(tzinfo=UTC)
    since = begin.replace(tzinfo=UTC) if begin else until - timedelta(days=30)
    bundle = read_bundle(config.read_folder(rules or config.shipped_rules()))
    summary = summarise(
        _entries(folder),
        begin=since,
        end=until,
        tags={rule.id: rule.tags for rule in bundle.rule_set.rules},
        faults=[fault for _, fault in _faults(folder, keys)],
    )
    click.echo(render(summary, form))


@audit.command()
@click.argument("file", type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Make the key pair of the quarantine: FILE is private and belongs elsewhere, its `.pub` goes to the sidecar.

    \b
    Example:
      sidecar audit keygen /safe/place/quarantine.pem
    """
    click.echo(f"private  {file}")
    click.echo(f"public   {new_keys(file)}")


@audit.command()
@_folder
@click.option("--key", required=True, type=click.Path(path_type=Path, exists=True), help="The private key.")
@click.option("--id", "wanted", default="", help="Only the message of this decision.")
def quarantine(folder: Path, key: Path, wanted: str) -> None:
    """Open the blocked messages of FOLDER: one JSON object a line, with what the audit log says of each.

    Exit codes: 0 done; 1 some were changed, or are for another key.
    """
    bad = 0
    for opened in read_quarantine(folder, key):
        if opened is None:
            bad += 1
        elif wanted in ("", opened[0].id):
            about, content = opened
            fields = {**msgspec.to_builtins(about), "text": content.decode("utf-8", "replace")}
            click.echo(msgspec.json.encode(fields).decode())
    if bad:
        click.echo(f"{bad} messages cannot be opened: changed, or sealed to another key", err=True)
        sys.exit(EXIT_FAILED)


def _names(folder: Path) -> list[str]:
    names = {found["name"] for path in folder.glob("*.jsonl") if (found := _NAME.match(path.name))}
    # A head without a log is a log that was taken away.
    names |= {path.stem for path in folder.glob("*.head")}
    if not names:
        raise ConfigError(f"{folder}: no audit log here; expected files such as audit-0-000001.jsonl")
    return sorted(names)


def _faults(folder: Path, keys: tuple[Path, ...]) -> Iterator[tuple[Path, Fault]]:
    check = load_checker(keys or (folder / "audit.pub",))
    for name in _names(folder):
        files = log_files(folder, name)
        head = read_head(folder, name)
        if head is None:
            yield folder / f"{name}.head", Fault(0, "is missing: nothing says how long the log was")
        if not files:
            yield folder / f"{name}-000001.jsonl", Fault(0, "is missing, though there is a seal over it")
        places: list[tuple[int, Path]] = []
        for fault in verify_lines(_joined(files, places), check=check, last=head):
            first, path = next(
                (place for place in reversed(places) if place[0] < fault.line), (0, files[0] if files else folder)
            )
            yield path, Fault(fault.line - first, fault.what)


def _joined(files: list[Path], places: list[tuple[int, Path]]) -> Iterator[bytes]:
    """Yield the lines of all files of a log, noting where each file begins: the chain runs through them."""
    number = 0
    for path in files:
        places.append((number, path))
        with path.open("rb") as lines:
            for line in lines:
                number += 1
                yield line


def _entries(folder: Path) -> Iterator[Entry]:
    for name in _names(folder):
        for path in log_files(folder, name):
            with path.open("rb") as lines:
                for line in lines:
                    try:
                        yield msgspec.json.decode(line, type=Line).entry
                    except msgspec.DecodeError:
                        continue  # verification names it, in the same report
