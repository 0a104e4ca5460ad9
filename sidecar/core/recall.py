"""What an answer must not say again: the application's own system prompt, and injections that came with the request."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from sidecar.core.lookout import ANSWERS, NOTHING, Lookout, Watch
from sidecar.core.score import ATTACK_FAMILIES
from sidecar.core.words import WordWatch
from sidecar.model import Decision, Finding, Segment, Verdict

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile("[.!?\\n\u3002\uff01\uff1f]")
# A sentence without an end is cut so far from the finding.
_SENTENCE_LENGTH = 200
# So many words of a system prompt are remembered; longer ones are documents rather than instructions.
_WORDS_KEPT = 20_000
# System prompts are the same from request to request: so many are kept, ready to compare with.
_PROMPTS_KEPT = 64
# A text that calls itself a canary is one: nobody writes such a word twice.
_CANARY = re.compile(r"\bcanary[-_:][A-Za-z0-9_-]{8,64}", re.IGNORECASE)


class RecallSettings(msgspec.Struct, frozen=True):
    """How much of a text counts as saying it again.

    Args:
        prompt_words: consecutive words of the system prompt; 0: it is not compared.
        echo_words: consecutive words of an injection that was found in the request; 0: it is not compared.
    """

    prompt_words: int = 0
    echo_words: int = 0


class Recall:
    """Prepares what answers are compared with.

    Args:
        settings: how much counts.
    """

    def __init__(self, settings: RecallSettings) -> None:
        self._settings = settings
        # By the prompts' hash, which is keyed: a process of Python draws the key at its start.
        self._known: OrderedDict[int, tuple[Watch, ...]] = OrderedDict()

    def of(self, segments: Sequence[Segment], decision: Decision) -> Lookout:
        """Return what to look for in the answer to a request.

        Args:
            segments: the texts of the request.
            decision: what was decided about them.
        """
        watches: tuple[Watch, ...] = ()
        if self._settings.prompt_words:
            watches = self._prompts([item.text for item in segments if item.target == "request.system"])
        if self._settings.echo_words:
            echoes = [_sentence(finding) for finding in decision.findings if finding.family in ATTACK_FAMILIES]
            if echoes:
                watches = (*watches, SayingAgain(echoes, self._settings.echo_words, family="echo"))
        return Lookout(watches) if watches else NOTHING

    def _prompts(self, texts: list[str]) -> tuple[Watch, ...]:
        if not texts:
            return ()
        key = hash(tuple(texts))
        known = self._known.get(key)
        if known is None:
            canaries = [found[0] for text in texts for found in _CANARY.finditer(text)]
            known = (SayingAgain(texts, self._settings.prompt_words, family="prompt-leak"),)
            if canaries:
                known = (*known, Canaries(canaries))
            self._known[key] = known
            if len(self._known) > _PROMPTS_KEPT:
                self._known.popitem(last=False)
        return known


def _sentence(finding: Finding) -> str:
    """Return the sentence around a finding: rules name the few words that give an injection away, not all of it."""
    text, start, end = finding.segment.text, finding.start, finding.end
    before = [found.end() for found in _SENTENCE_END.finditer(text, max(0, start - _SENTENCE_LENGTH), start)]
    after = _SENTENCE_END.search(text, end, end + _SENTENCE_LENGTH)
    begin = before[-1] if before else max(0, start - _SENTENCE_LENGTH)
    return text[begin : after.start() if after else end + _SENTENCE_LENGTH]


class SayingAgain:
    """Finds runs of words that stand in the same order in other texts.

    Only hashes of runs are kept, by Python's keyed hash; the texts themselves are not.

    Args:
        texts: what must not be said again.
        words: how many consecutive words count.
        family: of the findings.
    """

    targets = ANSWERS
    shapes: Sequence[str] = ()

    def __init__(self, texts: Sequence[str], words: int, *, family: str) -> None:
        self.family = family
        # Words of one letter, and what stands between them.
        self.least = 2 * words - 1
        self._count = words
        self._runs: set[int] = set()
        self._pairs: set[int] = set()
        self._starts: set[int] = set()
        for text in texts:
            spoken = [found[0].casefold() for found in _WORD.finditer(text)][:_WORDS_KEPT]
            self._runs |= {_hash(spoken[i : i + words]) for i in range(len(spoken) - words + 1)}
            self._pairs |= {_hash(spoken[i : i + 2]) for i in range(len(spoken) - 1)}
            self._starts |= {hash(word[:length]) for word in spoken for length in range(1, len(word) + 1)}

    def find(self, segment: Segment) -> list[Finding]:
        """Return every run that is long enough, as far as it goes."""
        matches = list(_WORD.finditer(segment.text, segment.start))
        spoken = [found[0].casefold() for found in matches]
        spans: list[tuple[int, int]] = []
        for index in range(len(spoken) - self._count + 1):
            if _hash(spoken[index : index + self._count]) in self._runs:
                begin, end = matches[index].start(), matches[index + self._count - 1].end()
                if spans and begin <= spans[-1][1]:
                    spans[-1] = (spans[-1][0], end)
                else:
                    spans.append((begin, end))
        return [
            Finding(f"output-{self.family}", self.family, *span, 1.0, segment, "SYSTEM_PROMPT", Verdict.MASK)
            for span in spans
        ]

    def live_from(self, text: str) -> int:
        """Return where the run of words that ends the text begins, if it may go on; its last word may be half a word."""
        matches = list(_WORD.finditer(text))
        if not matches:
            return len(text)
        last = matches[-1]
        is_open = last.end() == len(text)
        if is_open and hash(last[0].casefold()) not in self._starts:
            return len(text)
        live, later = (last.start(), None) if is_open else (len(text), None)
        # A pair whose second half is still being written goes on in any case.
        following = matches[-2::-1] if is_open else matches[::-1]
        for found in following:
            word = found[0].casefold()
            if later is not None and _hash([word, later]) not in self._pairs:
                break
            if hash(word) not in self._starts:
                break
            live, later = found.start(), word
        return live


class Canaries(WordWatch):
    """Finds canaries of this request's system prompt."""

    def __init__(self, canaries: Sequence[str]) -> None:
        super().__init__({"canary": canaries}, family="prompt-leak")
        self.shapes = ()
        self._canaries = [canary.casefold() for canary in canaries]

    def live_from(self, text: str) -> int:
        """Return where the beginning of a canary stands at the end of the text."""
        folded = text.casefold()
        if len(folded) != len(text):
            return 0
        return min(
            (
                len(text) - length
                for canary in self._canaries
                for length in range(1, min(len(canary), len(text)) + 1)
                if folded.endswith(canary[:length])
            ),
            default=len(text),
        )


def _hash(words: Sequence[str]) -> int:
    return hash(" ".join(words))
