"""Regularised logistic regression over windows; which window of an attack is the attack is found on the way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from sidecar.training.table import Table


class Settings(msgspec.Struct, frozen=True):
    """How the model is fitted; the values that ship were chosen by leaving sources out (benchmarks/ACCURACY.md).

    Args:
        inverse_penalty: scikit-learn's C; smaller is smoother.
        attack_share: weight of all attacks together.
        rounds: how often the windows of attacks are chosen anew.
        attack_windows: windows of an attack that count as one.
        benign_windows: windows of a benign text, drawn by chance.
        hard_windows: benign windows with the highest scores, added in each round.
        seed: of the draw.
    """

    inverse_penalty: float = 0.01
    attack_share: float = 0.2
    rounds: int = 2
    attack_windows: int = 2
    benign_windows: int = 6
    hard_windows: int = 8000
    seed: int = 7


def fit(table: Table, texts: Any, settings: Settings) -> Any:
    """Fit a model on some of the texts of a table.

    Args:
        table: the windows.
        texts: which texts may be seen, a mask.
        settings: how.

    Returns:
        A fitted `LogisticRegression`.
    """
    rows = np.flatnonzero(texts[table.owner])
    attacks = rows[table.labels[table.owner[rows]] == 1]
    benign = rows[table.labels[table.owner[rows]] == 0]
    order = np.random.default_rng(settings.seed).random(len(benign))
    chosen_benign = _first_of_each(table, benign, order, settings.benign_windows)
    chosen_attacks = attacks
    for turn in range(settings.rounds + 1):
        chosen = np.concatenate([chosen_benign, chosen_attacks])
        labels = table.labels[table.owner[chosen]]
        weights = _weights(labels, table.sources[table.owner[chosen]], settings.attack_share)
        model = LogisticRegression(C=settings.inverse_penalty, solver="liblinear", random_state=settings.seed)
        model.fit(table.matrix[chosen], labels, weights)
        if turn < settings.rounds:
            scores = model.decision_function(table.matrix[attacks])
            chosen_attacks = _first_of_each(table, attacks, -scores, settings.attack_windows)
            hardest = np.argsort(-model.decision_function(table.matrix[benign]), kind="stable")
            chosen_benign = np.union1d(chosen_benign, benign[hardest[: settings.hard_windows]])
    return model


def _first_of_each(table: Table, rows: Any, order: Any, many: int) -> Any:
    """Return so many rows of each text, those that are lowest in order."""
    by_text = np.lexsort((order, table.owner[rows]))
    owner = table.owner[rows][by_text]
    places = np.arange(len(owner))
    begins = np.concatenate([[True], owner[1:] != owner[:-1]])
    rank = places - np.maximum.accumulate(np.where(begins, places, 0))
    return rows[by_text][rank < many]


def _weights(labels: Any, sources: Any, attack_share: float) -> Any:
    """Weigh each source by the root of its size, and attacks against benign texts by a share."""
    weights = np.zeros(len(labels))
    for label, share in ((0, 1 - attack_share), (1, attack_share)):
        mine = np.flatnonzero(labels == label)
        sizes = Counter(sources[mine])
        weights[mine] = [sizes[source] ** -0.5 for source in sources[mine]]
        weights[mine] *= share * len(labels) / weights[mine].sum()
    return weights
