"""The accuracy report: ACCURACY.md, accuracy.json and accuracy.svg, all from one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import msgspec

from benchmarks.accuracy import Accuracy, Evaded, Scores
from sidecar.training.metrics import RATES, Figures

_RATES = tuple(f"{rate:.1%}" for rate in RATES)


def write(result: Accuracy, scores: Scores, folder: Path) -> None:
    """Write the report, its figures and its plot.

    Args:
        result: what was measured.
        scores: of the texts, for the plot.
        folder: where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accuracy.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    (folder / "ACCURACY.md").write_text("\n".join(_lines(result)) + "\n", "utf-8")
    _plot(scores, folder / "accuracy.svg")


def _lines(result: Accuracy) -> Iterator[str]:
    yield "# Accuracy"
    yield ""
    yield "Made by `sidecar bench accuracy --corpus DIR`; every figure is from one run, none is typed."
    yield f"Threshold {result.threshold}: from which the default policy blocks. {_sentence(result.machine)}."
    yield ""
    yield "*Held out*: each text is scored through the whole engine with weights that were learned without its source and"
    yield "its source's relatives (lexicons, anchors and rules are the same). *Shipped*: with the weights that ship, which"
    yield "have seen the `injection` corpus; read those figures as an upper bound."
    yield ""
    yield "![ROC](accuracy.svg)"
    yield ""
    yield "## Recall, mean over sources with attacks"
    yield ""
    yield f"| | {' | '.join(f'at {rate} FPR' for rate in _RATES)} |"
    yield f"|---|{'---:|' * len(_RATES)}"
    for kind, means in result.mean_over_sources.items():
        for corpus in dict.fromkeys(name.rpartition(" at ")[0] for name in means):
            cells = " | ".join(f"{means[f'{corpus} at {rate}']:.1%}" for rate in _RATES)
            yield f"| {kind}: `{corpus}` | {cells} |"
    for title, tables in (("Held out", result.held_out), ("Shipped", result.shipped)):
        for corpus, table in tables.items():
            yield from _table(f"{title}: {corpus}", table)
    if result.evasions:
        yield from _evasions(result.evasions)


def _sentence(machine: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in machine.items())


def _table(title: str, table: Mapping[str, Figures]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| source | attacks | benign | recall | FPR | AUC | {' | '.join(f'recall at {rate}' for rate in _RATES)} |"
    yield f"|---|{'---:|' * (5 + len(_RATES))}"
    for source, item in table.items():
        recalls = " | ".join(_percent(item.recall_at.get(rate)) for rate in _RATES)
        yield (
            f"| {source} | {item.attacks} | {item.benign} | {_percent(item.recall)} | {_percent(item.false_positives, 2)}"
            f" | {'' if item.auc is None else f'{item.auc:.3f}'} | {recalls} |"
        )


def _percent(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{share:.{digits}%}"


def _evasions(evasions: Sequence[Evaded]) -> Iterator[str]:
    plain = evasions[0]
    claimed = [item for item in evasions if not item.hard]
    kept = [item.recall / item.recall_plain for item in claimed]
    worst = min(claimed, key=lambda item: item.recall)
    yield ""
    yield "## After one evasion"
    yield ""
    yield (
        f"On English texts of the `injection` corpus, weights as shipped. Plain: recall {plain.recall_plain:.1%}, FPR"
        f" {plain.false_positives_plain:.1%}. Mean of the recall kept {sum(kept) / len(kept):.1%}, worst"
        f" {worst.recall / worst.recall_plain:.1%} ({worst.name}); those marked hard are reported, not claimed."
    )
    yield ""
    yield "| evasion | recall | kept | FPR | more FPR | |"
    yield "|---|---:|---:|---:|---:|---|"
    for item in evasions:
        more = item.false_positives - item.false_positives_plain
        yield (
            f"| {item.name} | {item.recall:.1%} | {item.recall / item.recall_plain:.1%} | {item.false_positives:.1%}"
            f" | {more:+.1%} | {'hard' if item.hard else ''} |"
        )


def _plot(scores: Scores, path: Path) -> None:
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "portcullis"  # the same figures give the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    scored = scores["injection"]
    benign = sorted((score for record, score in scored if not record.is_attack), reverse=True)
    figure, axes = plt.subplots(figsize=(6.4, 4.8))
    for source in sorted({record.source for record, _ in scored if record.is_attack}):
        attacks = [score for record, score in scored if record.is_attack and record.source == source]
        axes.step(*_curve(attacks, benign), linewidth=0.8, alpha=0.6, label=f"{source} ({len(attacks)})")
    everything = [score for record, score in scored if record.is_attack]
    axes.step(*_curve(everything, benign), color="black", linewidth=2, label=f"all ({len(everything)})")
    axes.set(xscale="log", xlim=(2e-4, 1), ylim=(0, 1), xlabel="false-positive rate", ylabel="recall")
    axes.set_title("Injection score, each source held out")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=6, loc="lower right")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _curve(attacks: Sequence[float], benign: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return false-positive rates and recalls, one point for each benign text from the highest score down."""
    ordered = sorted(attacks, reverse=True)
    rates, recalls, passed = [], [], 0
    for place, limit in enumerate(benign):
        while passed < len(ordered) and ordered[passed] > limit:
            passed += 1
        rates.append(place / len(benign))
        recalls.append(passed / len(ordered))
    return [*rates, 1.0], [*recalls, 1.0]
