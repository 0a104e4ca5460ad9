"""Features: concepts, pairs and triples within bounded gaps, in windows that cover every token."""

from __future__ import annotations

import pytest

from sidecar.core.features import FAR, NEAR, STRIDE, WINDOW, feature_of, features, name_of, windows

CONCEPTS = ("override", "previous", "instruction")
PLACES = {concept: place for place, concept in enumerate(CONCEPTS)}


def names(occurrences: list[tuple[int, int, int]], length: int = 5) -> set[str]:
    """Return the names of the features of a window."""
    return {name_of(feature, CONCEPTS) for feature in features(occurrences, length)}


def test_neighbours_make_pairs_and_triples() -> None:
    """Three concepts in a row give three single ones, their pairs and the triple."""
    found = names([(0, 1, 0), (1, 2, 1), (2, 3, 2)])

    assert {"near:override>previous", "near:previous>instruction", "near:override>instruction"} <= found
    assert "triple:override>previous>instruction" in found
    assert "longer:4" in found
    assert "longer:8" not in found


@pytest.mark.parametrize(("gap", "kind"), [(NEAR, "near"), (NEAR + 1, "far"), (FAR, "far")])
def test_pairs_know_how_far_apart_they_are(gap: int, kind: str) -> None:
    """A pair is near or far, by the tokens between."""
    assert f"{kind}:override>instruction" in names([(0, 1, 0), (1 + gap, 2 + gap, 2)])


def test_pairs_beyond_the_gap_are_none() -> None:
    """What stands in another sentence is no pair."""
    assert not any(">" in name for name in names([(0, 1, 0), (2 + FAR, 3 + FAR, 2)]))


def test_overlapping_entries_are_no_pair() -> None:
    """A long entry and a short one inside it say one thing."""
    assert not any(">" in name for name in names([(0, 3, 0), (1, 2, 1)]))


@pytest.mark.parametrize("length", [0, 1, WINDOW, WINDOW + STRIDE // 2, WINDOW + STRIDE, 1000])
def test_windows_cover_every_token(length: int) -> None:
    """No token is left out, and no window is longer than the longest."""
    covered = {token for first, end in windows(length) for token in range(first, end)}

    assert set(range(length)) == covered
    assert all(end - first <= WINDOW + STRIDE // 2 for first, end in windows(length))


@pytest.mark.parametrize("name", ["once:previous", "often:override", "far:override>instruction", "longer:60"])
def test_names_lead_back_to_features(name: str) -> None:
    """A name in a file stands for the feature it was made of."""
    assert name == name_of(feature_of(name, PLACES), CONCEPTS)


@pytest.mark.parametrize("name", ["never:previous", "once:unknown"])
def test_unknown_names_are_refused(name: str) -> None:
    """A kind or concept that does not exist is an error, not a weight that never counts."""
    with pytest.raises(KeyError):
        feature_of(name, PLACES)
