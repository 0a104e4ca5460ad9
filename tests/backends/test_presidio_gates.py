"""Gates are supersets: whatever a pattern of Presidio matches, its gate fires, on both scanners; and they compile fast."""

import importlib
import random
import re
import sys
import time

import phonenumbers
import pytest
import regex

from sidecar.backends import presidio_gates, widening
from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.backends.phone_numbers import INTERNATIONAL_DIGITS, may_be_valid, shortest_numbers
from sidecar.backends.presidio_load import load
from sidecar.backends.presidio_settings import Settings
from sidecar.backends.re_scanner import ReScanner
from tests.presidio_twin import COUNTRIES

FLAGS = int(re.IGNORECASE | re.MULTILINE | re.DOTALL)
ALL = Settings(languages=("en", "es", "it", "pl"), countries=COUNTRIES)
_parser = importlib.import_module("re._parser")
OTHER_DIGITS = "٣９७𝟗"


@pytest.fixture(scope="module")
def patterns():
    """Every pattern of every recognizer of every country."""
    found = {}
    for recognizer in load(ALL).recognizers:
        for pattern in getattr(recognizer, "patterns", ()):
            found[pattern.regex, recognizer.global_regex_flags] = pattern
    return list(found)


def _sample(items, random_, groups):
    """Write a text that a parsed pattern is likely to match."""
    out = []
    for operation, argument in items:
        name = str(operation)
        if name == "LITERAL":
            out.append(_cased(chr(argument), random_))
        elif name == "NOT_LITERAL":
            out.append("~" if argument != ord("~") else "!")
        elif name == "ANY":
            out.append(random_.choice("xé中 "))
        elif name == "IN":
            out.append(_member(argument, random_))
        elif name == "BRANCH":
            out.append(_sample(random_.choice(argument[1]), random_, groups))
        elif name == "SUBPATTERN":
            text = _sample(argument[-1], random_, groups)
            groups[argument[0]] = text
            out.append(text)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, body = argument
            times = random_.choice([low, low, min(int(high), low + 3), min(int(high), low + random_.randint(0, 40))])
            out += [_sample(body, random_, groups) for _ in range(times)]
        elif name == "GROUPREF":
            out.append(groups.get(argument, ""))
        elif name == "ASSERT" and argument[0] < 0:
            out.append(_sample(argument[1], random_, groups))
    return "".join(out)


def _cased(character, random_):
    variants = [character, character.swapcase(), *widening.FOLDS.get(character.lower(), "")]
    return random_.choice(variants) if random_.random() < 0.4 else character


def _member(items, random_):
    if str(items[0][0]) == "NEGATE":
        return random_.choice("~z9é")
    operation, argument = random_.choice(items)
    if str(operation) == "LITERAL":
        return _cased(chr(argument), random_)
    if str(operation) == "RANGE":
        return _cased(chr(random_.randint(*argument)), random_)
    return {
        "CATEGORY_DIGIT": lambda: random_.choice("0123456789" * 4 + OTHER_DIGITS),
        "CATEGORY_WORD": lambda: random_.choice("aZ0_éж中"),
        "CATEGORY_SPACE": lambda: random_.choice(" \t\n\u00a0\u2003\u3000\x85"),
    }.get(str(argument), lambda: "-")()


def _texts(pattern, random_, count):
    tree = _parser.parse(widening.readable(pattern, FLAGS))
    for _ in range(count):
        before, after = (random_.choice(["", " ", "é", "x", "(", "\n", "中", "€"]) for _ in range(2))
        yield before + _sample(tree, random_, {}) + after


def test_every_pattern_is_read(patterns):
    """None of Presidio's own falls back to a gate that always fires."""
    assert [p for p, flags in patterns if presidio_gates.gate_of(p, flags).gate == presidio_gates.ALWAYS] == []


@pytest.mark.parametrize("limit", [10_000, presidio_gates.DISTINCT_LIMIT])
def test_a_gate_fires_wherever_its_pattern_matches(patterns, monkeypatch, limit):
    """Texts made from each pattern's own grammar, with look-alike letters and digits of other scripts."""
    monkeypatch.setattr(presidio_gates, "DISTINCT_LIMIT", limit)
    known = [presidio_gates.gate_of(*pattern) for pattern in patterns]
    gates = presidio_gates.shared(known)
    distinct = list(dict.fromkeys([presidio_gates.foreign_digits_gate(), *gates]))
    scanners = (HyperscanScanner(distinct), ReScanner(distinct))
    random_ = random.Random(limit)
    matched = 0
    for (pattern, flags), gate, item in zip(patterns, gates, known, strict=True):
        compiled = regex.compile(pattern, flags)
        for text in _texts(pattern, random_, 25):
            if compiled.search(text):
                matched += 1
                for scanner in scanners:
                    fired = scanner.scan(text)

                    assert distinct.index(gate) in fired or (item.takes_foreign_digits and 0 in fired)

    assert matched > 1500


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_gate_fires_wherever_its_pattern_matches_at_length(patterns):
    """A hundred times as many texts."""
    known = [presidio_gates.gate_of(*pattern) for pattern in patterns]
    gates = presidio_gates.shared(known)
    distinct = list(dict.fromkeys([presidio_gates.foreign_digits_gate(), *gates]))
    scanner = HyperscanScanner(distinct)
    random_ = random.Random(9)
    for (pattern, flags), gate, item in zip(patterns, gates, known, strict=True):
        compiled = regex.compile(pattern, flags)
        for text in _texts(pattern, random_, 2000):
            if compiled.search(text):
                fired = scanner.scan(text)

                assert distinct.index(gate) in fired or (item.takes_foreign_digits and 0 in fired)


def test_gates_stay_silent_on_prose():
    """A kilobyte of plain text opens no gate of the default recognizers."""
    recognizers = load(Settings()).recognizers
    known = [
        presidio_gates.gate_of(p.regex, r.global_regex_flags) for r in recognizers for p in getattr(r, "patterns", ())
    ]
    gates = list(dict.fromkeys(presidio_gates.shared(known)))
    prose = (
        "The plan is to meet on Friday, talk it through, and write a summary that everybody can read in peace. " * 10
    )

    assert HyperscanScanner(gates).scan(prose) == []


def test_all_countries_compile_in_seconds(patterns):
    """18 s with the patterns as they are, 3 s here on an idle machine; processor time, with room for a busy one."""
    gates = list(dict.fromkeys(presidio_gates.shared([presidio_gates.gate_of(*pattern) for pattern in patterns])))
    begin = time.process_time()
    HyperscanScanner(gates)

    assert time.process_time() - begin < 18
    assert len(gates) < 90


@pytest.mark.parametrize(
    "pattern",
    [
        r"\p{Lu}{3}",
        r"(?:abc){e<=1}",
        r"\m12\M",
        r"(?|a|b)",
        r"[[:alpha:]]+",
        r"(?<x>a)\g<x>",
        r"\X",
        r"a*",
        r"\w*",
        r".?",
    ],
)
def test_what_cannot_be_read_is_always_asked(pattern):
    """Constructs that only `regex` knows, and patterns that say nothing."""
    gate = presidio_gates.gate_of(pattern, FLAGS)

    assert gate.gate == presidio_gates.ALWAYS
    assert HyperscanScanner([gate.gate]).scan("z") == [0]


def test_folds_are_all_of_unicode():
    """No other character outside ASCII equals an ASCII letter when case is ignored."""
    everything = "".join(chr(code) for code in range(0x80, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        found = set(regex.findall(letter, everything, regex.IGNORECASE))

        assert found <= set(widening.FOLDS.get(letter, ""))


def test_foreign_digits_are_all_of_unicode():
    """Every decimal digit that `regex` or `re` knows is in the list of zeros."""
    everything = "".join(chr(code) for code in range(0x80, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    found = set(regex.findall(r"\d", everything)) | set(re.findall(r"\d", everything))

    assert found <= {chr(zero + value) for zero in presidio_gates.FOREIGN_ZEROS for value in range(10)}


def test_white_space_is_all_of_unicode():
    """Every space that `regex` or `re` knows is covered by the bytes of `\\s`."""
    gate = presidio_gates.gate_of(r"ab\scd", FLAGS).gate
    scanner = HyperscanScanner([gate])
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code < 0xE000 and (regex.match(r"\s", chr(code)) or re.match(r"\s", chr(code))):
            assert scanner.scan(f"ab{chr(code)}cd") == [0]


def test_no_region_has_shorter_numbers():
    """What the telephone gates take for granted, from the library's own tables."""
    for region in phonenumbers.SUPPORTED_REGIONS:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
        shortest = min(length for length in metadata.general_desc.possible_length if length > 0)

        assert shortest >= 4
        assert shortest + len(str(metadata.country_code)) >= INTERNATIONAL_DIGITS


@pytest.mark.parametrize("region", ["DE", "GB", "US", "IL", "FR", "IN", "BR", "ZA", "AR", "MX", "IT"])
def test_a_candidate_that_is_ruled_out_is_no_number(region):
    """Random digits with prefixes: the library finds nothing in what `may_be_valid` refuses."""
    random_ = random.Random(region)
    for _ in range(1500):
        digits = random_.choice(
            [
                "",
                "0",
                "1",
                "00",
                "011",
                "49",
                "490",
                "4900",
                "390",
                "39",
                "54",
                "549",
                "5490",
                "52",
                "910",
                "0800",
                "440",
                "3300",
                "9720",
                "550",
            ]
        )
        digits += "".join(random_.choice("0123456789") for _ in range(random_.randint(2, 12)))
        if not may_be_valid(digits, region):
            assert not phonenumbers.PhoneNumberMatcher(digits, region, leniency=1).has_next()


def test_prefixes_are_taken_off_twice():
    """A card number that Germany reads as +49 0 0 948…: found by the differential test on the corpora."""
    random_ = random.Random(5)
    for _ in range(300):
        digits = "4900948" + "".join(random_.choice("0123456789") for _ in range(9))
        found = phonenumbers.PhoneNumberMatcher(digits, "DE", leniency=1).has_next()

        assert may_be_valid(digits, "DE") or not found


def test_short_numbers_are_listed():
    """Germany has pagers with four digits; nothing shorter than five digits is missed."""
    known = shortest_numbers(("US", "DE"), 1)

    assert known.digits == 5
    assert "1640" in known.numbers
    assert all(phonenumbers.PhoneNumberMatcher(number, "DE", leniency=1).has_next() for number in known.numbers)
