"""The line between the supervisor and a worker: JSON lines over an inherited socket pair.

When either end dies the other sees the end of the stream, so a worker never outlives its supervisor by this way either.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

Message = dict[str, Any]

# Metrics of a worker travel in one line; 4,000 rules make about 1 MiB of them.
_LINE_LIMIT = 32 << 20


class Channel:
    """One end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Channel:
        """Take over one end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LINE_LIMIT))

    def send(self, message: Message) -> None:
        """Send a message; nothing happens if the other end is gone, because its death is noticed elsewhere."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def __aiter__(self) -> Channel:
        return self

    async def __anext__(self) -> Message:
        """Return the next message of the other end.

        Raises:
            StopAsyncIteration: it has closed, or died.
        """
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        if not line:
            raise StopAsyncIteration
        message: Message = json.loads(line)
        return message

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
