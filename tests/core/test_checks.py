"""Checks on matched text, against values computed by hand or by another implementation."""

import base64
import zlib

import pytest

from sidecar.core.checks import aws_account, base62, base62_crc32, entropy, jwt, luhn


@pytest.mark.parametrize(("value", "expected"), [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0)])
def test_entropy_in_bits_per_character(value, expected):
    """Shannon's formula on texts whose answer is plain."""
    assert expected == entropy(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    # ISO/IEC 7812-1 annex B: 7992739871 has check digit 3.
    [("79927398713", True), ("79927398710", False), ("4111 1111 1111 1111", True), ("0", False), ("", False)],
)
def test_luhn_on_the_textbook_number(value, expected):
    """The number of the standard's annex passes; with another check digit it does not."""
    assert expected is luhn(value)


def test_base62_crc32_holds_for_a_token_made_by_the_recipe():
    """Thirty characters and their CRC-32; one changed character breaks it."""
    body = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5"
    token = f"ghp_{body}{base62(zlib.crc32(body.encode()), 6)}"

    assert base62_crc32(token)
    assert not base62_crc32(token.replace("A1", "A2"))


def test_aws_account_reads_the_number_inside_the_key():
    """A key packed from account 123456789012 holds an account; text that is not base 32 does not."""
    packed = (123456789012 << 7).to_bytes(6, "big") + b"\0\0\0\0"
    key = "AKIA" + base64.b32encode(packed).decode()

    assert aws_account(key)
    assert not aws_account("AKIA0000000000000000")


def test_jwt_needs_a_header_with_an_algorithm():
    """Base64 of another object is not a token."""

    def part(text):
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    assert jwt(part('{"alg":"HS256"}') + ".x.y")
    assert not jwt(part('{"kid":"1"}') + ".x.y")
    assert not jwt("eyJ????.x.y")
