"""The parts of the policy file that say which entity recognizers run: the NER model, and Presidio's."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know."""


class Ner(Strict, frozen=True):
    """The model that finds names, places and organisations; milliseconds a text, off by default.

    Args:
        enabled: whether it is loaded at all.
        model: a folder or installed package that `spacy.load` takes; empty for the model that ships.
        min_score: findings below it are dropped.
        workers: processes that run it, for each worker of the sidecar.
        queue: texts that may wait for them; the next one meets `overload`.
        overload: `skip` passes the text without names, `wait` waits until the deadline, `block` fails at once.
        deadline: seconds for one text, or each 80,000 code points of a longer one, waiting included; beyond it the
            failure policy decides.
    """

    enabled: bool = False
    model: str = ""
    min_score: Fraction = 0.0
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    queue: Annotated[int, msgspec.Meta(ge=1)] = 256
    overload: Literal["skip", "wait", "block"] = "wait"
    deadline: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0


class Pii(Strict, frozen=True):
    """Which of Presidio's recognizers run; the family `pii` says what is done about their findings.

    Args:
        enabled: whether any of them runs.
        languages: of the recognizers that Presidio runs by default.
        countries: ISO 3166 codes; recognizers of these countries run, too, whatever their language.
        recognizers: files of your own in Presidio's YAML format: patterns, deny lists, context words.
        allow_list: texts that are no findings.
        allow_list_match: whether an entry of `allow_list` is the whole finding, or a regular expression found in it.
        score_threshold: findings below it are dropped before duplicates are.
    """

    enabled: bool = True
    languages: tuple[str, ...] = ("en",)
    countries: tuple[str, ...] = ()
    recognizers: tuple[str, ...] = ()
    allow_list: tuple[str, ...] = ()
    allow_list_match: Literal["exact", "regex"] = "exact"
    score_threshold: Fraction = 0.0
