"""gRPC's HTTP/2 headers: timeouts, messages, metadata, client certificates."""

import pytest

from sidecar.adapters.rpc import RpcError, Status
from sidecar.hosts import wire


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1S", 1.0), ("250m", 0.25), ("2M", 120.0), ("1H", 3600.0), ("5u", 5e-6), ("99999999n", 0.099999999), ("0S", 0.0)],
)
def test_timeout_is_read_in_every_unit(text, seconds):
    """The six units of the grammar."""
    assert wire.parse_timeout(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "S", "1", "1s", "-1S", "123456789S", "1.5S", "\u0661S", " 1S"])
def test_timeout_outside_the_grammar_is_refused(text):
    """A deadline that cannot be read is not taken for none."""
    with pytest.raises(RpcError):
        wire.parse_timeout(text)


@pytest.mark.parametrize(
    ("message", "encoded"), [("plain", b"plain"), ("100 %", b"100 %25"), ("é\n", b"%C3%A9%0A"), ('a"~', b'a"~')]
)
def test_status_message_is_percent_encoded(message, encoded):
    """Printable ASCII stays, all else and the percent sign are escaped."""
    assert wire.encode_message(message) == encoded


def test_metadata_leaves_out_what_belongs_to_the_protocol():
    """HTTP/2's, gRPC's and Envoy's own headers are not the application's."""
    names = (b"te", b"grpc-timeout", b":path", b"content-type", b"x-forwarded-client-cert", b"mine")

    assert dict(wire.decode_metadata((name, b"v") for name in names)) == {"mine": "v"}


@pytest.mark.parametrize("value", [b"AAH/AA==", b"AAH/AA"])
def test_binary_metadata_is_read_with_and_without_padding(value):
    """grpc-go leaves the padding out."""
    assert dict(wire.decode_metadata([(b"k-bin", value)])) == {"k-bin": b"\x00\x01\xff\x00"}


def test_binary_metadata_that_is_not_base64_is_refused():
    """It does not reach a handler as something else."""
    with pytest.raises(RpcError):
        wire.decode_metadata([(b"k-bin", b"!")])


def test_repeated_metadata_is_joined():
    """In the order it came in, text and binary alike."""
    headers = [(b"a", b"1"), (b"b-bin", b"AA"), (b"a", b"2"), (b"b-bin", b"AQ,Ag")]

    assert dict(wire.decode_metadata(headers)) == {"a": "1,2", "b-bin": b"\x00,\x01,\x02"}


@pytest.mark.parametrize(
    "metadata", [{"Upper": "x"}, {"": "x"}, {":path": "x"}, {"grpc-x": "x"}, {"a": b"x"}, {"a-bin": "x"}, {"a": "x\ny"}]
)
def test_metadata_that_http2_cannot_carry_is_refused(metadata):
    """A header cannot be split or forged through a value."""
    with pytest.raises(ValueError, match="metadata"):
        wire.encode_metadata(metadata)


def test_certificate_names_are_read():
    """URI and DNS names, and nothing else, from the header that Envoy sets."""
    header = 'Hash=ab;URI=spiffe://a/b;DNS=client.test;Subject="CN=x"'

    assert wire.certificate_names(header) == ("spiffe://a/b", "client.test")
    assert wire.certificate_names("") == ()


def test_status_without_details_is_two_headers():
    """Code and message; details only where there are some."""
    headers = wire.status_headers(RpcError(Status.NOT_FOUND, "no"))

    assert headers == [(b"grpc-status", b"5"), (b"grpc-message", b"no")]


def test_error_with_ok_cannot_be_made():
    """An error that ends with OK would let Envoy go on without us."""
    with pytest.raises(ValueError, match="OK"):
        RpcError(Status.OK, "fine")
