"""The score's part of a bundle: lexicons (`score/concepts/<language>.yaml`) and learned weights (`score/model.json`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from sidecar.core.features import feature_of
from sidecar.core.lexicon import Lexicon, keys_of
from sidecar.core.scan import Gate
from sidecar.core.score import ScoreModel
from sidecar.errors import BundleError
from sidecar.rules.documents import load

MODEL = "score/model.json"
CONCEPTS = "score/concepts/"
# Concepts and marks are numbered in seven bits (`core.features`).
_CONCEPTS_LIMIT = 100


class ModelDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The learned model as a file.

    Args:
        schema: 1.
        provenance: what it was learned from, when, and how well it did.
        bias: log-odds of a text without features.
        calibration: pairs of log-odds and score, both rising.
        features: weights by the features' names.
        words: weights of words, and of pairs of them with a space between.
        anchors: regular expressions in the common subset; those that match must add up to 1 before a text is weighed.
    """

    schema: int
    provenance: dict[str, Any]
    bias: float
    calibration: tuple[tuple[float, float], ...]
    features: dict[str, float]
    words: dict[str, float]
    anchors: dict[str, float]


def read_lexicon(files: Mapping[str, bytes]) -> Lexicon:
    """Read the lexicons of a bundle; each file is a language, each key a concept, its words parted by ` | `.

    Args:
        files: content by path relative to the bundle's root.

    Raises:
        BundleError: a file has faults, or there are too many concepts.
    """
    entries: dict[str, list[str]] = defaultdict(list)
    for path in sorted(files):
        if path.startswith(CONCEPTS) and path.endswith(".yaml"):
            for concept, words in load(files[path], path, dict[str, str]).items():
                entries[concept] += read_entries(words, f"{path}: {concept}")
    if len(entries) > _CONCEPTS_LIMIT:
        raise BundleError(f"{CONCEPTS}:1: {len(entries)} concepts where there is room for {_CONCEPTS_LIMIT}")
    return Lexicon({concept: entries[concept] for concept in sorted(entries)})


def read_entries(words: str, place: str) -> list[str]:
    """Return the entries of one line of a lexicon.

    Raises:
        BundleError: an entry has no letter, and could never be found.
    """
    entries = [word.strip() for word in words.split(" | ")]
    empty = [entry for entry in entries if not keys_of(entry)]
    if empty:
        raise BundleError(f"{place}: entries without a letter: {empty}")
    return entries


def read_score(files: Mapping[str, bytes]) -> ScoreModel | None:
    """Read the learned score of a bundle; None where it has none.

    Args:
        files: content by path relative to the bundle's root.

    Raises:
        BundleError: it has faults.
    """
    if MODEL not in files:
        return None
    lexicon = read_lexicon(files)
    try:
        document = msgspec.json.decode(files[MODEL], type=ModelDocument)
        places = {concept: place for place, concept in enumerate(lexicon.concepts)}
        weights = {feature_of(name, places): weight for name, weight in document.features.items()}
    except msgspec.DecodeError as error:
        raise BundleError(f"{MODEL}:1: {error}") from None
    except (KeyError, ValueError) as error:
        raise BundleError(f"{MODEL}:1: a feature that the lexicons do not have: {error}") from None
    points = document.calibration
    rises = all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(points))
    if not points or not rises:
        raise BundleError(f"{MODEL}:1: `calibration` must rise from point to point")
    return ScoreModel(
        lexicon=lexicon,
        bias=document.bias,
        weights=weights,
        words=document.words,
        pairs=pairs_of(document.words),
        calibration=points,
        anchors={Gate(anchor, literal=False): weight for anchor, weight in document.anchors.items()},
        provenance=document.provenance,
    )


def pairs_of(words: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the second words of pairs, by the first one."""
    pairs: dict[str, set[str]] = defaultdict(set)
    for word in words:
        one, _, two = word.partition(" ")
        if two:
            pairs[one].add(two)
    return {one: frozenset(seconds) for one, seconds in pairs.items()}
