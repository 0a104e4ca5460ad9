"""`sidecar bench pii`: how well and how fast PII is found, beside plain Presidio with the same model in the same run."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import presidio_analyzer  # the whole package, before anything stages it
from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
from rich.console import Console
from rich.progress import track

from benchmarks.peers.presidio import gated, recognizers
from benchmarks.pii_scores import Counts, Span, by_type, count, total
from benchmarks.tables import markdown_table
from sidecar.app import load_snapshot
from sidecar.backends import ner_component  # noqa: F401 - the model's component, which spaCy looks up by name
from sidecar.backends.hyperscan_scanner import engine_version
from sidecar.backends.ner_settings import SHIPPED_MODEL
from sidecar.backends.presidio_load import take_offline
from sidecar.settings import Options

FILES = ("pii.jsonl.gz", "pii_partial.jsonl.gz", "pii_recognizer_tests.jsonl.gz")
_CLEAN = (
    "The quick summary of our meeting: we agreed that the new onboarding flow should be simpler, and that the copy on the "
    "landing page needs work. Please draft three variants of the headline, keep the tone friendly, and avoid jargon. Also list "
    "the open questions we still have about pricing and support, and suggest who could answer them. "
)
_FOUR = (
    f"{_CLEAN}Mail me at anna.smith@example.com, or call +1 212 555 0187. {_CLEAN}"
    f"The card is 4111 1111 1111 1111 and the host was 192.168.17.4 then. {_CLEAN}"
)[:1024]


class Record(NamedTuple):
    """An annotated text."""

    file: str
    source: str
    text: str
    spans: tuple[Span, ...]


class Run(NamedTuple):
    """What one system found in every text, and the seconds it took."""

    found: list[list[Span]]
    seconds: float


def read(corpus: Path) -> list[Record]:
    """Read the annotated texts of a folder."""
    records = []
    for name in FILES:
        path = corpus / name
        if path.exists():
            with gzip.open(path, "rt") as lines:
                for line in lines:
                    item = json.loads(line)
                    spans = tuple((span["start"], span["end"], span["type"]) for span in item["spans"])
                    records.append(Record(name.partition(".")[0], item["source"], item["text"], spans))
    return records


def plain_presidio() -> Callable[[str], list[Span]]:
    """Return Presidio as its documentation sets it up, with the model that ships here."""
    entities = ("PERSON", "LOCATION", "ORGANIZATION")
    mapping = NerModelConfiguration(model_to_presidio_entity_mapping={name: name for name in entities})
    nlp = SpacyNlpEngine(
        models=[{"lang_code": "en", "model_name": str(SHIPPED_MODEL)}], ner_model_configuration=mapping
    )
    engine = presidio_analyzer.AnalyzerEngine(nlp_engine=nlp)

    def find(text: str) -> list[Span]:
        return [(item.start, item.end, item.entity_type) for item in engine.analyze(text, "en")]

    return find


def ours(policy: str) -> Callable[[str], list[Span]]:
    """Return the sidecar under a policy, names included where it has them."""
    check = load_snapshot(Options(policy=policy, inline=True)).filter()

    def find(text: str) -> list[Span]:
        decision = check.check_text(text).decision
        return [(f.start, f.end, f.entity) for f in decision.findings if f.family == "pii" and f.entity]

    return find


def run(find: Callable[[str], list[Span]], records: Sequence[Record], title: str) -> Run:
    """Run a system over all texts."""
    find("Warm up: Anna lives in Paris, call +1 212 555 0187 or mail a@example.com.")
    found = []
    seconds = 0.0
    for record in track(records, title):
        begin = time.process_time()
        spans = find(record.text)
        seconds += time.process_time() - begin
        found.append(spans)
    return Run(found, seconds)


def microseconds(find: Callable[[str], Any], text: str) -> float:
    """Return the processor time of one call: the best of nine rounds of at least 20 ms."""
    rounds: list[float] = []
    calls = 1
    while len(rounds) < 9:
        begin = time.process_time()
        for _ in range(calls):
            find(text)
        spent = time.process_time() - begin
        if spent < 0.02:
            calls *= 2
        else:
            rounds.append(spent / calls * 1e6)
    return min(rounds)


@click.command()
@click.option("--corpus", default="../shared/corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the tables as Markdown.")
@click.option("--quick", is_flag=True, help="Every fiftieth text; figures are rough.")
def pii(corpus: Path, report: Path | None, *, quick: bool) -> None:
    """Precision, recall, F1 and F2 per source and entity, and the time, of the sidecar and of plain Presidio.

    \b
    Examples:
      sidecar bench pii --quick
      sidecar bench pii --corpus ../shared/corpora --report benchmarks/PII.md
    """
    take_offline()
    records = read(corpus)[:: 50 if quick else 1]
    runs = {
        "Presidio": run(plain_presidio(), records, "plain Presidio"),
        "full": run(ours("full"), records, "policy full"),
        "default": run(ours("default"), records, "policy default"),
    }
    text = "\n\n".join((_head(records), _sources(records, runs), _types(records, runs), _times(records, runs))) + "\n"
    if report is not None:
        report.write_text(text)
    Console().print(text, markup=False, highlight=False)


def _head(records: Sequence[Record]) -> str:
    return (
        "# PII: the sidecar beside plain Presidio\n\n"
        "Generated by `sidecar bench pii`; both systems in one process, with the NER model that ships (`sidecar/models/ner_en`).\n"
        "*Presidio* is `AnalyzerEngine()` with its default English recognizers, no threshold. *full* and *default* are the policies\n"
        "that ship. A hit is an overlap; *typed* asks for the same entity type, too. F2 weighs recall four times.\n"
        "Annotations hold types that neither system looks for (age, profession, street address): they count as missed.\n"
        f"{len(records)} texts; Hyperscan {engine_version()}."
    )


def _sources(records: Sequence[Record], runs: dict[str, Run]) -> str:
    groups = ["pii", *sorted({record.source for record in records if record.file == "pii"})]
    groups += [name for name in ("pii_partial", "pii_recognizer_tests") if any(r.file == name for r in records)]
    rows = []
    for group in groups:
        chosen = [index for index, record in enumerate(records) if group in (record.file, record.source)]
        for name, result in runs.items():
            untyped, typed = (
                total(count(records[i].spans, result.found[i], typed=kind) for i in chosen) for kind in (False, True)
            )
            rows.append([group, name, f"{typed.gold}", f"{typed.found}", *_figures(untyped), *_figures(typed)])
    heads = ["source", "system", "gold", "found", "P", "R", "F1", "F2", "P typed", "R typed", "F1 typed", "F2 typed"]
    return "## By source\n\n" + markdown_table(heads, rows)


def _types(records: Sequence[Record], runs: dict[str, Run]) -> str:
    chosen = [index for index, record in enumerate(records) if record.file == "pii"]
    golds = [records[index].spans for index in chosen]
    counts = {name: by_type(golds, [result.found[index] for index in chosen]) for name, result in runs.items()}
    names = sorted({kind for each in counts.values() for kind in each})
    rows = []
    for kind in names:
        each = [counts[name].get(kind, Counts()) for name in runs]
        gold = max(item.gold for item in each)
        figures = [
            figure for item in each for figure in (f"{item.found}", f"{item.precision:.2f}", f"{item.recall:.2f}")
        ]
        rows.append([kind, f"{gold}", *figures])
    heads = ["entity", "gold", *(f"{name} {figure}" for name in runs for figure in ("found", "P", "R"))]
    return "## By entity (corpus `pii`, typed)\n\n" + markdown_table(heads, rows)


def _times(records: Sequence[Record], runs: dict[str, Run]) -> str:
    size = sum(len(record.text) for record in records)
    rows = [[name, f"{result.seconds:.2f}", f"{result.seconds / size * 1e9:.0f}"] for name, result in runs.items()]
    plain, gates, whole = recognizers(), gated(), ours("default")
    micro = []
    for title, text in (("clean, 1 KB", _CLEAN * 4), ("four entities, 1 KB", _FOUR)):
        slow, quick, all_ = (microseconds(find, text[:1024]) for find in (plain, gates, whole))
        micro.append([title, f"{slow:.0f}", f"{quick:.1f}", f"{slow / quick:.1f}", f"{all_:.1f}"])
    heads = [
        "text",
        "Presidio's recognizers, us",
        "the same behind gates, us",
        "times faster",
        "policy default, all rules, us",
    ]
    return (
        "## Time\n\nProcessor time over all texts; *full* and *Presidio* run the NER model.\n\n"
        + markdown_table(["system", "seconds", "us for 1,000 characters"], rows)
        + "\n\n"
        + markdown_table(heads, micro)
    )


def _figures(counts: Counts) -> list[str]:
    return [f"{value:.3f}" for value in (counts.precision, counts.recall, counts.f(1), counts.f(2))]
