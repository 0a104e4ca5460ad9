"""`sidecar bench ner`: how well and how fast names are found, on text that training left out."""

from __future__ import annotations

import collections
import gzip
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from sidecar.backends.ner import NerRecognizer
from sidecar.backends.ner_network import ENTITIES
from sidecar.backends.ner_settings import SHIPPED_MODEL, NerSettings

# Documents of UD English-EWT that training does not see (sidecar.training.ner_corpus.HELD_OUT).
_HELD_OUT = "uner-ewt-dev"
_SYNTHETIC = ("presidio-research-v1-large", "presidio-research-v2")

Span = tuple[int, int, str]


class Score(NamedTuple):
    """Counts of one entity type."""

    gold: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return self.right / self.gold if self.gold else 0.0

    def f(self, beta: float = 1.0) -> float:
        """Return F-beta."""
        p, r = self.precision, self.recall
        return (1 + beta**2) * p * r / (beta**2 * p + r) if p + r else 0.0


@click.command()
@click.option("--corpus", default="../shared/corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default=str(SHIPPED_MODEL), show_default=False, help="Folder or package; the one that ships.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Write the figures to a file.")
@click.option("--quick", is_flag=True, help="Every twentieth text; figures are rough.")
def ner(corpus: Path, model: str, as_json: Path | None, *, quick: bool) -> None:
    """Precision, recall and F1 per entity type on held-out web text, and words per second of one core.

    \b
    Examples:
      sidecar bench ner
      sidecar bench ner --quick
      sidecar bench ner --model en_core_web_sm --json out/ner.json
    """
    recognizer = NerRecognizer.load(NerSettings(model=model, gate=False))
    web = [record for record in _read(corpus / "ner.jsonl.gz") if record["source"] == _HELD_OUT]
    made = [record for record in _read(corpus / "pii.jsonl.gz") if record["source"] in _SYNTHETIC]
    plain = [record for record in _read(corpus / "pii.jsonl.gz") if record["source"].startswith("nopii")]
    if quick:
        web, made, plain = web[::20], made[::20], plain[::20]
    figures: dict[str, Any] = {}
    console = Console()
    for title, records, overlap in (
        (f"{_HELD_OUT}, exact spans", web, False),
        (f"{_HELD_OUT} in small letters, exact spans", [_small(record) for record in web], False),
        ("presidio-research, overlap", made, True),
    ):
        scores = evaluate(recognizer, records, overlap=overlap)
        figures[title] = {
            name: {**score._asdict(), "f1": score.f(), "f2": score.f(2)} for name, score in scores.items()
        }
        console.print(_table(title, scores))
    findings = recognizer.find([record["text"] for record in plain])
    figures["findings in texts without PII"] = {"texts": len(plain), "findings": sum(map(len, findings))}
    figures["gate"] = gate_figures(model, recognizer, web + made, plain)
    figures["words per second"] = speed(model, [record["text"] for record in web])
    for title in ("findings in texts without PII", "gate", "words per second"):
        console.print(f"{title}: " + ", ".join(f"{name} {value:,.4g}" for name, value in figures[title].items()))
    if as_json:
        as_json.parent.mkdir(parents=True, exist_ok=True)
        as_json.write_text(json.dumps(figures, indent=1) + "\n")


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _small(record: dict[str, Any]) -> dict[str, Any]:
    text = record["text"].lower()
    return {**record, "text": text if len(text) == len(record["text"]) else record["text"]}


def evaluate(recognizer: NerRecognizer, records: Sequence[dict[str, Any]], *, overlap: bool) -> dict[str, Score]:
    """Score findings against the spans of records.

    Args:
        recognizer: finds.
        records: texts with spans; a finding on a span of a type that is not an entity of ours is left out.
        overlap: any common character is a hit; else both ends must agree.
    """
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for record, found in zip(records, recognizer.find([record["text"] for record in records]), strict=True):
        spans = [(span["start"], span["end"], span["type"]) for span in record["spans"]]
        gold = [span for span in spans if span[2] in ENTITIES]
        other = [span for span in spans if span[2] not in ENTITIES]
        mine = [(one.start, one.end, one.entity) for one in found]
        mine = [one for one in mine if any(map(_meets(one), gold)) or not any(map(_meets(one), other))]
        for name in (*ENTITIES, "all"):
            counts.update(_count(name, _of(name, gold), _of(name, mine), overlap=overlap))
    return {
        name: Score(counts[name, "gold"], counts[name, "found"], counts[name, "right"]) for name in (*ENTITIES, "all")
    }


def _of(name: str, spans: Iterable[Span]) -> list[Span]:
    return [span for span in spans if name in {"all", span[2]}]


def _meets(one: Span) -> Callable[[Span], bool]:
    return lambda other: one[0] < other[1] and other[0] < one[1]


def _count(name: str, gold: list[Span], mine: list[Span], *, overlap: bool) -> dict[tuple[str, str], int]:
    if overlap:
        hits = sum(any(_meets(span)(one) and span[2] == one[2] for one in mine) for span in gold)
    else:
        hits = len(set(gold) & set(mine))
    return {(name, "gold"): len(gold), (name, "found"): len(mine), (name, "right"): hits}


def _table(title: str, scores: dict[str, Score]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("", "gold", "found", "precision", "recall", "F1", "F2"):
        table.add_column(column, justify="left" if not column else "right")
    for name, score in scores.items():
        shares = (score.precision, score.recall, score.f(), score.f(2))
        table.add_row(name, str(score.gold), str(score.found), *(f"{share:.3f}" for share in shares))
    return table


def gate_figures(
    model: str, without: NerRecognizer, records: Sequence[dict[str, Any]], plain: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """Tell what the gate lets through: of texts with entities, of the model's findings, and of plain texts."""
    gate = NerRecognizer.load(NerSettings(model=model)).could_hold_name
    named = [record["text"] for record in records if any(span["type"] in ENTITIES for span in record["spans"])]
    texts = [record["text"] for record in records]
    findings = [(gate(text), len(found)) for text, found in zip(texts, without.find(texts), strict=True)]
    rest = [record["text"] for record in plain]
    words = sum(len(text.split()) for text in texts + rest)
    began = time.process_time()
    for text in texts + rest:
        gate(text)
    return {
        "texts with entities let through": statistics.mean(map(gate, named)),
        "findings kept": sum(count for passed, count in findings if passed) / sum(count for _, count in findings),
        "texts without entities let through": statistics.mean(
            gate(record["text"]) for record in [*records, *plain] if not record["spans"]
        ),
        "words per second": words / (time.process_time() - began),
    }


def speed(model: str, texts: Sequence[str]) -> dict[str, float]:
    """Return words per second of CPU time: with an empty cache, with a filled one, and for one text at a time."""
    words = sum(len(text.split()) for text in texts)
    recognizer = NerRecognizer.load(NerSettings(model=model, gate=False))
    documents = [" ".join(texts[low : low + 10]) for low in range(0, len(texts), 10)]
    return {
        "first time": words / _seconds(lambda: recognizer.find(texts)),
        "again": words / min(_seconds(lambda: recognizer.find(texts)) for _ in range(3)),
        "texts of 120 words one by one": words
        / min(_seconds(lambda: [recognizer.find([text]) for text in documents]) for _ in range(3)),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
