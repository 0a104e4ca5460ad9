"""The injection score: what fired, weighed and calibrated to 0..1; higher is more certain to be an attack.

Two stages. The scanner's one pass looks for anchors: words that an attack can hardly do without, and that other texts
rarely have. Only where one fired are the concepts of the text looked up, window by window, and weighed by a model that
was learned from labelled text (`sidecar rules train`). What rules confirm adds to it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from sidecar.core.features import features, windows
from sidecar.core.lexicon import Lexicon, Occurrence, fold, tokenise

if TYPE_CHECKING:
    from sidecar.core.scan import Gate, Hits
    from sidecar.model import Finding, Segment

# Families whose findings speak of an attack on the model, as opposed to data that must not leave.
ATTACK_FAMILIES = frozenset({"injection", "jailbreak", "extraction", "indirect", "obfuscation", "tokens", "abuse"})
# Whose texts may attack the model: not the operator's own prompt, nor what the model says itself.
SCORED_TARGETS = frozenset(
    {
        "request.user",
        "request.assistant",
        "request.tool_result",
        "request.tool_call",
        "request.tool_definition",
        "request.document",
        "request.metadata",
    }
)
# Windows of one text that are weighed in full, some 30,000 words; of a longer one those with the most signs.
WINDOWS_LIMIT = 1024
# A short text has room for few anchors and costs little to weigh: of attacks that the model is sure of, 99 % are weighed
# instead of 95 %, and 20 % of harmless texts instead of 6 %.
_SHORT = 400
_SHORT_NEEDS = 0.4
# A window with fewer distinct tokens than one in so many repeats itself.
_REPEATED = 2.5
# Certain enough to look no further: an attack stays one, whatever follows.
_CERTAIN = 0.999


class ScoreModel(msgspec.Struct, frozen=True):
    """A learned model, ready to run.

    Args:
        lexicon: finds concepts.
        bias: the log-odds of a window without features.
        weights: what each feature of concepts adds.
        words: what each word adds, and each pair of neighbouring words with a space between.
        pairs: the second words of these pairs, by the first one.
        calibration: log-odds and the score they stand for, both rising.
        anchors: those that fire must add up to 1 before a text is weighed.
        provenance: what it was learned from.
    """

    lexicon: Lexicon
    bias: float
    weights: Mapping[int, float]
    words: Mapping[str, float]
    pairs: Mapping[str, frozenset[str]]
    calibration: tuple[tuple[float, float], ...]
    anchors: Mapping[Gate, float]
    provenance: Mapping[str, object] = {}

    def calibrate(self, log_odds: float) -> float:
        """Return the score that log-odds stand for: linear between the points, constant beyond them."""
        points = self.calibration
        place = bisect_right(points, (log_odds, math.inf))
        if place == 0:
            return points[0][1]
        if place == len(points):
            return points[-1][1]
        (low, low_score), (high, high_score) = points[place - 1], points[place]
        return low_score + (high_score - low_score) * (log_odds - low) / (high - low)

    def score_text(self, text: str) -> float:
        """Score one text as if an anchor had fired: 0..1, the highest of its windows.

        Args:
            text: any text; folding is done here.
        """
        tokens = tokenise(fold(text))
        occurrences = self.lexicon.occurrences(tokens)
        spoken = self._spoken(tokens)
        enough = self.calibration[-1][0]
        best = -math.inf
        # A window looks at its own part only: a text of one weighed word, again and again, else costs its square.
        spoken.sort()
        spoken_at = [found[0] for found in spoken]
        occurs_at = [found[0] for found in occurrences]
        for first, end in _with_repeats(self._windows(occurrences, len(tokens)), tokens):
            near = occurrences[bisect_left(occurs_at, first) : bisect_left(occurs_at, end)]
            heard = spoken[bisect_left(spoken_at, first) : bisect_left(spoken_at, end)]
            inside = [found for found in near if found[1] <= end]
            said = {words for _, past, words in heard if past <= end}
            best = max(best, self._weigh(inside, said, end - first))
            if best >= enough:
                break
        return self.calibrate(best)

    def _spoken(self, tokens: Sequence[str]) -> list[tuple[int, int, str]]:
        """Return the words and pairs of words that weigh anything: first token, one past the last, the words."""
        words, pairs = self.words, self.pairs
        found = [(place, place + 1, token) for place, token in enumerate(tokens) if token in words]
        for place, token in enumerate(tokens[:-1]):
            if token in pairs and tokens[place + 1] in pairs[token]:
                found.append((place, place + 2, f"{token} {tokens[place + 1]}"))
        return found

    def _windows(self, occurrences: Sequence[Occurrence], length: int) -> list[tuple[int, int]]:
        """Return the windows to weigh; of a very long text those whose concepts alone weigh most."""
        every = list(windows(length))
        if len(every) <= WINDOWS_LIMIT:
            return every
        signs = [0.0] * (length + 1)
        for first, _, concept in occurrences:
            signs[first + 1] += max(self.weights.get(concept, 0.0), 0.0)
        total = list(accumulate(signs))
        every.sort(key=lambda window: total[window[0]] - total[window[1]])
        return sorted(every[:WINDOWS_LIMIT])

    def _weigh(self, occurrences: Sequence[Occurrence], said: set[str], length: int) -> float:
        """Return the log-odds of one window."""
        weights = self.weights
        total = self.bias + sum([weights[feature] for feature in features(occurrences, length) if feature in weights])
        return total + sum([self.words[words] for words in said])


def _with_repeats(every: Iterable[tuple[int, int]], tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield windows and, of those that say the same again and again, the beginning that holds it once in full.

    Repeated, an attack has pairs of concepts in orders that no attack has; the score must not fall for it.
    """
    for first, end in every:
        yield first, end
        distinct = len(set(tokens[first:end]))
        if distinct * _REPEATED < end - first:
            yield first, first + 2 * distinct
            yield first, first + distinct


class Weigher(msgspec.Struct, frozen=True):
    """A model and the gates that ask for it.

    Args:
        model: weighs texts; None: only findings count.
        anchors: the gates of its anchors, and what each one weighs.
    """

    model: ScoreModel | None = None
    anchors: Mapping[int, float] = {}

    def asks(self, gates: Sequence[int], length: int) -> bool:
        """Say whether the gates that fired in a text of so many code points are reason enough to weigh it."""
        get = self.anchors.get
        return sum([get(gate, 0.0) for gate in gates]) >= (1 if length > _SHORT else _SHORT_NEEDS)


def score(hits: Sequence[Hits], findings: Sequence[Finding], weigher: Weigher) -> list[tuple[Segment, float]]:
    """Score each segment in which anything fired.

    Args:
        hits: the views in which gates fired.
        findings: what was confirmed in them.
        weigher: weighs texts.

    Returns:
        Segments with their score; a segment that is missing has score 0.
    """
    weighed = _weigh_views(hits, weigher)
    if not findings and not weighed:
        return []
    doubt: dict[int, tuple[Segment, float]] = {}
    for finding in _strongest(findings):
        segment, left = doubt.get(id(finding.segment), (finding.segment, 1.0))
        doubt[id(finding.segment)] = (segment, left * (1 - finding.confidence))
    for segment, learned in weighed:
        _, left = doubt.get(id(segment), (segment, 1.0))
        doubt[id(segment)] = (segment, left * (1 - learned))
    return [(segment, 1 - left) for segment, left in doubt.values()]


def _strongest(findings: Sequence[Finding]) -> Collection[Finding]:
    """Return the surest finding of each rule in each segment: what says the same ten times is no surer for it."""
    best: dict[tuple[int, str], Finding] = {}
    for finding in findings:
        if finding.family in ATTACK_FAMILIES:
            known = best.setdefault((id(finding.segment), finding.rule), finding)
            if finding.confidence > known.confidence:
                best[id(finding.segment), finding.rule] = finding
    return best.values()


def _weigh_views(hits: Sequence[Hits], weigher: Weigher) -> list[tuple[Segment, float]]:
    """Return the highest score of the views of each segment that an anchor fired in."""
    model = weigher.model
    if model is None:
        return []
    best: dict[int, tuple[Segment, float]] = {}
    for hit in hits:
        segment = hit.view.segment
        if segment.target not in SCORED_TARGETS or not weigher.asks(hit.gates, len(hit.view.text)):
            continue
        _, known = best.get(id(segment), (segment, 0.0))
        if known < _CERTAIN:
            best[id(segment)] = (segment, max(known, model.score_text(hit.view.text)))
    return list(best.values())
