"""Entities that overlap and noise: each thing is said once, and nothing that must be masked is lost."""

import random

import pytest

from sidecar.core.overlaps import is_noise, keep
from sidecar.model import Finding, Segment, Verdict


def _finding(text, start, end, entity="PERSON", confidence=0.85):
    return Finding(f"pii-{entity.lower()}", "pii", start, end, confidence, Segment(text, "request.user"), entity)


def _kept(*items, text="x" * 60):
    """Each item: entity, start, end, confidence, verdict."""
    spans = [(_finding(text, start, end, entity, score), verdict) for entity, start, end, score, verdict in items]
    return [finding.entity for (finding, _), stays in zip(spans, keep(spans), strict=True) if stays]


MASK, FLAG, BLOCK = Verdict.MASK, Verdict.FLAG, Verdict.BLOCK


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([("EMAIL_ADDRESS", 0, 20, 1.0, MASK), ("URL", 5, 20, 0.5, FLAG)], ["EMAIL_ADDRESS"]),
        ([("URL", 0, 30, 0.6, FLAG), ("EMAIL_ADDRESS", 10, 25, 1.0, MASK)], ["URL", "EMAIL_ADDRESS"]),
        ([("URL", 0, 30, 1.0, FLAG), ("PERSON", 10, 25, 0.5, MASK)], ["URL", "PERSON"]),
        ([("US_SSN", 0, 9, 0.5, BLOCK), ("PERSON", 0, 9, 0.9, MASK)], ["US_SSN", "PERSON"]),
        ([("US_BANK_NUMBER", 0, 9, 0.4, MASK), ("PHONE_NUMBER", 0, 9, 0.4, MASK)], ["PHONE_NUMBER"]),
        ([("US_PASSPORT", 0, 9, 0.4, MASK), ("US_SSN", 0, 9, 0.85, MASK)], ["US_SSN"]),
        ([("PERSON", 0, 10, 0.8, MASK), ("LOCATION", 5, 15, 0.9, MASK)], ["PERSON", "LOCATION"]),
        ([("PERSON", 0, 10, 0.8, MASK), ("PERSON", 10, 15, 0.8, MASK)], ["PERSON", "PERSON"]),
        ([("PERSON", 0, 30, 0.9, MASK), ("PERSON", 5, 20, 0.8, MASK), ("PERSON", 6, 9, 0.7, MASK)], ["PERSON"]),
    ],
)
def test_what_stays(items, expected):
    """Contained and no surer, and no stricter: dropped; whatever the order they came in."""
    assert _kept(*items) == expected
    assert sorted(_kept(*reversed(items))) == sorted(expected)


def test_every_masked_character_stays_masked():
    """Whatever is dropped lies within something that stays and is treated as strictly."""
    random_ = random.Random(4)
    for _ in range(500):
        spans = []
        for _ in range(random_.randint(1, 12)):
            start = random_.randint(0, 40)
            end = start + random_.randint(1, 19)
            entity = random_.choice(["A", "B", "C"])
            verdict = random_.choice([FLAG, MASK, BLOCK])
            spans.append((_finding("x" * 60, start, end, entity, random_.choice([0.4, 0.6, 1.0])), verdict))
        stays = keep(spans)
        before = {(place, verdict) for finding, verdict in spans for place in range(finding.start, finding.end)}
        after = {
            (place, verdict)
            for (finding, highest), kept in zip(spans, stays, strict=True)
            if kept
            for place in range(finding.start, finding.end)
            for verdict in (FLAG, MASK, BLOCK)
            if verdict <= highest
        }

        assert before <= after


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("call foo.append(x)", "foo.app", True),
        ("self.name = 1", "self.name", False),
        ("see os.path.name_of", "path.name", True),
        ("edit src/main.py now", "main.py", True),
        ("edit main.py now", "main.py", True),
        ("open site.com(x)", "site.com", True),
        ("a.info=3", "a.info", True),
        ("visit example.com now", "example.com", False),
        ("visit example.com/docs now", "example.com/docs", False),
        ("visit example.com.", "example.com", False),
        ("(example.org)", "example.org", False),
    ],
)
def test_host_names_in_source_code_are_noise(text, host, expected):
    """A name that code explains better; addresses in prose stay."""
    start = text.index(host)

    assert is_noise(_finding(text, start, start + len(host), "URL", 0.5)) is expected


def test_an_address_with_a_scheme_is_never_noise():
    """Nor is any other entity."""
    text = "get(https://example.py)"

    assert not is_noise(_finding(text, 4, 22, "URL", 0.6))
    assert not is_noise(_finding("main.py", 0, 7, "PERSON", 0.5))
