"""Stand-ins look like what they stand for, belong to nobody, and are the same for the same digest."""

import hashlib
import re

import pytest

from sidecar.core.checks import luhn
from sidecar.core.surrogates import surrogate

SHAPES = {
    "PERSON": ("Anna Smith", r"[A-Z][a-z]+ [A-Z][a-z]+"),
    "LOCATION": ("Toronto", r"[A-Z][a-z]+"),
    "ORGANIZATION": ("ACME", r"[A-Z][a-z]+ [A-Z][a-z]+"),
    # RFC 2606, RFC 5737, RFC 3849, and the numbers kept for fiction.
    "EMAIL_ADDRESS": ("a@b.co", r"[a-z]+\.[a-z]+\d{1,3}@example\.(?:com|net|org)"),
    "PHONE_NUMBER": ("+49 30 1234", r"\+1 [2-8]\d\d 555 01\d\d"),
    "IP_ADDRESS": ("10.0.0.1", r"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.(?!0\b)\d{1,3}"),
    "URL": ("http://x.y", r"https://[a-z]+\d{1,3}\.example\.org"),
    "CREDIT_CARD": ("4111-1111-1111-1111", r"4000-00\d\d-\d{4}-\d{4}"),
    "US_SSN": ("123-45-6789", r"9\d\d-\d\d-\d{4}"),
    "OTHER": ("AB-12 cd!", r"[A-Z]{2}-\d\d [a-z]{2}!"),
}


def digest(number):
    return hashlib.sha256(str(number).encode()).digest()


@pytest.mark.parametrize("entity", SHAPES)
def test_a_stand_in_has_its_shape(entity):
    """For two hundred digests; the same digest gives the same one."""
    value, shape = SHAPES[entity]
    made = [surrogate(entity, digest(number), value) for number in range(200)]

    assert [text for text in made if not re.fullmatch(shape, text)] == []
    assert made == [surrogate(entity, digest(number), value) for number in range(200)]
    assert len(set(made)) > 20
    assert value not in made


def test_cards_pass_their_checksum():
    """A model or a form that checks it takes them for cards."""
    assert all(luhn(surrogate("CREDIT_CARD", digest(number), "4111111111111111")) for number in range(300))


def test_addresses_of_the_other_family():
    """IPv6 stays IPv6."""
    assert re.fullmatch(r"2001:db8:[0-9a-f]+:[0-9a-f]+::[0-9a-f]+", surrogate("IP_ADDRESS", digest(1), "fe80::1"))


def test_one_name_stays_one_name():
    """A first name is not made a full one."""
    assert " " not in surrogate("PERSON", digest(1), "Anna")
