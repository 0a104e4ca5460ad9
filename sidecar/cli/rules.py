"""`sidecar rules`, the half about rules: lint, test, explain and begin them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from sidecar import config
from sidecar.app import Snapshot, load_snapshot
from sidecar.cli import EXIT_FAILED
from sidecar.cli.bundle_options import json_option, print_json, rules_option
from sidecar.cli.bundles import COMMANDS
from sidecar.cli.show import COLOURS, console, counted, progress_bar
from sidecar.model import TARGETS, Segment
from sidecar.rules.explain import Step, ViewSteps, explain
from sidecar.rules.lint import lint
from sidecar.rules.scoring import MODEL
from sidecar.rules.selftest import Outcome, lane_of_everything, run_tests
from sidecar.rules.template import new_rule
from sidecar.settings import Options


@click.group()
def rules() -> None:
    """Write rules, and ship them like code.

    \b
    A rule in five steps:
      sidecar rules new injection-my-rule
      (write two positive tests, two near misses, then the match)
      sidecar rules lint
      sidecar rules test injection-my-rule
      sidecar rules explain injection-my-rule 'a text'

    \b
    A bundle on its way:
      sidecar rules compile --rules ./rules
      sidecar rules diff /srv/rules ./rules --corpus prompts.jsonl
      sidecar rules sign --rules ./rules --key release.key
      sidecar rules push --rules ./rules --shadow
      sidecar rules status; sidecar rules promote

    \b
    Exit codes: 0 all is well; 1 faults or failed tests; 2 wrong usage; 78 the rules cannot be used at all.
    """


@rules.command("lint")
@rules_option
@json_option
def lint_command(folder: Path | None, *, as_json: bool) -> None:
    """Check every rule against the house rules and list all faults at once, each with path:line.

    \b
    Examples:
      sidecar rules lint
      sidecar rules lint --rules ./rules --json | jq .
    """
    root = folder or config.shipped_rules()
    files = config.read_folder(root)
    with progress_bar("linting", sum(name.count("/") for name in files)) as advance:
        faults = lint(files, progress=advance)
    if as_json:
        print_json([dict(zip(("path", "line", "message"), fault.split(":", 2), strict=True)) for fault in faults])
    else:
        out = console()
        for fault in faults:
            path, line, message = fault.split(":", 2)
            out.print(Text.assemble((f"{root / path}:{line}:", "bold"), message), soft_wrap=True)
        out.print(f"[red]{counted(len(faults), 'fault')}[/]" if faults else f"[green]no fault[/] in {len(files)} files")
    sys.exit(EXIT_FAILED if faults else 0)


@rules.command("test")
@click.argument("ids", nargs=-1)
@rules_option
@json_option
@click.option(
    "--scanner", type=click.Choice(["hyperscan", "re"]), default="hyperscan", help="`re`: the slow reference."
)
def test_command(ids: tuple[str, ...], folder: Path | None, *, as_json: bool, scanner: str) -> None:
    """Run the rules' own tests: each positive must be found by its rule, no negative may be.

    \b
    Examples:
      sidecar rules test
      sidecar rules test secret-github-pat injection-ignore-instructions
    """
    snapshot = load_snapshot(Options(rules=folder, scanner=scanner))
    _require_known(ids, snapshot)
    documents = snapshot.bundle.documents
    total = sum(
        len(d.schema.tests.positive) + len(d.schema.tests.negative) for d in documents if not ids or d.schema.id in ids
    )
    outcomes: list[Outcome] = []
    lane = lane_of_everything(snapshot.table, snapshot.bundle.manifest.families)
    with progress_bar("testing", total) as advance:
        for outcome in run_tests(snapshot.bundle, snapshot.engine, lane, only=ids):
            outcomes.append(outcome)
            advance()
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if as_json:
        print_json({"tests": len(outcomes), "failed": [msgspec.to_builtins(outcome) for outcome in failed]})
    else:
        out = console()
        for outcome in failed:
            out.print(Text(str(outcome), style="red"), soft_wrap=True)
        summary = f"[red]{len(failed)} of {len(outcomes)} tests failed[/]"
        out.print(summary if failed else f"[green]{counted(len(outcomes), 'test')} passed[/]")
    sys.exit(EXIT_FAILED if failed else 0)


@rules.command("explain")
@click.argument("words", nargs=-1, metavar="[RULE] TEXT")
@click.option(
    "--all", "all_rules", is_flag=True, help="Trace every rule of which a keyword is present; no RULE is given."
)
@click.option("--target", default="request.user", show_default=True, help="The text's role in a message.")
@click.option("--policy", default="default", show_default=True, metavar="NAME|FILE", help="A shipped policy or a file.")
@rules_option
@json_option
def explain_command(
    words: tuple[str, ...], folder: Path | None, *, all_rules: bool, target: str, policy: str, as_json: bool
) -> None:
    """Show how a text becomes a verdict: segment, views, keywords, regex, checks, verdict and score.

    \b
    Examples:
      sidecar rules explain injection-ignore-instructions 'please ignore the earlier instructions'
      sidecar rules explain --all 'please ignore the earlier instructions'
    """
    if len(words) != (1 if all_rules else 2):
        raise click.UsageError("give RULE and TEXT, or --all and TEXT; quote the text")
    if target not in TARGETS:
        raise click.BadParameter(f"known targets: {', '.join(TARGETS)}", param_hint="--target")
    snapshot = load_snapshot(Options(rules=folder, policy=policy))
    only = () if all_rules else words[:1]
    _require_known(only, snapshot)
    segment = Segment(words[-1], target)
    traced = explain(segment, snapshot.table, snapshot.scanner, only=only)
    answer = snapshot.filter().check_text(segment.text, target)
    if as_json:
        print_json(
            {
                "target": target,
                "views": [_view_as_json(item) for item in traced],
                "verdict": answer.decision.verdict.label,
                "score": round(answer.decision.score, 6),
            }
        )
        return
    out = console()
    out.print(Text.assemble(("segment ", "bold"), f"{target}, {len(segment.text)} characters"))
    for item in traced:
        _show_view(item)
    decision = answer.decision
    verdict = Text(f" {decision.verdict.name} ", style=f"bold reverse {COLOURS[decision.verdict]}")
    out.print(Text.assemble(("verdict ", "bold"), verdict, f"  score {decision.score:.2f}  policy {policy}"))


@rules.command("train")
@click.option(
    "--corpus",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of labelled texts.",
)
@click.option("--seed", default=7, show_default=True, help="The same seed and corpus give the same model.")
@rules_option
def train_command(corpus: Path, seed: int, folder: Path | None) -> None:
    """Learn the injection score of a bundle: writes score/model.json, weights with their provenance.

    Whole sources are left out in turn (minutes), and the scale of the score is set by what is then seen.

    \b
    Examples:
      sidecar rules train --corpus ../shared/corpora --rules ./rules
      sidecar bench accuracy --corpus ../shared/corpora --rules ./rules
    """
    try:
        from sidecar.training.fit import Settings  # noqa: PLC0415 - needs the training extra
        from sidecar.training.score_model import learn  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"needs `{error.name}`; install the extra: pip install 'portcullis-sidecar[training]'"
        ) from None
    root = folder or config.shipped_rules()
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), transient=True) as bar:
        task = bar.add_task("reading", total=1)
        document = learn(
            corpus,
            config.read_folder(root),
            Settings(seed=seed),
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        ).document
    (root / MODEL).write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    click.echo(
        f"{root / MODEL}: {len(document.features)} features, {len(document.words)} words, {len(document.anchors)} anchors"
    )
    for rate, recall in document.provenance["recall by held-out source"].items():
        click.echo(f"  recall {rate} false positives, held out: {recall:.1%}")


@rules.command("new")
@click.argument("rule_id", metavar="ID")
@rules_option
def new_command(rule_id: str, folder: Path | None) -> None:
    """Begin a rule: write rules/<family>/<ID>.yaml with every field explained.

    \b
    Example:
      sidecar rules new injection-my-rule
    """
    root = folder or config.shipped_rules()
    path, content = new_rule(rule_id, config.read_folder(root))
    place = root / path
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    console().print(f"[green]wrote[/] {place}; next: write its tests, then `sidecar rules test {rule_id}`")


def _require_known(ids: Sequence[str], snapshot: Snapshot) -> None:
    known = {document.schema.id for document in snapshot.bundle.documents}
    unknown = [rule_id for rule_id in ids if rule_id not in known]
    if unknown:
        raise click.BadParameter(f"no such rule: {', '.join(unknown)}", param_hint="RULE")


def _view_as_json(item: ViewSteps) -> dict[str, object]:
    return {
        "chain": list(item.view.chain),
        "text": item.view.text,
        "steps": [msgspec.to_builtins(step) for step in item.steps],
    }


def _show_view(item: ViewSteps) -> None:
    out = console()
    made = " → ".join(item.view.chain) or "as it is"
    out.print(Text.assemble(("  view ", "bold"), (made, "magenta"), f"  {item.view.text!r}"), soft_wrap=True)
    for step in sorted(item.steps, key=lambda step: step.reached != "found"):
        out.print(_step_line(step), soft_wrap=True)


def _step_line(step: Step) -> Text:
    found = step.reached == "found"
    name = f"    {step.rule}[{step.alternative}] "
    if not found:
        return Text.assemble((name, "dim"), (f"stops at {step.reached}: ", "yellow"), step.detail)
    spans = ", ".join(f"{start}:{end}" for start, end in step.spans)
    return Text.assemble((name, "bold"), (f"found {spans}", "red"), f" by {', '.join(step.keywords)}: {step.detail}")


for _command in COMMANDS:
    rules.add_command(_command)
