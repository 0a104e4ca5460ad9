"""Which words gate the score: an attack must have one of them, and other texts should rarely."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from sidecar.core.lexicon import Lexicon, fold, tokenise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sidecar.training.corpus import Record

# Concepts all of whose rare words are anchors, whether the training texts needed them or not.
STRONG = frozenset(
    {
        "agentread", "fromnow", "jailname", "mode", "override", "persona", "placeholder", "secret", "staychar",
        "sysprompt", "tworesp", "unrestricted", "userdata", "younow",
    }
)  # fmt: skip
# A word of theirs is an anchor by itself where no source of benign texts has it in more than this share of them.
RARE = 0.002
# A source with fewer benign texts says nothing about shares.
_SOURCE_MINIMUM = 100
# Attacks that the model finds and that the gate may lose at most; what it asks for costs time, not verdicts.
_LOST = 0.015
# Weights of less than this are no anchors.
_NEGLIGIBLE = 0.05
_INVERSE_PENALTY = 0.05


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
    rate = _benign_rate(records, fired)
    alone = {number for number, word in enumerate(words) if word in strong and rate[number] <= RARE}
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
    return weights / np.quantile((matrix @ weights)[must], _LOST)


def _is_implied(finder: Lexicon, word: str, number: int, alone: set[int]) -> bool:
    """Say whether a part of an entry is enough by itself, so that the whole adds nothing but work."""
    tokens = tokenise(fold(word.replace("*", "")))
    return any(other in alone for _, _, other in finder.occurrences(tokens) if other != number)


def _fired(finder: Lexicon, text: str, many: int) -> frozenset[int]:
    tokens = tokenise(fold(text))
    return frozenset(number for _, _, number in finder.occurrences(tokens) if number < many)


def _benign_rate(records: Sequence[Record], fired: Sequence[frozenset[int]]) -> dict[int, float]:
    """Return the share of benign texts that have a word, in the source that has it most."""
    size: Counter[str] = Counter()
    count: dict[str, Counter[int]] = defaultdict(Counter)
    for record, numbers in zip(records, fired, strict=True):
        if not record.is_attack and not record.source.startswith("own:"):
            size[record.source] += 1
            count[record.source].update(numbers)
    rate: dict[int, float] = defaultdict(float)
    for source, counted in count.items():
        if size[source] >= _SOURCE_MINIMUM:
            for number, times in counted.items():
                rate[number] = max(rate[number], times / size[source])
    return rate
