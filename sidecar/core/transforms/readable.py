"""Tells decoded text from decoded noise: images, keys and checksums are encoded far more often than attacks."""

from __future__ import annotations

import zlib

# What gzip or zlib may expand to, whatever its size; a bomb ends here and the reader is told.
INFLATED_LIMIT = 2**20
# Of random bytes 37 % are printable ASCII; of text in any encoding that a model would read, nearly all.
_PRINTABLE_SHARE = 0.9
_CONTROL_SHARE = 0.05
_PRINTABLE = bytes(range(32, 127)) + b"\t\n\r"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x08\x1b")) + b"\x7f"
_GZIP = b"\x1f\x8b\x08"
_ZLIB = (b"x\x9c", b"x\xda", b"x\x01", b"x^")
# Each character of UTF-16 text in a Latin script has one NUL byte.
_UTF16_SHARE = 0.3
# Other scripts fill few blocks of 256 characters; every other byte of noise is any of 256.
_UTF16_BLOCKS, _UTF16_SHORTEST = 3, 24
# Long runs of letters, digits and signs that hold a digit are codes, not words in disguise: guesses leave them whole.
CODE = r"(?=[A-Za-z+/=_-]{0,64}[0-9])[A-Za-z0-9+/=_-]{32,}"


def readable(data: bytes) -> str | None:
    """Return the text that bytes hold, inflated if they were compressed; None if they hold none."""
    if data.startswith((_GZIP, *_ZLIB)):
        data = _inflate(data)
    if not data:
        return None
    if data.count(0) > _UTF16_SHARE * len(data):
        data = data.replace(b"\0", b"")
    if len(data) >= _UTF16_SHORTEST and len(data) % 2 == 0 and len(set(data[1::2])) <= _UTF16_BLOCKS:
        return data.decode("utf-16-le", errors="ignore") or None
    if len(data.translate(None, _CONTROLS)) < (1 - _CONTROL_SHARE) * len(data):
        return None
    try:
        return data.decode() or None
    except UnicodeDecodeError:
        if len(data) - len(data.translate(None, _PRINTABLE)) < _PRINTABLE_SHARE * len(data):
            return None
        return data.decode(errors="ignore")


def _inflate(data: bytes) -> bytes:
    """Inflate up to the limit and one byte: who counts the output sees that there was more."""
    try:
        return zlib.decompressobj(wbits=47).decompress(data, INFLATED_LIMIT + 1)
    except zlib.error:
        return data
