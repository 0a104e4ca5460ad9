"""Learn the injection score: corpora and text of our own in, `score/model.json` of a bundle out."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import yaml

from sidecar.core.features import name_of
from sidecar.errors import ConfigError
from sidecar.rules.scoring import CONCEPTS, ModelDocument, pairs_of, read_entries, read_lexicon
from sidecar.training.anchors import choose, expression
from sidecar.training.corpus import TRAINED, find_corpus, fingerprint, read_corpus
from sidecar.training.fit import Settings, fit
from sidecar.training.grammar import generate
from sidecar.training.loso import folds, leave_out
from sidecar.training.metrics import RATES, limit_at, recall_at
from sidecar.training.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sidecar.core.score import ScoreModel
    from sidecar.training.corpus import Record
    from sidecar.training.table import Feature

# What a share of false positives means as a score: half of all verdicts are made between the second and the third.
# A text that not even 0.5 % of benign texts of unseen sources exceed is blocked by the policy that ships.
SCALE = ((0.05, 0.2), (0.01, 0.5), (0.005, 0.8), (0.001, 0.95), (0.0002, 0.99))
# Log-odds of a text far from any attack stand for 0.
_FLOOR = 6.0
# Log-odds so far above the last point are as certain as can be; points are apart by so much at least.
_CEILING = 2.0
_STEP = 0.001
# Weights that move nothing are left out of the file.
NEGLIGIBLE = 0.01
# Scores from which real attacks, and attacks of our own, have to be covered by anchors; both are in `SCALE`.
_COVERED = (0.5, 0.8)


class Learned(msgspec.Struct, frozen=True):
    """A model as a document, and the scores of the texts by models that had not seen their source.

    Args:
        document: what is shipped.
        records: the texts.
        held_out: log-odds of each of them.
    """

    document: ModelDocument
    records: tuple[Record, ...]
    held_out: Any


def learn(
    folder: Path, files: Mapping[str, bytes], settings: Settings, *, progress: Callable[[str, int, int], None]
) -> Learned:
    """Learn the score.

    Args:
        folder: of the corpora.
        files: the bundle, of which the lexicons are used.
        settings: how models are fitted.
        progress: told what is done, how much of it, and of how much.

    Raises:
        ConfigError: the corpus is not there.
        BundleError: the lexicons have faults.
    """
    path, records = _records(folder, settings)
    progress("features", 0, 1)
    lexicon = read_lexicon(files)
    table = Table(records, lexicon)
    everything = np.ones(len(records), dtype=bool)
    many, done = len(folds(table)), iter(range(1, 1000))
    held_out = leave_out(
        table, everything, settings, progress=lambda: progress("leaving sources out", next(done), many)
    )
    progress("the model that ships", 0, 1)
    model = fit(table, everything, settings)
    benign = [
        float(score)
        for score, record in zip(held_out, records, strict=True)
        if not record.is_attack and np.isfinite(score)
    ]
    calibration = calibrate(benign)
    rows = np.arange(len(table.owner))
    fitted = table.worst(model.decision_function(table.matrix), rows)
    own = np.array([record.is_own for record in records])
    flagged, blocked = (next(odds for odds, score in calibration if score == level) for level in _COVERED)
    # Of real attacks those that a model finds without having seen them; of our own, those it is sure of.
    must = (table.labels == 1) & np.where(own, fitted >= blocked, held_out >= flagged)
    anchors = choose(read_words(files), records, must)
    weights = _weights(table, model)
    document = ModelDocument(
        schema=1,
        provenance=_provenance(path, records, settings, held_out),
        bias=round(float(model.intercept_[0]), 4),
        calibration=calibration,
        features={name_of(key, lexicon.concepts): value for key, value in weights.items() if isinstance(key, int)},
        words={key: value for key, value in weights.items() if isinstance(key, str)},
        anchors=dict(sorted((expression(word), weight) for word, weight in anchors.items())),
    )
    return Learned(document, records, held_out)


def learn_without(folder: Path, shipped: ScoreModel) -> Iterator[tuple[list[str], ScoreModel]]:
    """Learn the weights of a model again and again, each time without some sources.

    Args:
        folder: of the corpora.
        shipped: its settings, lexicons, anchors and calibration are kept.

    Yields:
        The families that were left out, and the model; the families of all texts come up once.

    Raises:
        ConfigError: the corpus is not there.
    """
    settings = msgspec.convert(shipped.provenance.get("settings", {}), Settings)
    _, records = _records(folder, settings)
    table = Table(records, shipped.lexicon)
    for names in folds(table):
        model = fit(table, ~np.isin(table.families, names), settings)
        weights = _weights(table, model)
        words = {key: value for key, value in weights.items() if isinstance(key, str)}
        changed = msgspec.structs.replace(
            shipped,
            bias=float(model.intercept_[0]),
            weights={key: value for key, value in weights.items() if isinstance(key, int)},
            words=words,
            pairs=pairs_of(words),
        )
        yield names, changed


def _records(folder: Path, settings: Settings) -> tuple[Path, tuple[Record, ...]]:
    path = find_corpus(folder, TRAINED)
    if path is None:
        raise ConfigError(f"{folder}: holds no {TRAINED}.jsonl.gz to learn from")
    return path, (*read_corpus(path), *generate(settings.seed))


def _weights(table: Table, model: Any) -> dict[Feature, float]:
    """Return the weights that move anything, rounded as in the file."""
    pairs = zip(table.columns, model.coef_[0], strict=True)
    return {feature: round(float(weight), 3) for feature, weight in pairs if abs(weight) >= NEGLIGIBLE}


def read_words(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Return the words of all lexicons by concept."""
    words: dict[str, list[str]] = defaultdict(list)
    for path in sorted(files):
        if path.startswith(CONCEPTS):
            for concept, line in yaml.safe_load(files[path]).items():
                words[concept] += read_entries(line, path)
    return words


def calibrate(benign: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Return the points of the monotone map from log-odds to score, by how rare they are among benign texts."""
    points: list[tuple[float, float]] = []
    for rate, score in SCALE:
        odds = round(limit_at(benign, rate), 3)
        # A small corpus has one text stand for several rates; the map must rise all the same.
        points.append((max(odds, round(points[-1][0] + _STEP, 3)) if points else odds, score))
    return ((round(points[0][0] - _FLOOR, 3), 0.0), *points, (round(points[-1][0] + _CEILING, 3), 0.999))


def mean_recall(records: Sequence[Record], scores: Any, rate: float) -> float:
    """Return recall at a share of false positives, as the mean over the sources that have attacks."""
    benign, by_source = _split(records, scores)
    return sum(recall_at(attacks, benign, rate) for attacks in by_source.values()) / len(by_source)


def _split(records: Sequence[Record], scores: Any) -> tuple[list[float], dict[str, list[float]]]:
    benign: list[float] = []
    by_source: dict[str, list[float]] = defaultdict(list)
    for record, score in zip(records, scores, strict=True):
        if np.isfinite(score):
            (by_source[record.source] if record.is_attack else benign).append(float(score))
    return benign, by_source


def _provenance(path: Path, records: Sequence[Record], settings: Settings, held_out: Any) -> dict[str, Any]:
    real = [record for record in records if not record.is_own]
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "corpora": fingerprint([path]),
        "texts": {"attack": sum(r.is_attack for r in real), "benign": sum(not r.is_attack for r in real)},
        "own texts": {
            "attack": sum(r.is_attack for r in records) - sum(r.is_attack for r in real),
            "benign": len(records) - len(real) - sum(r.is_attack for r in records) + sum(r.is_attack for r in real),
        },
        "sources": sorted({record.source for record in real}),
        "settings": msgspec.to_builtins(settings),
        "recall by held-out source": {
            f"at {rate:.1%}": round(mean_recall(records, held_out, rate), 3) for rate in RATES
        },
    }
