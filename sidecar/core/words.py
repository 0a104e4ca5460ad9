"""Words and topics that answers must not hold, and canaries: texts that stand nowhere but in the system prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sidecar.core.lookout import ANSWERS
from sidecar.model import Finding, Segment, Verdict


class WordWatch:
    """Finds words and phrases, whole and in any case; blanks in a phrase may be any blanks.

    Args:
        topics: the words of each topic; the topic's name becomes part of the rule's id.
        family: of the findings.
    """

    targets = ANSWERS

    def __init__(self, topics: Mapping[str, Sequence[str]], family: str = "banned") -> None:
        self.family = family
        self.least = min((len(word) for words in topics.values() for word in words), default=0)
        expressions = {topic: _expression(words) for topic, words in topics.items() if words}
        self.shapes = tuple(expressions.values())
        self._topics = [(topic, re.compile(text, re.IGNORECASE)) for topic, text in expressions.items()]

    def find(self, segment: Segment) -> list[Finding]:
        """Return every word that is found."""
        return [
            Finding(f"output-{self.family}-{topic}", self.family, *match.span(), 1.0, segment, "WORD", Verdict.BLOCK)
            for topic, words in self._topics
            for match in words.finditer(segment.text, segment.start)
        ]

    def live_from(self, text: str) -> int:
        """Return the length: the shapes say what may still come."""
        return len(text)


def _expression(words: Sequence[str]) -> str:
    """Return an expression for any of some phrases, the longest first."""
    ordered = sorted(words, key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(_phrase(word) for word in ordered)})(?!\w)"


def _phrase(word: str) -> str:
    return r"\s{1,8}".join(re.escape(part) for part in word.split())
