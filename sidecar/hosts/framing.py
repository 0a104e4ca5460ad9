"""gRPC message framing over a byte stream, sans-IO: five bytes of prefix, then the message.

Source: grpc/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
"""

from __future__ import annotations

import zlib
from struct import Struct

from sidecar.adapters.rpc import RpcError, Status

PREFIX = Struct(">BL")
PREFIX_SIZE = PREFIX.size

# wbits of zlib.decompressobj and compressobj: 16 + 15 is a gzip container, 15 a zlib one (gRPC's "deflate").
_WINDOW_BITS = {"gzip": 31, "deflate": 15}
ACCEPTED_ENCODINGS = "identity,deflate,gzip"


def frame(message: bytes) -> bytes:
    """Prefix an uncompressed message."""
    return PREFIX.pack(0, len(message)) + message


def frame_compressed(message: bytes, encoding: str) -> bytes:
    """Compress a message with a supported encoding and prefix it."""
    packer = zlib.compressobj(level=1, wbits=_WINDOW_BITS[encoding])
    packed = packer.compress(message) + packer.flush()
    return PREFIX.pack(1, len(packed)) + packed


def decompress(data: bytes, encoding: str, *, limit: int) -> bytes:
    """Decompress one message, never holding more than `limit` bytes of it.

    Args:
        data: the compressed message.
        encoding: the value of `grpc-encoding`.
        limit: the largest message in bytes; a bomb costs one byte more than that, not what it unpacks to.

    Raises:
        RpcError: UNIMPLEMENTED for an encoding we do not have, RESOURCE_EXHAUSTED over the limit, INTERNAL if broken.
    """
    if encoding in ("", "identity"):
        raise RpcError(Status.INTERNAL, "compressed message without grpc-encoding")
    if encoding not in _WINDOW_BITS:
        raise RpcError(Status.UNIMPLEMENTED, "grpc-encoding is not supported")
    unpacker = zlib.decompressobj(wbits=_WINDOW_BITS[encoding])
    try:
        message = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise RpcError(Status.INTERNAL, "compressed message is broken") from error
    if len(message) > limit:
        raise too_large(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise RpcError(Status.INTERNAL, "compressed message is broken")
    return message


def too_large(limit: int) -> RpcError:
    """The status of a message over the limit, the one that grpcio's own servers give."""
    return RpcError(Status.RESOURCE_EXHAUSTED, f"message larger than the limit of {limit} bytes")


class Deframer:
    """Turns chunks of a request body into messages.

    Args:
        limit: the largest message in bytes, compressed or not.
        encoding: the value of the client's `grpc-encoding`.
    """

    __slots__ = ("_chunks", "_encoding", "_limit", "_needed", "_size")

    def __init__(self, *, limit: int, encoding: str = "identity") -> None:
        self._limit = limit
        self._encoding = encoding
        # Chunks of the unfinished message are joined once, when it is whole: adding each chunk to one buffer
        # would copy a message of n chunks n times.
        self._chunks: list[bytes] = []
        self._size = 0
        self._needed = PREFIX_SIZE

    def receive(self, chunk: bytes) -> list[bytes]:
        """Take the next chunk and return the messages that it completes.

        Raises:
            RpcError: as `decompress` does, and INTERNAL for a prefix that is neither 0 nor 1.
        """
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
        if self._size < self._needed:
            return []
        buffer = chunk if len(self._chunks) == 1 else b"".join(self._chunks)
        messages, start = self._cut(buffer)
        rest = buffer[start:]
        self._chunks = [rest] if rest else []
        self._size = len(rest)
        return messages

    def _cut(self, buffer: bytes) -> tuple[list[bytes], int]:
        """Cut whole messages off a buffer; return them and the offset of the rest, and note what the rest needs."""
        messages = []
        start = 0
        self._needed = PREFIX_SIZE
        while len(buffer) - start >= PREFIX_SIZE:
            flag, size = PREFIX.unpack_from(buffer, start)
            if size > self._limit:
                raise too_large(self._limit)
            end = start + PREFIX_SIZE + size
            if end > len(buffer):
                self._needed = PREFIX_SIZE + size
                break
            messages.append(self._message(flag, buffer[start + PREFIX_SIZE : end]))
            start = end
        return messages, start

    def finish(self) -> None:
        """Take the end of the body.

        Raises:
            RpcError: INTERNAL if a message is cut off.
        """
        if self._chunks:
            raise RpcError(Status.INTERNAL, "request body ends inside a message")

    def _message(self, flag: int, data: bytes) -> bytes:
        if flag == 0:
            return data
        if flag == 1:
            return decompress(data, self._encoding, limit=self._limit)
        raise RpcError(Status.INTERNAL, "message prefix is not gRPC")
