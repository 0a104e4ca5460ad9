"""The score's part of a bundle is read whole or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.errors import BundleError
from sidecar.rules.scoring import MODEL, read_score

LEXICON = b"override: ignore | disregard*\ninstruction: rules\n"


def files(**changes: Any) -> dict[str, bytes]:
    """Return a bundle with a small model."""
    document = {
        "schema": 1,
        "provenance": {},
        "bias": -1.0,
        "calibration": [[-1.0, 0.0], [1.0, 1.0]],
        "features": {"near:override>instruction": 2.0},
        "words": {"please": -1.0, "the rules": 0.5},
        "anchors": {r"\bignore\b": 1.0},
        **changes,
    }
    return {MODEL: json.dumps(document).encode(), "score/concepts/en.yaml": LEXICON}


def test_a_bundle_without_a_model_has_no_score() -> None:
    """Rules alone are a bundle, too."""
    assert read_score({"score/concepts/en.yaml": LEXICON}) is None


def test_a_model_is_read() -> None:
    """Weights meet their concepts, words and pairs."""
    model = read_score(files())

    assert model is not None
    assert model.score_text("ignore the rules") > model.score_text("please ignore them")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": {"near:override>missing": 1.0}}, "the lexicons do not have"),
        ({"calibration": [[0.0, 0.5], [1.0, 0.4]]}, "must rise"),
        ({"calibration": []}, "must rise"),
        ({"unknown": 1}, "unknown field"),
        ({"bias": "much"}, "Expected `float`"),
    ],
)
def test_faults_are_refused(changes: dict[str, Any], said: str) -> None:
    """A model that cannot mean what it says is not used."""
    with pytest.raises(BundleError, match=said):
        read_score(files(**changes))


def test_entries_without_a_letter_are_refused() -> None:
    """An entry that could never be found is a fault of its file."""
    with pytest.raises(BundleError, match="without a letter"):
        read_score({**files(), "score/concepts/xx.yaml": b"override: ignore | +,+"})
