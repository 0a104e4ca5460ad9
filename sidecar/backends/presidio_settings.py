"""Which of Presidio's recognizers run; without a dependency, as it is read before Presidio is."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Which recognizers run, and how.

    Args:
        languages: of Presidio's recognizers.
        countries: ISO 3166 codes; recognizers of these countries run, too, whatever their language.
        files: Presidio recognizer files (YAML), read in order.
        allow_list: texts that are no findings.
        allow_list_match: `exact`, or `regex`.
        score_threshold: the engine's default threshold.
    """

    languages: tuple[str, ...] = ("en",)
    countries: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    allow_list: tuple[str, ...] = ()
    allow_list_match: str = "exact"
    score_threshold: float = 0.0
