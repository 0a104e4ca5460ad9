"""How well attacks are told from benign texts: per source, held out and as shipped, and after every evasion."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import click
import msgspec
from rich.progress import Progress

from benchmarks.machine import describe_machine
from sidecar.app import Snapshot, load_snapshot
from sidecar.core.engine import Engine
from sidecar.core.score import ScoreModel, Weigher
from sidecar.model import Segment
from sidecar.settings import Options
from sidecar.training.corpus import MEASURED, Record, find_corpus, read_corpus
from sidecar.training.evasions import EVASIONS, HARD
from sidecar.training.metrics import RATES, Figures, figures, limit_at

FOLDER = Path(__file__).parent
# From which the default policy blocks.
THRESHOLD = 0.8
# Texts of each label that every evasion is tried on; they are drawn by chance from those of at most so many characters.
_EVASION_TEXTS = 150
_EVASION_LENGTH = 600
_HEADLINE = "injection"
# The corpus whose benign texts the others, which have attacks alone, are compared with.
_ATTACKS_ALONE = ("injection_hard",)

Scores = dict[str, list[tuple[Record, float]]]


class Evaded(msgspec.Struct, frozen=True):
    """What an evasion does to recall and false positives at the threshold."""

    name: str
    hard: bool
    recall: float
    recall_plain: float
    false_positives: float
    false_positives_plain: float


class Accuracy(msgspec.Struct, frozen=True):
    """Everything that one run measured."""

    machine: dict[str, str]
    model: dict[str, object]
    threshold: float
    held_out: dict[str, dict[str, Figures]]
    shipped: dict[str, dict[str, Figures]]
    mean_over_sources: dict[str, dict[str, float]]
    evasions: tuple[Evaded, ...]


@click.command()
@click.option("--corpus", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rules", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A bundle's folder.")
@click.option("--held-out/--shipped-only", default=True, help="Learn a model for each source without it (minutes).")
@click.option("--evasions/--no-evasions", default=True, help="Measure every evasion, too.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--quick", is_flag=True, help="Every tenth text, as shipped alone; goes to out/ and not into benchmarks/."
)
def accuracy(
    corpus: Path, rules: Path | None, out: Path, *, held_out: bool, evasions: bool, as_json: bool, quick: bool
) -> None:
    """Recall and false positives per source, held out and as shipped, and after every evasion; writes ACCURACY.md.

    \b
    Examples:
      sidecar bench accuracy --corpus ../shared/corpora --quick
      sidecar bench accuracy --corpus ../shared/corpora --shipped-only --out out
    """
    from benchmarks.accuracy_report import write  # noqa: PLC0415 - matplotlib takes a second to import

    snapshot = load_snapshot(Options(rules=rules))
    records = {name: read_corpus(path) for name in MEASURED if (path := find_corpus(corpus, name))}
    if quick:
        records = {name: group[::10] for name, group in records.items()}
        held_out, evasions, out = False, False, Path("out") if out == FOLDER else out
    with Progress(transient=True) as progress:
        shipped = _score_all(snapshot.engine, snapshot, records, _counter(progress, "as shipped", records))
        unseen = _score_held_out(snapshot, corpus, records, progress) if held_out else {}
        evaded = _evade(snapshot, shipped[_HEADLINE], progress) if evasions else ()
    result = Accuracy(
        machine=describe_machine(),
        model=dict(snapshot.bundle.score.provenance) if snapshot.bundle.score else {},
        threshold=THRESHOLD,
        held_out=_by_source(unseen),
        shipped=_by_source(shipped),
        mean_over_sources={
            name: _means(scores) for name, scores in (("held out", unseen), ("shipped", shipped)) if scores
        },
        evasions=tuple(evaded),
    )
    write(result, unseen or shipped, out)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))
    else:
        click.echo((out / "ACCURACY.md").read_text("utf-8"))


def _counter(progress: Progress, what: str, records: Mapping[str, Sequence[object]]) -> Callable[[], None]:
    task = progress.add_task(what, total=sum(map(len, records.values())))
    return lambda: progress.advance(task)


def _score(engine: Engine, snapshot: Snapshot, text: str) -> float:
    return engine.judge((Segment(text, "request.user"),), snapshot.filter().lane).score


def _score_all(
    engine: Engine, snapshot: Snapshot, records: Mapping[str, Iterable[Record]], advance: Callable[[], None]
) -> Scores:
    scores: Scores = {}
    for name, group in records.items():
        scores[name] = []
        for record in group:
            scores[name].append((record, _score(engine, snapshot, record.text)))
            advance()
    return scores


def _score_held_out(
    snapshot: Snapshot, corpus: Path, records: Mapping[str, Sequence[Record]], progress: Progress
) -> Scores:
    """Score every text through the whole engine, with weights learned without its source."""
    from sidecar.training.score_model import learn_without  # noqa: PLC0415 - needs the training extra

    shipped = snapshot.bundle.score
    if shipped is None:
        raise click.ClickException("the bundle has no learned score; see: sidecar rules train --help")
    advance = _counter(progress, "held out", records)
    scores: Scores = {name: [] for name in records}
    for families, model in learn_without(corpus, shipped):
        engine = _with_model(snapshot, model)
        for name, group in records.items():
            mine = [record for record in group if record.family in families]
            scores[name] += _score_all(engine, snapshot, {name: mine}, advance)[name]
    return scores


def _with_model(snapshot: Snapshot, model: ScoreModel) -> Engine:
    engine = snapshot.engine
    weigh = Weigher(model, snapshot.table.anchors)
    return Engine(engine.scanner, revision=engine.revision, signs=engine.signs, weigh=weigh)


def _by_source(scores: Scores) -> dict[str, dict[str, Figures]]:
    if not scores:
        return {}
    pool = [score for record, score in scores[_HEADLINE] if not record.is_attack]
    tables: dict[str, dict[str, Figures]] = {}
    for name, scored in scores.items():
        groups: dict[str, list[tuple[Record, float]]] = defaultdict(list)
        for item in scored:
            groups["all"].append(item)
            groups[item[0].source].append(item)
        tables[name] = {group: _figures(groups[group], pool) for group in sorted(groups, key=lambda g: (g != "all", g))}
    return tables


def _figures(scored: Sequence[tuple[Record, float]], pool: Sequence[float]) -> Figures:
    attacks = [score for record, score in scored if record.is_attack]
    benign = [score for record, score in scored if not record.is_attack]
    # As the corpora's own score.py does: a source's own benign texts where it has any, else those of all sources.
    return figures(attacks, benign, THRESHOLD, pool=pool)


def _means(scores: Scores) -> dict[str, float]:
    """Return recall as the mean over sources with attacks, against the benign texts of the headline corpus."""
    pool = [score for record, score in scores[_HEADLINE] if not record.is_attack]
    means: dict[str, float] = {}
    for name in (_HEADLINE, *(name for name in _ATTACKS_ALONE if name in scores)):
        by_source: dict[str, list[float]] = defaultdict(list)
        for record, score in scores[name]:
            if record.is_attack:
                by_source[record.source].append(score)
        for rate in RATES:
            limit = limit_at(pool, rate)
            shares = [sum(score > limit for score in own) / len(own) for own in by_source.values()]
            means[f"{name} at {rate:.1%}"] = sum(shares) / len(shares)
    return means


def _evade(snapshot: Snapshot, scored: Sequence[tuple[Record, float]], progress: Progress) -> Iterable[Evaded]:
    chance = random.Random(7)
    short = [record for record, _ in scored if record.lang == "en" and len(record.text) <= _EVASION_LENGTH]
    groups = [[record for record in short if record.is_attack is attack] for attack in (True, False)]
    drawn = [chance.sample(group, min(_EVASION_TEXTS, len(group))) for group in groups]
    plain = [_share(snapshot, [record.text for record in group]) for group in drawn]
    evasions = [(name, evade, name in HARD) for name, evade in {**EVASIONS, **HARD}.items()]
    results = []
    for name, evade, is_hard in progress.track(evasions, description="evasions"):
        recall, false = (_share(snapshot, [evade(record.text, chance) for record in group]) for group in drawn)
        results.append(Evaded(name, is_hard, recall, plain[0], false, plain[1]))
    return results


def _share(snapshot: Snapshot, texts: Sequence[str]) -> float:
    """Return the share of texts that the default policy would block by their score."""
    return sum(_score(snapshot.engine, snapshot, text) >= THRESHOLD for text in texts) / max(len(texts), 1)
