"""`sidecar inspect`: what the filter says of a text, or of many as JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from sidecar.app import load_snapshot
from sidecar.cli import EXIT_BLOCKED, EXIT_FAILED
from sidecar.cli.show import show_decision, track
from sidecar.core.filter import Answer, Filter
from sidecar.errors import InputError, MalformedBody
from sidecar.model import TARGETS, Finding, Verdict
from sidecar.settings import Options


class Line(msgspec.Struct, frozen=True):
    """One line in; other keys, such as labels, are allowed and not read."""

    id: str | int | None
    text: str
    target: str = "request.user"


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("text", required=False)
@click.option("--jsonl", is_flag=True, help="Read JSON lines from standard input, write one for each, in order.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.option("--policy", default="default", show_default=True, metavar="NAME|FILE", help="A shipped policy or a file.")
@click.option(
    "--rules", type=click.Path(path_type=Path), help="Folder of the rule bundle; the one that ships if left out."
)
@click.option("--target", default="request.user", show_default=True, help="The text's role in a message.")
@click.option(
    "--scanner", type=click.Choice(["hyperscan", "re"]), default="hyperscan", help="`re`: the slow reference."
)
def inspect(
    text: str | None, *, jsonl: bool, as_json: bool, policy: str, rules: Path | None, target: str, scanner: str
) -> None:
    """Inspect a TEXT, or standard input.

    \b
    Examples:
      sidecar inspect 'Please ignore all previous instructions'
      printf 'write to ada@example.com' | sidecar inspect
      sidecar inspect --jsonl --policy full < prompts.jsonl > verdicts.jsonl

    \b
    A line in:  {"id": "1", "text": "…", "target": "request.user"}
    A line out: {"id": "1", "verdict": "mask", "score": 0.01, "findings": [{"rule": "pii-email-address",
                 "family": "pii", "entity": "EMAIL_ADDRESS", "start": 9, "end": 24, "confidence": 1.0}], "text": "…"}

    \b
    Exit codes: 0 the text may go on (allow, flag, mask), or all lines were answered;
                1 a line could not be read; 3 blocked; 78 rules or policy cannot be used.
    """
    if target not in TARGETS:
        raise click.BadParameter(f"known targets: {', '.join(TARGETS)}", param_hint="--target")
    check = load_snapshot(Options(rules=rules, policy=policy, scanner=scanner, inline=True)).filter()
    if jsonl:
        sys.exit(_inspect_lines(check, sys.stdin.buffer, sys.stdout.buffer))
    answer = check.check_text(text if text is not None else _read_text(), target)
    if as_json:
        sys.stdout.buffer.write(encode(None, answer) + b"\n")
    else:
        show_decision(answer)
    sys.exit(EXIT_BLOCKED if answer.decision.verdict is Verdict.BLOCK else 0)


def _read_text() -> str:
    if sys.stdin.isatty():
        click.echo("Type a text, then Ctrl-D:", err=True)
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"standard input is not UTF-8 (byte {error.start}); convert it first") from None


def _inspect_lines(check: Filter, source: BinaryIO, sink: BinaryIO) -> int:
    code = 0
    for number, raw in enumerate(track(_lines(source), source), 1):
        line: Line | None = None
        try:
            line = _read_line(raw)
            answer = check.check_text(line.text, line.target)
            sink.write(encode(line.id, answer) + b"\n")
        except (InputError, ValueError) as error:
            code = EXIT_FAILED
            message = f"line {number}: {error}"
            click.secho(f"error: {message}", fg="red", err=True)
            # The line keeps its place, and nobody takes a line that was not read for a clean one.
            refusal: dict[str, object] = {
                "id": line.id if line else None,
                "verdict": "block",
                "score": 0.0,
                "findings": [],
                "error": message,
            }
            sink.write(msgspec.json.encode(refusal) + b"\n")
        sink.flush()  # whoever feeds us line by line reads the answer before the next one
    return code


def _lines(source: BinaryIO) -> Iterator[bytes]:
    return (line for line in source if line.strip())


def _read_line(raw: bytes) -> Line:
    try:
        return msgspec.json.decode(raw, type=Line)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"{error}; expected {{'id': …, 'text': '…', 'target'?: '…'}}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBody("not a JSON object in UTF-8") from None


def encode(id_: str | int | None, answer: Answer) -> bytes:
    """Return a line out, as JSON."""
    decision = answer.decision
    line: dict[str, object] = {
        "id": id_,
        "verdict": decision.verdict.label,
        "score": round(decision.score, 6),
        "findings": list(_findings(decision.findings)),
    }
    if decision.verdict is Verdict.MASK:
        line["text"] = answer.text
    if decision.reason:
        line["reason"] = decision.reason
        line["detail"] = decision.detail
    return msgspec.json.encode(line)


def _findings(findings: Iterable[Finding]) -> Iterator[dict[str, object]]:
    for finding in findings:
        entity = {"entity": finding.entity} if finding.entity else {}
        yield {
            "rule": finding.rule,
            "family": finding.family,
            **entity,
            "start": finding.start,
            "end": finding.end,
            "confidence": round(finding.confidence, 6),
        }
