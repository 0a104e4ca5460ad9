"""Leave-one-source-out: each text is scored by a model that saw nothing of its source, nor of the source's relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sidecar.training.corpus import OWN
from sidecar.training.fit import Settings, fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.training.table import Table

# Sources without attacks are left out a few at a time: they only give negatives, and a model costs seconds.
BENIGN_FOLDS = 5


def folds(table: Table) -> list[list[str]]:
    """Return the families to leave out, one list per model; each family with attacks has a model of its own."""
    real = [name for name in np.unique(table.families) if not name.startswith(OWN)]
    attacked = [name for name in real if table.labels[table.families == name].any()]
    benign = [name for name in real if name not in attacked]
    return [[name] for name in attacked] + [
        benign[n::BENIGN_FOLDS] for n in range(BENIGN_FOLDS) if benign[n::BENIGN_FOLDS]
    ]


def leave_out(table: Table, trained: Any, settings: Settings, *, progress: Callable[[], None] = lambda: None) -> Any:
    """Score every text by a model that did not see its family.

    Args:
        table: all texts.
        trained: which of them may be learned from, a mask.
        settings: how models are fitted.
        progress: called after each model.

    Returns:
        The log-odds of each text; minus infinity for generated ones.
    """
    scores = np.full(len(table.labels), -np.inf)
    for names in folds(table):
        out = np.isin(table.families, names)
        model = fit(table, trained & ~out, settings)
        rows = np.flatnonzero(out[table.owner])
        scores[out] = table.worst(model.decision_function(table.matrix[rows]), rows)[out]
        progress()
    return scores
