"""Builds vocabulary and gazetteers: which words are known, and what is known about them."""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, NamedTuple

from sidecar.backends.ner_features import FeatureTables, KeyTable, fingerprint, normalise_token
from sidecar.training import ner_lists
from sidecar.training.ner_corpus import tokenise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sidecar.training.ner_sources import Names, PlaceNames

# A rarer word's vector would be noise; its letters say more.
MIN_COUNT = 3
_PHRASE_LIMIT = 6
PLACE_PHRASE, ORGANISATION_PHRASE = 1, 2

# Bits of the gazetteer. `sidecar.backends.ner_gate` names some of them, too.
_FIRST_EN, _FIRST, _LAST_EN, _LAST = 0, 1, 2, 3
_LARGE_CITY, _SMALL_CITY, _REGION, _PLACE_PART = 4, 5, 6, 7
_TITLE, _ORGANISATION_WORD, _ORGANISATION, _DEMONYM, _CALENDAR, _PLACE_WORD = 8, 9, 10, 11, 12, 13
# From nearly always small to nearly always capital, where both were seen often enough; else which was seen.
_SMALL_SHARES = ((0.95, 14), (0.6, 15), (0.2, 16), (0.02, 17), (-1.0, 18))
_SEEN_SMALL, _SEEN_CAPITAL = 19, 20
_RANKS = ((200, 21), (2000, 22), (10_000, 23))

# A capital behind one of these may only mark a beginning.
_OPENERS = {'"', ":", "``", "\u201c", "(", "-", "--"}


class Tables(NamedTuple):
    """What training needs to know besides the tables themselves."""

    features: FeatureTables
    rows: dict[str, int]


def build_tables(
    sentences: Sequence[Sequence[str]], names: dict[str, Names], places: PlaceNames, *, min_count: int = MIN_COUNT
) -> Tables:
    """Make the tables from tokenised sentences and the lists of names."""
    counts = collections.Counter(normalise_token(token) for sentence in sentences for token in sentence)
    frequent = (word for word, count in counts.most_common() if count >= min_count)
    rows = {word: row for row, word in enumerate(frequent, 1)}
    masks: collections.defaultdict[str, int] = collections.defaultdict(int)
    phrases: dict[str, int] = {}
    _add_names(masks, names)
    _add_places(masks, phrases, places)
    _add_own_lists(masks, phrases)
    _add_letter_case(masks, sentences)
    for word, row in rows.items():
        bit = next((bit for rank, bit in _RANKS if row <= rank), None)
        if bit is not None:
            masks[word] |= 1 << bit
    starts: dict[str, int] = {}
    for phrase in phrases:
        tokens = phrase.split(" ")
        starts[tokens[0]] = max(starts.get(tokens[0], 0), len(tokens))
    return Tables(FeatureTables(*map(_table, (rows, masks, phrases, starts))), rows)


def _table(entries: dict[str, int]) -> KeyTable:
    return KeyTable.build({fingerprint(word): value for word, value in entries.items()})


def _mark(masks: dict[str, int], words: Iterable[str], bit: int) -> None:
    for word in words:
        masks[normalise_token(word)] |= 1 << bit


def _add_names(masks: dict[str, int], names: dict[str, Names]) -> None:
    for locale, (first, last) in names.items():
        english = locale.startswith(("en_US", "en_GB"))
        parts = (part for name in first for part in name.split() if len(part) > 1)
        _mark(masks, parts, _FIRST_EN if english else _FIRST)
        whole = [name for name in last if " " not in name]
        _mark(masks, whole, _LAST_EN if english else _LAST)
        _mark(masks, (part for name in last if " " in name for part in name.split() if len(part) > 2), _LAST)


def _add_places(masks: dict[str, int], phrases: dict[str, int], places: PlaceNames) -> None:
    for group, bit in (
        (places.small_cities, _SMALL_CITY),
        (places.large_cities, _LARGE_CITY),
        (places.regions, _REGION),
    ):
        for place in group:
            tokens = tokenise(place)
            if len(tokens) == 1:
                _mark(masks, tokens, bit)
                continue
            _mark(masks, (token for token in tokens if len(token) > 3), _PLACE_PART)
            _phrase(phrases, tokens, PLACE_PHRASE)


def _phrase(phrases: dict[str, int], tokens: Sequence[str], kind: int) -> None:
    if len(tokens) <= _PHRASE_LIMIT:
        phrases[" ".join(map(normalise_token, tokens))] = kind


def _add_own_lists(masks: dict[str, int], phrases: dict[str, int]) -> None:
    for organisation in ner_lists.ORGANISATIONS:
        tokens = tokenise(organisation)
        if len(tokens) == 1:
            _mark(masks, tokens, _ORGANISATION)
        else:
            _phrase(phrases, tokens, ORGANISATION_PHRASE)
    for words, bit in (
        (ner_lists.TITLES, _TITLE),
        ([f"{title}." for title in ner_lists.TITLES], _TITLE),
        (ner_lists.ORGANISATION_WORDS, _ORGANISATION_WORD),
        ([f"{word}." for word in ner_lists.ORGANISATION_WORDS[:20]], _ORGANISATION_WORD),
        (ner_lists.DEMONYMS, _DEMONYM),
        (ner_lists.CALENDAR, _CALENDAR),
        (ner_lists.PLACE_WORDS, _PLACE_WORD),
    ):
        _mark(masks, words, bit)


def _add_letter_case(masks: dict[str, int], sentences: Sequence[Sequence[str]]) -> None:
    """Tell how often a word inside sentences begins with a small letter."""
    small: collections.Counter[str] = collections.Counter()
    capital: collections.Counter[str] = collections.Counter()
    for sentence in sentences:
        for before, token in itertools.pairwise(sentence):
            if before not in _OPENERS and token[:1].isalpha():
                (small if token[0].islower() else capital)[normalise_token(token)] += 1
    for word in small.keys() | capital.keys():
        total = small[word] + capital[word]
        if total >= MIN_COUNT:
            share = small[word] / total
            _mark(masks, [word], next(bit for least, bit in _SMALL_SHARES if share > least))
        else:
            _mark(masks, [word], _SEEN_SMALL if small[word] else _SEEN_CAPITAL)
