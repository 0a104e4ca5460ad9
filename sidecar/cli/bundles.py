"""`sidecar rules`, the half about bundles: compile, compare, sign, verify, ship, and their life."""

from __future__ import annotations

import getpass
import gzip
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from sidecar import config
from sidecar.app import load_files
from sidecar.cli import EXIT_FAILED
from sidecar.cli.bundle_options import FOLDER, archive_of, json_option, offer_in, print_json, rules_option
from sidecar.cli.rollout import ROLLOUT
from sidecar.cli.show import console, counted, progress_bar
from sidecar.errors import BundleError
from sidecar.rules.bundle import read_bundle
from sidecar.rules.difference import Change, VerdictChange, changes, verdict_changes
from sidecar.rules.lifecycle import STATES, State, head_faults, head_of
from sidecar.rules.shipping import ENVELOPE, Envelope, Floor, Trust, describe, faults, sign
from sidecar.settings import Options

_FILE = click.Path(path_type=Path, dir_okay=False)
_policy_option = click.option("--policy", default="default", show_default=True, metavar="NAME|FILE")
_trust_option = click.option("--trust", "keys", type=_FILE, multiple=True, metavar="PUB", help="A key that may sign.")
_why_option = click.option("--why", required=True, help="The reason; kept in the history.")
_who_option = click.option("--who", default=getpass.getuser, show_default="you", help="Who does it.")


@click.command("compile")
@rules_option
@_policy_option
@json_option
def compile_command(folder: Path | None, *, policy: str, as_json: bool) -> None:
    """Pass every gate that a running sidecar asks for, and leave the compiled database in the cache.

    Lint, compile, run the rules' own tests, and compare the engine with the slow reference on generated texts.

    \b
    Examples:
      sidecar rules compile
      SIDECAR_CACHE=/var/cache/portcullis sidecar rules compile --rules ./rules --policy policy.yaml
    """
    from sidecar.delivery.build import build  # noqa: PLC0415 - imports what no other command needs

    begin = time.monotonic()
    try:
        with progress_bar("compiling", 4) as advance:
            snapshot = build(
                config.read_folder(folder or config.shipped_rules()),
                Options(policy=policy, inline=True),
                progress=advance,
            )
    except BundleError as error:
        if as_json:
            print_json({"faults": list(error.faults)})
            sys.exit(EXIT_FAILED)
        raise
    rules = snapshot.bundle.rule_set
    facts = {
        "name": rules.name,
        "version": rules.version,
        "revision": rules.revision,
        "rules": len(rules.rules),
        "gates": len(snapshot.table.gates),
        "seconds": round(time.monotonic() - begin, 2),
        "faults": [],
    }
    if as_json:
        print_json(facts)
    else:
        console().print(
            f"[green]compiled[/] {rules.name} {rules.version} ({rules.revision[:12]}): {len(rules.rules)} rules, "
            f"{facts['gates']} gates, {facts['seconds']} s"
        )


@click.command("diff")
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER, required=False)
@click.option("--corpus", type=_FILE, help="JSON lines (gzip too) with id, text and target: verdicts that change.")
@_policy_option
@json_option
def diff_command(before: Path, after: Path | None, *, corpus: Path | None, policy: str, as_json: bool) -> None:
    """Compare two bundles: rules added, removed, changed; with --corpus, the verdicts that change.

    \b
    Examples:
      sidecar rules diff /srv/rules-1.4.0 ./rules
      sidecar rules diff old new --corpus prompts.jsonl.gz --json

    \b
    Exit codes: 0 nothing breaks a house rule; 1 a stable rule changed without a higher version.
    """
    old = read_bundle(config.read_folder(before))
    new = read_bundle(config.read_folder(after or config.shipped_rules()))
    found = changes(old, new)
    verdicts: list[VerdictChange] = []
    if corpus is not None:
        options = Options(policy=policy, inline=True)
        folders = (before, after or config.shipped_rules())
        first, second = (load_files(config.read_folder(folder), options).filter() for folder in folders)
        verdicts = list(
            verdict_changes(
                _texts(corpus),
                lambda text, target: first.check_text(text, target).decision,
                lambda text, target: second.check_text(text, target).decision,
            )
        )
    if as_json:
        print_json({"rules": found, "verdicts": verdicts})
    else:
        _show_changes(found, verdicts, compared=corpus is not None)
    sys.exit(EXIT_FAILED if any(change.fault for change in found) else 0)


def _texts(corpus: Path) -> Iterator[tuple[str, str, str]]:
    with gzip.open(corpus) if corpus.suffix == ".gz" else corpus.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            record = msgspec.json.decode(line)
            yield str(record.get("id", number)), record["text"], record.get("target", "request.user")


def _show_changes(found: list[Change], verdicts: list[VerdictChange], *, compared: bool) -> None:
    out = console()
    colours = {"added": "green", "removed": "red", "changed": "yellow"}
    for change in found:
        what = f" ({', '.join(change.fields)})" if change.fields else ""
        out.print(Text.assemble((f"{change.kind:8}", colours[change.kind]), change.rule, (what, "dim")))
        if change.fault:
            out.print(f"         [red]{change.fault}[/]")
    if not found:
        out.print("[green]the same rules[/]")
    for verdict in verdicts:
        out.print(f"{verdict.id}: {verdict.before} → {verdict.after} [dim]{', '.join(verdict.rules)}[/]")
    if compared:
        out.print(f"verdicts that differ: {len(verdicts)}")


@click.command("keygen")
@click.argument("path", type=_FILE)
def keygen_command(path: Path) -> None:
    """Make a key pair: PATH holds the private half, PATH.pub the public one.

    \b
    Example:
      sidecar rules keygen release.key
    """
    from sidecar.backends.signing import new_key  # noqa: PLC0415 - see above

    console().print(f"[green]key[/] {new_key(path)}: keep {path} secret, give {path}.pub to the sidecars")


@click.command("sign")
@click.option("--key", "key", type=_FILE, required=True, help="The private key.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Refused after so many days.")
@rules_option
def sign_command(folder: Path | None, *, key: Path, days: float | None) -> None:
    """Sign the bundle as it is: a manifest of every file's SHA-256, and a signature with a key id.

    The signature stands in `.signatures.json` beside the rules; a second key adds its own.

    \b
    Example:
      sidecar rules sign --rules ./rules --key release.key --days 90
    """
    from sidecar.backends.signing import read_signer  # noqa: PLC0415 - see above

    root = folder or config.shipped_rules()
    offer = offer_in(root)
    expires = time.time() + days * 86_400 if days else None
    signer, kept = read_signer(key), offer.envelope
    contents = msgspec.structs.replace(describe(offer.files, expires=expires), history=head_of(_history(root)))
    if kept is not None and days is None:
        contents = msgspec.structs.replace(contents, expires=kept.contents.expires)
    if kept is not None and any(item.key_id != signer.key_id for item in kept.signatures):
        # What others have signed is signed, too; the history may have grown since.
        contents = msgspec.structs.replace(contents, history=kept.contents.history)
    same = kept is not None and kept.contents == contents
    envelope = sign(kept if same and kept is not None else Envelope(contents), signer)
    (root / ENVELOPE).write_bytes(msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n")
    console().print(
        f"[green]signed[/] {contents.name} {contents.version} ({contents.revision[:12]}) by {signer.key_id}, "
        f"{counted(len(envelope.signatures), 'signature')}"
    )


@click.command("verify")
@_trust_option
@click.option("--signatures", "threshold", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--floor", default="0.0.0", show_default=True, metavar="VERSION", help="Refuse older versions.")
@click.option("--archive", type=_FILE, help="A bundle archive instead of a folder.")
@rules_option
@json_option
def verify_command(
    folder: Path | None, *, keys: tuple[Path, ...], threshold: int, floor: str, archive: Path | None, as_json: bool
) -> None:
    """Check a bundle's signatures, contents, expiry and version; of a folder the history, too.

    \b
    Examples:
      sidecar rules verify --rules ./rules --trust release.key.pub
      sidecar rules verify --archive rules.tar.gz --trust a.pub --trust b.pub --signatures 2

    \b
    Exit codes: 0 it may be trusted; 1 it may not.
    """
    from sidecar.backends.signing import read_ring  # noqa: PLC0415 - see above
    from sidecar.delivery.sources import offer_of_archive  # noqa: PLC0415 - see above

    if not keys:
        raise click.UsageError("give the keys that may sign: --trust PUB")
    offer = offer_of_archive(archive.read_bytes(), str(archive)) if archive else offer_in(folder)
    trust = Trust(required=True, threshold=threshold)
    found = faults(offer.files, offer.envelope, trust, read_ring(keys), now=time.time(), floor=Floor(floor))
    if offer.envelope is not None and archive is None:
        found += head_faults(_history(folder or config.shipped_rules()), offer.envelope.contents.history)
    if as_json:
        print_json({"faults": found})
    else:
        out = console()
        for fault in found:
            out.print(Text(fault, style="red"), soft_wrap=True)
        if not found:
            out.print(f"[green]trusted[/] {describe(offer.files).revision[:12]}")
    sys.exit(EXIT_FAILED if found else 0)


@click.command("pack")
@click.argument("archive", type=_FILE)
@rules_option
def pack_command(archive: Path, folder: Path | None) -> None:
    """Write the bundle, signatures included, as one archive for a bundle server.

    \b
    Example:
      sidecar rules pack rules.tar.gz --rules ./rules
    """
    data = archive_of(folder)
    archive.write_bytes(data)
    console().print(f"[green]wrote[/] {archive}, {len(data)} bytes")


@click.command("approve")
@click.option("--key", "key", type=_FILE, required=True, help="The approver's private key.")
@_who_option
@_why_option
@rules_option
def approve_command(folder: Path | None, *, key: Path, who: str, why: str) -> None:
    """Approve the bundle, which is in staging, by signing its contents.

    \b
    Example:
      sidecar rules approve --rules ./rules --key ada.key --why 'tested on last week of traffic'
    """
    from sidecar.backends.signing import read_signer  # noqa: PLC0415 - see above
    from sidecar.rules.lifecycle import approval_message, approve  # noqa: PLC0415 - see above

    root = folder or config.shipped_rules()
    contents, signer = describe(config.read_folder(root)), read_signer(key)
    signature = signer.sign(approval_message(contents))
    entry = approve(
        _history(root), contents, who=who, why=why, at=time.time(), key_id=signer.key_id, signature=signature
    )
    _append(root, entry)
    console().print(f"[green]approved[/] {contents.version} ({contents.revision[:12]}) by {signer.key_id}")


@click.command("move")
@click.argument("state", type=click.Choice(STATES))
@_trust_option
@click.option("--approvals", "needed", type=click.IntRange(min=0), default=1, show_default=True, metavar="N")
@_who_option
@_why_option
@rules_option
def move_command(state: State, folder: Path | None, *, keys: tuple[Path, ...], needed: int, who: str, why: str) -> None:
    """Move the bundle along its life; `approved` needs N approvals by distinct trusted keys.

    development → staging → approved → production → deprecated → archived

    \b
    Examples:
      sidecar rules move staging --why 'ready for review'
      sidecar rules move approved --trust ada.key.pub --trust bob.key.pub --approvals 2 --why 'reviewed by two'
    """
    from sidecar.backends.signing import read_ring  # noqa: PLC0415 - see above
    from sidecar.rules.lifecycle import move, require_approvals  # noqa: PLC0415 - see above

    root = folder or config.shipped_rules()
    contents, history = describe(config.read_folder(root)), _history(root)
    if state == "approved":
        require_approvals(history, contents, read_ring(keys), needed=needed)
    entry = move(history, contents, state, who=who, why=why, at=time.time())
    _append(root, entry)
    console().print(f"[green]{state}[/] {contents.version} ({contents.revision[:12]})")


@click.command("history")
@rules_option
@json_option
def history_command(folder: Path | None, *, as_json: bool) -> None:
    """Show who did what to the bundle, when and why; a broken chain is refused.

    \b
    Example:
      sidecar rules history --rules ./rules
    """
    entries = _history(folder or config.shipped_rules())
    if as_json:
        print_json(entries)
        return
    table = Table(box=None, header_style="bold dim")
    for heading in ("#", "when", "who", "what", "version", "revision", "why"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(entry.at))
        what = f"→ {entry.state}" if entry.act == "move" else f"approved by {entry.key_id}"
        table.add_row(str(entry.number), when, entry.who, what, entry.version, entry.revision[:12], entry.why)
    console().print(table)


COMMANDS = (
    compile_command,
    diff_command,
    keygen_command,
    sign_command,
    verify_command,
    pack_command,
    *ROLLOUT,
    approve_command,
    move_command,
    history_command,
)


def _history(root: Path) -> Any:
    from sidecar.rules.lifecycle import HISTORY, read_history  # noqa: PLC0415 - see above

    path = root / HISTORY
    return read_history(path.read_bytes() if path.is_file() else b"")


def _append(root: Path, entry: Any) -> None:
    from sidecar.rules.lifecycle import HISTORY, write_entry  # noqa: PLC0415 - see above

    with (root / HISTORY).open("ab") as file:
        file.write(write_entry(entry))
        file.flush()
        os.fsync(file.fileno())
