"""`sidecar rules` towards a running sidecar: push, status, promote, rollback."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from sidecar.cli import EXIT_FAILED
from sidecar.cli.bundle_options import archive_of, json_option, print_json, rules_option
from sidecar.cli.show import console

_to_option = click.option("--to", "address", default="127.0.0.1:50051", show_default=True, metavar="ADDR")


@click.command("push")
@_to_option
@click.option("--shadow", is_flag=True, help="Run beside the bundle in force and report where verdicts differ.")
@rules_option
@json_option
def push_command(folder: Path | None, *, address: str, shadow: bool, as_json: bool) -> None:
    """Offer the bundle to a running sidecar, which checks everything again before it takes it.

    \b
    Examples:
      sidecar rules push --rules ./rules
      sidecar rules push --rules ./rules --shadow --to unix:/run/portcullis.sock

    The token of `SIDECAR_RULES_PUSH_TOKEN` is sent along.
    Exit codes: 0 taken by every worker; 1 refused, or not taken by all.
    """
    _show_answer(_client(address).push(archive_of(folder), shadow=shadow), as_json=as_json)


@click.command("status")
@_to_option
@json_option
def status_command(*, address: str, as_json: bool) -> None:
    """Show what a running sidecar has in force, and what its shadow saw.

    \b
    Example:
      sidecar rules status --to 127.0.0.1:50051
    """
    answer = _client(address).status()
    if as_json:
        print_json(answer)
        return
    out = console()
    for name in ("active", "previous"):
        if name in answer:
            out.print(f"{name:9}{_bundle_line(answer[name])}")
    if shadow := answer.get("shadow"):
        out.print(f"shadow   {_bundle_line(shadow['bundle'])}: {shadow.get('compared', 0)} compared")
        for change, count in sorted(shadow.get("differences", {}).items()):
            out.print(f"         {change}: {count}")
    _show_workers(answer)
    for fault in answer.get("lastRefusal", ()):
        out.print(Text.assemble("refused  ", (fault, "red")), soft_wrap=True)


@click.command("promote")
@_to_option
@click.option("--discard", is_flag=True, help="End the shadow instead.")
@json_option
def promote_command(*, address: str, discard: bool, as_json: bool) -> None:
    """Put the shadow bundle in force.

    \b
    Example:
      sidecar rules promote --to 127.0.0.1:50051
    """
    _show_answer(_client(address).promote(discard=discard), as_json=as_json)


@click.command("rollback")
@click.argument("revision", required=False, default="")
@_to_option
@json_option
def rollback_command(revision: str, *, address: str, as_json: bool) -> None:
    """Return to the bundle before, or to a REVISION that the sidecar keeps.

    \b
    Example:
      sidecar rules rollback
    """
    _show_answer(_client(address).roll_back(revision), as_json=as_json)


ROLLOUT = (push_command, status_command, promote_command, rollback_command)


def _client(address: str) -> Any:
    from sidecar.adapters.rules_client import RulesClient  # noqa: PLC0415 - gRPC takes its time

    return RulesClient(address, os.environ.get("SIDECAR_RULES_PUSH_TOKEN", ""))


def _show_answer(answer: dict[str, Any], *, as_json: bool) -> None:
    refused = answer.get("outcome") == "RULES_OUTCOME_REFUSED"
    if as_json:
        print_json(answer)
    else:
        out = console()
        for fault in answer.get("faults", ()):
            out.print(Text(fault, style="red"), soft_wrap=True)
        word = answer.get("outcome", "").removeprefix("RULES_OUTCOME_").lower().replace("_", " ")
        out.print(f"[{'red' if refused else 'green'}]{word}[/] {_bundle_line(answer.get('bundle', {}))}")
        _show_workers(answer)
    behind = any(worker.get("failure") for worker in answer.get("workers", ()))
    sys.exit(EXIT_FAILED if refused or behind else 0)


def _show_workers(answer: dict[str, Any]) -> None:
    out = console()
    for worker in answer.get("workers", ()):
        runs = f" {worker.get('version', '')} ({worker.get('revision', '')[:12]}), generation {worker.get('generation', 0)}"
        failure = worker.get("failure")
        told = (f" does not follow, and is replaced: {failure}", "red") if failure else (runs, "")
        out.print(Text.assemble(f"worker {worker.get('worker', 0)}, pid {worker.get('pid', 0)}:", told), soft_wrap=True)


def _bundle_line(bundle: dict[str, Any]) -> str:
    if not bundle:
        return ""
    return f"{bundle.get('name')} {bundle.get('version')} ({bundle.get('revision', '')[:12]}), {bundle.get('rules', 0)} rules"
