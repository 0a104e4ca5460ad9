"""Texts as a table: one row per window, one column per feature; a text is as bad as its worst window."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from sidecar.core.features import features, windows
from sidecar.core.lexicon import Lexicon, fold, tokenise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sidecar.training.corpus import Record

# Features are kept that occur in so many windows, and in texts of so many sources.
ROWS_MINIMUM = 6
SOURCES_MINIMUM = 2
# Words are phrases of their source sooner than concepts are: they need more of both.
WORD_ROWS_MINIMUM = 8
WORD_SOURCES_MINIMUM = 4

Feature = int | str


class Table:
    """The windows of records.

    Args:
        records: labelled texts.
        lexicon: finds their concepts.
        columns: the features to keep; chosen from the records if left out.
    """

    def __init__(self, records: Sequence[Record], lexicon: Lexicon, columns: Sequence[Feature] | None = None) -> None:
        rows: list[set[Feature]] = []
        owner: list[int] = []
        for number, record in enumerate(records):
            for row in windows_of(record.text, lexicon):
                rows.append(row)
                owner.append(number)
        self.owner = np.array(owner)
        self.labels = np.array([record.is_attack for record in records], dtype=int)
        self.sources = np.array([record.source for record in records])
        self.families = np.array([record.family for record in records])
        self.columns = tuple(columns) if columns is not None else _choose(rows, self.families[self.owner])
        self.matrix = _matrix(rows, self.columns)

    def worst(self, row_scores: Any, rows: Any) -> Any:
        """Return the score of each text: the highest of its windows.

        Args:
            row_scores: of the chosen rows.
            rows: their indexes.
        """
        scores = np.full(len(self.labels), -np.inf)
        np.maximum.at(scores, self.owner[rows], row_scores)
        return scores


def windows_of(text: str, lexicon: Lexicon) -> Iterator[set[Feature]]:
    """Yield the features of each window of a text: concepts as numbers, words and pairs of words as text."""
    tokens = tokenise(fold(text))
    occurrences = lexicon.occurrences(tokens)
    for first, end in windows(len(tokens)):
        inside = [found for found in occurrences if first <= found[0] and found[1] <= end]
        row: set[Feature] = set(features(inside, end - first))
        row.update(tokens[first:end])
        row.update(f"{one} {two}" for one, two in zip(tokens[first : end - 1], tokens[first + 1 : end], strict=True))
        yield row


def _choose(rows: Sequence[set[Feature]], families: Any) -> tuple[Feature, ...]:
    count: dict[Feature, int] = defaultdict(int)
    seen: dict[Feature, set[str]] = defaultdict(set)
    for row, family in zip(rows, families, strict=True):
        for feature in row:
            count[feature] += 1
            seen[feature].add(family)

    def is_kept(feature: Feature) -> bool:
        if isinstance(feature, str):
            return count[feature] >= WORD_ROWS_MINIMUM and len(seen[feature]) >= WORD_SOURCES_MINIMUM
        return count[feature] >= ROWS_MINIMUM and len(seen[feature]) >= SOURCES_MINIMUM

    return tuple(sorted(filter(is_kept, count), key=lambda feature: (isinstance(feature, str), feature)))


def _matrix(rows: Sequence[set[Feature]], columns: Sequence[Feature]) -> Any:
    place = {feature: column for column, feature in enumerate(columns)}
    indexes: list[int] = []
    bounds = [0]
    for row in rows:
        indexes.extend(place[feature] for feature in row if feature in place)
        bounds.append(len(indexes))
    return csr_matrix((np.ones(len(indexes), np.float32), indexes, bounds), shape=(len(rows), len(columns)))
