"""Which words gate the score: an attack must have one of them, and other texts should rarely."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from sidecar.core.lexicon import Lexicon, fold, tokenise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sidecar.training.corpus import Record

# Concepts all of whose words are anchors that no benign text has.
STRONG = frozenset(
    {
        "agentread", "fromnow", "jailname", "mode", "override", "persona", "placeholder", "secret", "staychar",
        "sysprompt", "tworesp", "unrestricted", "userdata", "younow",
    }
)  # fmt: skip
# Attacks of unseen sources that the model finds and that the gate may lose at most.
_LOST = 0.01
# Weights of less than this are no anchors.
_NEGLIGIBLE = 0.05
_INVERSE_PENALTY = 0.5


def expression(entry: str) -> str:
    """Return the expression of a lexicon's entry: bounded, without look-around, good for every engine."""
    words = [word.rstrip("*") for word in entry.split()]
    if not entry.isascii():
        return r"\s{0,3}".join(re.escape(word) for word in words)
    parts = [re.escape(part) for word in words for part in tokenise(fold(word))]
    ending = "" if entry.endswith("*") else r"\b"
    return r"\b" + r"\W{1,2}".join(parts) + ending


def choose(entries: Mapping[str, Iterable[str]], records: Sequence[Record], must: Any) -> dict[str, float]:
    """Choose the anchors: together, those that fire must weigh 1 before a text is looked at.

    Args:
        entries: the lexicons, words by concept.
        records: texts.
        must: which of them have to be looked at, a mask: attacks that the model would find.

    Returns:
        Entries and what they weigh.
    """
    words = sorted({word for group in entries.values() for word in group})
    finder = Lexicon({word: (word,) for word in words})
    fired = [_fired(finder, record.text, len(words)) for record in records]
    learned = _learn(fired, len(words), records, must)
    strong = {word for concept, group in entries.items() if concept in STRONG for word in group}
    heard = frozenset().union(*(numbers for numbers, it in zip(fired, records, strict=True) if not it.is_attack))
    # A strong word that no benign text has is an anchor by itself, whether the training texts needed it or not.
    alone = {number for number, word in enumerate(words) if word in strong and number not in heard}
    return {
        word: round(max(float(learned[number]), float(number in alone)), 3)
        for number, word in enumerate(words)
        if (learned[number] > _NEGLIGIBLE or number in alone) and not _is_implied(finder, word, number, alone)
    }


def _learn(fired: Sequence[frozenset[int]], many: int, records: Sequence[Record], must: Any) -> Any:
    """Weigh words by a regression that has no use for negative ones, on a scale on which 1 loses few attacks."""
    bounds = np.cumsum([0, *map(len, fired)])
    indexes = [number for numbers in fired for number in sorted(numbers)]
    matrix = csr_matrix((np.ones(len(indexes)), indexes, bounds), shape=(len(fired), many))
    used = must | ~np.array([record.is_attack for record in records])
    model = LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", solver="liblinear", random_state=0)
    model.fit(matrix[used], must[used])
    weights = np.maximum(model.coef_[0], 0)
    real = must & ~np.array([record.is_own for record in records])
    return weights / np.quantile((matrix @ weights)[real if real.any() else must], _LOST)


def _is_implied(finder: Lexicon, word: str, number: int, alone: set[int]) -> bool:
    """Say whether a part of an entry is enough by itself, so that the whole adds nothing but work."""
    tokens = tokenise(fold(word.replace("*", "")))
    return any(other in alone for _, _, other in finder.occurrences(tokens) if other != number)


def _fired(finder: Lexicon, text: str, many: int) -> frozenset[int]:
    tokens = tokenise(fold(text))
    return frozenset(number for _, _, number in finder.occurrences(tokens) if number < many)
