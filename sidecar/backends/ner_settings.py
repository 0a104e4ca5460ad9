"""Which pipeline finds names, and how sure it must be; importable without spaCy."""

from __future__ import annotations

from pathlib import Path

import msgspec

SHIPPED_MODEL = Path(__file__).parent.parent / "models" / "ner_en"

# Labels of the usual spaCy models, as Presidio maps them; what is not named here is dropped.
LABELS = {
    "PERSON": "PERSON",
    "PER": "PERSON",
    "LOCATION": "LOCATION",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "ORG": "ORGANIZATION",
}


class NerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which pipeline finds names, and how sure it must be.

    Args:
        model: a folder or installed package that `spacy.load` takes; empty for the model that ships.
        labels: entity type of each of the pipeline's labels; labels without one are dropped.
        score: of findings of a pipeline that gives none (Presidio's default for spaCy).
        min_score: findings below it are dropped.
        gate: skip texts that cannot hold a name; only for the model that ships, whose tables it uses.
    """

    model: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=LABELS.copy)
    score: float = 0.85
    min_score: float = 0.0
    gate: bool = True
