"""The parts of gRPC that travel in HTTP/2 headers: timeouts, status messages, metadata, status details.

Source: grpc/doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status as StatusMessage

from sidecar.adapters.rpc import Metadata, RpcError, Status

Headers = list[tuple[bytes, bytes]]

_TIMEOUT_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
# The grammar allows at most eight digits.
_TIMEOUT_DIGITS = 8

# Headers that belong to HTTP/2, gRPC or the hosting Envoy, not to the application.
_RESERVED = frozenset(
    (
        *(b"host", b"te", b"content-type", b"content-length", b"user-agent", b"x-request-id"),
        *(b"x-forwarded-proto", b"x-forwarded-client-cert", b"x-forwarded-for"),
        *(b"x-envoy-internal", b"x-envoy-external-address"),
    )
)


def parse_timeout(value: str) -> float:
    """Read a `grpc-timeout` header as seconds.

    Raises:
        RpcError: INTERNAL if it does not follow the grammar.
    """
    digits, unit = value[:-1], value[-1:]
    if unit not in _TIMEOUT_UNITS or not digits.isascii() or not digits.isdigit() or len(digits) > _TIMEOUT_DIGITS:
        raise RpcError(Status.INTERNAL, "grpc-timeout is malformed")
    return int(digits) * _TIMEOUT_UNITS[unit]


def encode_message(message: str) -> bytes:
    """Percent-encode a status message for the `grpc-message` trailer: all but printable ASCII, and the percent sign."""
    return quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~").encode("ascii")


def decode_metadata(headers: Iterable[tuple[bytes, bytes]]) -> Metadata:
    """Read the application's metadata from request headers.

    Raises:
        RpcError: INTERNAL if a `-bin` value is not base64.
    """
    return join_metadata(_decode_pairs(headers))


def _decode_pairs(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str | bytes]]:
    for raw_name, value in headers:
        if raw_name in _RESERVED or raw_name.startswith((b"grpc-", b":")):
            continue
        name, text = raw_name.decode("latin-1"), value.decode("latin-1")
        if not name.endswith("-bin"):
            yield name, text
            continue
        for part in text.split(","):
            yield name, _decode_base64(part)


def join_metadata(pairs: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """Join values of the same name with commas, in the order they came in."""
    metadata: dict[str, str | bytes] = {}
    for name, value in pairs:
        previous = metadata.get(name)
        if previous is None:
            metadata[name] = value
        elif isinstance(previous, bytes) and isinstance(value, bytes):
            metadata[name] = previous + b"," + value
        else:
            metadata[name] = f"{previous!s},{value!s}"
    return metadata


def _decode_base64(text: str) -> bytes:
    """Decode a binary header's value, padded or not."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError) as error:
        raise RpcError(Status.INTERNAL, "binary metadata is not base64") from error


def encode_metadata(metadata: Metadata) -> Headers:
    """Write metadata as response headers or trailers.

    Raises:
        ValueError: for a name that is not a lower-case header name, or text that HTTP/2 cannot carry.
    """
    headers = []
    for name, value in metadata.items():
        raw_name = name.encode("ascii")
        if not raw_name or name != name.lower() or name.startswith((":", "grpc-")):
            raise ValueError("metadata names are lower-case and not reserved")
        is_binary = name.endswith("-bin")
        if is_binary != isinstance(value, bytes):
            raise ValueError("metadata values are bytes exactly where the name ends in -bin")
        raw_value = b64encode(value).rstrip(b"=") if isinstance(value, bytes) else value.encode("ascii")
        if not is_binary and any(byte < 0x20 or byte > 0x7E for byte in raw_value):
            raise ValueError("text metadata is printable ASCII")
        headers.append((raw_name, raw_value))
    return headers


def certificate_names(forwarded: str) -> tuple[str, ...]:
    """Read the URI and DNS names out of Envoy's `x-forwarded-client-cert` (we let Envoy set exactly one element)."""
    fields = (part.partition("=") for part in forwarded.split(";"))
    return tuple(value.strip('"') for name, _, value in fields if name in ("URI", "DNS"))


def status_details(error: RpcError) -> bytes:
    """Serialise an error as `google.rpc.Status`, the value of `grpc-status-details-bin`."""
    packed = []
    for detail in error.details:
        wrapper = AnyMessage()
        wrapper.Pack(detail)
        packed.append(wrapper)
    data: bytes = StatusMessage(code=int(error.code), message=error.message, details=packed).SerializeToString()
    return data


def status_headers(error: RpcError) -> Headers:
    """Write an error as trailers (or as the headers of a trailers-only answer)."""
    headers = [(b"grpc-status", b"%d" % error.code), (b"grpc-message", encode_message(error.message))]
    if error.details:
        headers.append((b"grpc-status-details-bin", b64encode(status_details(error)).rstrip(b"=")))
    return headers
