"""The content codings that the standard library does not read: Brotli and Zstandard."""

from __future__ import annotations

from collections.abc import Mapping

import brotli
import zstandard

from sidecar.core.coding import DECODERS, Decoder, require_whole
from sidecar.errors import MalformedBody

# RFC 8878 asks decoders to take windows of 8 MiB; larger ones only cost memory.
_WINDOW_BYTES = 8 * 2**20


def unbrotli(data: bytes, limit: int) -> bytes:
    """Undo Brotli (RFC 7932).

    Raises:
        MalformedBody: it is no Brotli, is cut off, or goes on behind its end.
        BodyTooLarge: more than `limit` bytes come of it.
    """
    decoder = brotli.Decompressor()
    try:
        decoded: bytes = decoder.process(data, output_buffer_limit=limit + 1)
        # The limit is a hint: output comes in blocks, and the last one may be waiting.
        while len(decoded) <= limit and not decoder.is_finished() and (more := decoder.process(b"")):
            decoded += more
    except brotli.error:
        raise MalformedBody("the body is not what its content coding says") from None
    require_whole(decoded, limit, is_whole=decoder.is_finished())
    return decoded


def unzstd(data: bytes, limit: int) -> bytes:
    """Undo Zstandard (RFC 8878); one frame.

    Raises:
        MalformedBody: it is no Zstandard, is cut off, or goes on behind its end.
        BodyTooLarge: more than `limit` bytes come of it.
    """
    decoder = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    try:
        with decoder.stream_reader(data, read_across_frames=False) as reader:
            decoded: bytes = reader.read(limit + 1)
        if len(decoded) > limit:
            require_whole(decoded, limit, is_whole=True)
        # Within the limit now; read again for where the frame ends, which the stream does not say.
        whole = decoder.decompressobj()
        whole.decompress(data)
    except zstandard.ZstdError:
        raise MalformedBody("the body is not what its content coding says") from None
    require_whole(decoded, limit, is_whole=whole.eof and not whole.unused_data)
    return decoded


ALL_DECODERS: Mapping[str, Decoder] = {**DECODERS, "br": unbrotli, "zstd": unzstd}
