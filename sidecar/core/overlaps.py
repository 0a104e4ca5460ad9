"""Entities that overlap, and noise: what is left says each thing once.

Presidio reports every recognizer's view of the same characters: an e-mail address is also two URLs, and a card number a
bank account, a driver's licence and three telephone numbers. What is decided here:

- The same holds within every other rule: alternatives that match the same words are one finding.
- An entity inside another one that is as confident, and is treated no less strictly, is dropped; of equal spans the more
  confident one stays, then the one whose name comes first. An entity that is surer than what holds it stays beside it.
- Entities that overlap in part both stay; where they are masked, one edit covers both (`decide`).
- A host name without a scheme is noise where source code explains it better: it stops inside a word, goes on as a call
  or an assignment, belongs to a path or an attribute, or is a file name.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.model import Finding

# Presidio scores a host name with a scheme 0.6, one without 0.5 (before context words).
_BARE_URL_SCORE = 0.5
# Ends of file names that are top-level domains, too.
_FILE_ENDINGS = frozenset("cc cs go hs in js kt md ml mm pl pm ps py rs sh so ts vb".split())  # noqa: SIM905 - a list of words
_BEFORE_ATTRIBUTE = frozenset("._/\\$")
_AFTER_NAME = frozenset("([=_")


def is_noise(finding: Finding) -> bool:
    """Tell whether an entity is better explained by source code around it."""
    if finding.entity != "URL" or finding.confidence > _BARE_URL_SCORE:
        return False
    text, start, end = finding.segment.text, finding.start, finding.end
    before, after = text[start - 1 : start], text[end : end + 1]
    if before in _BEFORE_ATTRIBUTE or after in _AFTER_NAME or (_is_word(after) and _is_word(text[end - 1])):
        return True
    host = text[start:end].strip("\"'")
    return "/" not in host and host.rpartition(".")[2].lower() in _FILE_ENDINGS


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def keep(spans: Sequence[tuple[Finding, int]]) -> list[bool]:
    """Tell for each entity of one text whether it stays.

    Args:
        spans: entities, each with how strictly it is treated: higher is stricter.
    """
    order = sorted(
        range(len(spans)),
        key=lambda index: (
            spans[index][0].start,
            -spans[index][0].end,
            -spans[index][0].confidence,
            spans[index][0].entity or "",
        ),
    )
    kept = [True] * len(spans)
    open_: list[int] = []
    for index in order:
        finding, strictness = spans[index]
        open_ = [other for other in open_ if spans[other][0].end > finding.start]
        kept[index] = not any(
            finding.end <= spans[other][0].end
            and finding.confidence <= spans[other][0].confidence
            and strictness <= spans[other][1]
            for other in open_
        )
        if kept[index]:
            open_.append(index)
    return kept
