"""The library `phonenumbers` behind a quick no: what must be in a text, and which candidates cannot be valid numbers.

Presidio's telephone recognizer tries every group of digits as a number of eight regions, at 30 us a try. A number is
valid only if what is left of its digits, once prefixes are taken off, matches the general description of one of the
regions that share the country code. That can be told from the library's own tables in 2 us, so only candidates that
pass are tried; and a number with a plus sign reads the same from every region, so it is tried once.
"""

from __future__ import annotations

import copy
import itertools
import re
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import FunctionType, SimpleNamespace
from typing import Any

import msgspec
import phonenumbers
from phonenumbers import phonenumbermatcher, phonenumberutil

from sidecar.backends.presidio_gates import PHONE_DIGITS

# With a plus sign, a number of any region counts: the fewest digits of all, country code included (a test goes through
# the library's tables).
INTERNATIONAL_DIGITS = 6
# Candidates with other characters (extensions, letters, digits outside ASCII) are always tried.
_PLAIN = re.compile(r"[0-9\-\s().\[\]/\u2010-\u2015]+\Z", re.ASCII)
_PLUS_FIRST = re.compile(r"[^0-9+\uff0b]*[+\uff0b]")
_NOT_DIGIT = re.compile(r"[^0-9]+")
# No number of any region is valid with fewer (the same test).
_LEAST_DIGITS = 3
# A valid number is of one of these kinds.
_KINDS = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost"),
    *("voip", "personal_number", "pager", "uan", "voicemail"),
)


class ShortestNumbers(msgspec.Struct, frozen=True):
    """The least that a valid number is made of.

    Args:
        digits: so many digits, unless it is one of `numbers`.
        numbers: the valid numbers with fewer digits, one by one.
        punctuation: the inside of the set of characters that may stand between digits.
        pattern: the pattern that the library looks for numbers with.
    """

    digits: int
    numbers: frozenset[str]
    punctuation: str
    pattern: Any


@lru_cache(maxsize=64)
def shortest_numbers(regions: tuple[str, ...], leniency: int) -> ShortestNumbers:
    """Find the shortest numbers that are valid in one of some regions.

    Args:
        regions: as the library names them.
        leniency: of the library's matcher; 0 takes numbers that are only possible.
    """
    fewest = min((_fewest_digits(region) for region in regions), default=INTERNATIONAL_DIGITS)
    digits = min(fewest if leniency else 2, INTERNATIONAL_DIGITS)
    short: frozenset[str] = frozenset()
    if digits < PHONE_DIGITS and leniency:
        # Few numbers are this short (Germany has 30 of four digits); each year in a text would open the gate otherwise.
        short = frozenset(
            number
            for length in range(digits, PHONE_DIGITS)
            for number in map("".join, itertools.product("0123456789", repeat=length))
            if _is_number(number, regions, leniency)
        )
        digits = PHONE_DIGITS
    return ShortestNumbers(digits, short, phonenumberutil._VALID_PUNCTUATION, phonenumbermatcher._PATTERN)  # noqa: SLF001 - the library's own set


def _fewest_digits(region: str) -> int:
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if metadata is None:
        return INTERNATIONAL_DIGITS
    return min((length for length in metadata.general_desc.possible_length if length > 0), default=INTERNATIONAL_DIGITS)


def _is_number(digits: str, regions: tuple[str, ...], leniency: int) -> bool:
    return any(
        may_be_valid(digits, region) and phonenumbers.PhoneNumberMatcher(digits, region, leniency=leniency).has_next()
        for region in regions
        if _fewest_digits(region) <= len(digits)
    )


class _Region(msgspec.Struct, frozen=True):
    """What validity in a region depends on."""

    metadata: Any
    country_code: str
    international_prefix: re.Pattern[str]
    valid: re.Pattern[str]
    lengths: frozenset[int]
    least: int


@lru_cache(maxsize=300)
def _region(name: str) -> _Region | None:
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(name, None)
    if metadata is None:
        return None
    sharing = phonenumbers.region_codes_for_country_code(metadata.country_code)
    described: list[Any] = [phonenumbers.PhoneMetadata.metadata_for_region(other, None) for other in sharing]
    lengths = frozenset(n for item in described if item for n in item.general_desc.possible_length if n > 0)
    kinds = [getattr(item, kind) for item in described if item for kind in _KINDS]
    patterns = dict.fromkeys(kind.national_number_pattern for kind in kinds if kind is not None)
    return _Region(
        metadata,
        str(metadata.country_code),
        re.compile(metadata.international_prefix or r"(?!)"),
        re.compile("|".join(f"(?:{pattern})" for pattern in patterns if pattern)),
        lengths,
        # A rule that rewrites the prefix may make a number longer.
        0 if metadata.national_prefix_transform_rule else min(lengths, default=0),
    )


def may_be_valid(candidate: str, region: str) -> bool:
    """Tell whether a candidate can be a valid number as read from a region; False is certain.

    Args:
        candidate: a piece of text that the library would parse.
        region: as the library names it.
    """
    return not _PLAIN.match(candidate) or _digits_may_be_valid(_NOT_DIGIT.sub("", candidate), region)


def _digits_may_be_valid(digits: str, region: str) -> bool:
    known = _region(region)
    if known is None:
        return True
    if len(digits) < known.least:
        return False
    if known.international_prefix.match(digits):
        return True
    readings = {digits, digits.removeprefix(known.country_code)}
    # The library takes prefixes off behind the country code, and once more from what is left.
    for _ in range(2):
        readings |= {
            phonenumberutil._maybe_strip_national_prefix_carrier_code(reading, known.metadata)[1]  # noqa: SLF001 - its own rule
            for reading in readings
        }
    return any(len(reading) in known.lengths and known.valid.fullmatch(reading) for reading in readings)


class _Memo(threading.local):
    """What is known of the text at hand: numbers with a plus sign, parsed once, and what the first region found."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.parsed: dict[str, Any] = {}
        self.found: tuple[str, str, list[Any]] | None = None


_memo = _Memo()


class QuickMatcher(phonenumbers.PhoneNumberMatcher):
    """The library's matcher, which does not try candidates that cannot be valid.

    Attributes:
        national: the candidates without a plus sign that were tried.
        is_international: whether all numbers found have a plus sign.
    """

    def __init__(self, text: str, region: str, leniency: int = 1) -> None:
        super().__init__(text, region, leniency=leniency)
        self.national: set[str] = set()
        self.is_international = leniency >= phonenumbers.Leniency.VALID

    def __iter__(self) -> Iterator[Any]:
        found = _memo.found
        if found is not None and found[0] is self.text and found[1] == self.preferred_region:
            return iter(found[2])
        return iter(super().__iter__())

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        national = not _PLUS_FIRST.match(candidate)
        if national and self.leniency >= phonenumbers.Leniency.VALID:
            self.national.add(candidate)
            if not may_be_valid(candidate, str(self.preferred_region)):
                return None
        match = super()._parse_and_verify(candidate, offset)
        if match is not None and national:
            self.is_international = False
        return match


def regions_to_ask(text: str, regions: Sequence[str], leniency: int) -> Sequence[str]:
    """Return the regions whose findings in a text together are those of all regions.

    Which candidates are tried depends on which of them are valid, on nothing else, and a number with a plus sign is
    valid in every region or in none. So where the first region finds numbers with a plus sign only, a region in which
    nothing else that was tried can be valid finds the same.
    """
    first, *rest = regions
    _memo.forget()
    matcher = QuickMatcher(text, first, leniency)
    matches = list(matcher)
    _memo.found = (text, first, matches)
    if not matcher.is_international:
        return regions
    odd = not all(map(_PLAIN.match, matcher.national))
    tried = {_NOT_DIGIT.sub("", candidate) for candidate in matcher.national}
    tried = {digits for digits in tried if len(digits) >= _LEAST_DIGITS}
    more = [region for region in rest if odd or any(_digits_may_be_valid(digits, region) for digits in tried)]
    return [first, *more] if matches else more


def _parse(number: str, region: str | None = None) -> Any:
    """Parse a number as `phonenumbers.parse` does, once for each text."""
    if region is not None:
        return phonenumbers.parse(number, region)
    parsed = _memo.parsed.get(number)
    if parsed is None:
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException as error:
            parsed = error
        _memo.parsed[number] = parsed
    if isinstance(parsed, phonenumbers.NumberParseException):
        raise parsed
    return parsed


# What Presidio's recognizers call in the library; everything else is the library itself.
_LIBRARY = SimpleNamespace(
    **{name: getattr(phonenumbers, name) for name in phonenumbers.__all__}
    | {"PhoneNumberMatcher": QuickMatcher, "parse": _parse}
)


def quickened(recognizer: type[Any]) -> type[Any]:
    """Return a telephone recognizer of Presidio, its own code, that sees the library through `QuickMatcher`."""
    original = recognizer.analyze
    analyze = FunctionType(
        original.__code__,
        {**original.__globals__, "phonenumbers": _LIBRARY},
        original.__name__,
        original.__defaults__,
        original.__closure__,
    )

    def run(self: Any, text: str, entities: list[str], nlp_artifacts: Any = None) -> Any:
        regions = regions_to_ask(text, self.supported_regions, self.leniency)
        if not regions:
            return []
        asked = copy.copy(self)
        asked.supported_regions = regions
        try:
            return analyze(asked, text, entities, nlp_artifacts)
        finally:
            _memo.forget()

    # Another name: Presidio looks recognizers up by the names of all subclasses there are, and must not find this one.
    return type(f"Quick{recognizer.__name__}", (recognizer,), {"analyze": run})
