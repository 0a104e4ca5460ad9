"""Ways in which an upstream misbehaves; each is a behaviour for `Upstream.reset`."""

import asyncio

from tests.chaos.upstream import chunk, event, head, whole


async def reset(writer, body):
    """Reset the connection instead of an answer."""
    writer.transport.abort()


async def close(writer, body):
    """Close it without a word."""
    writer.close()


async def black_hole(writer, body):
    """Never answer."""
    await asyncio.sleep(3600)


async def garbage(writer, body):
    """Answer with what is no HTTP."""
    writer.write(b"\x00\xff\x00 220 mail.example ready\r\n\r\n" * 20)
    await writer.drain()
    writer.close()


async def cut_body(writer, body):
    """Promise more than is sent."""
    writer.write(whole(b'{"choices": []}').replace(b"content-length: 15", b"content-length: 1500"))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


async def broken_json(writer, body):
    """A JSON body that no parser reads."""
    writer.write(whole(b'{"choices": [{"message": {"content": "half a sen'))


async def empty(writer, body):
    """A JSON answer without a body."""
    writer.write(whole(b""))


async def cut_stream(writer, body):
    """Break a streamed answer off in the middle."""
    writer.write(head() + b"".join(chunk(event(word)) for word in ("one ", "two ", "three ")))
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.transport.abort()


async def garbage_stream(writer, body):
    """Events whose data is no JSON."""
    writer.write(head() + chunk(b"data: {not json\n\n") + chunk(b"\xff\xfe\x00garbage\n\n") + b"0\r\n\r\n")


async def endless_event(writer, body):
    """An event that never ends, until the client has enough."""
    writer.write(head())
    for _ in range(200):
        writer.write(chunk(b"data: " + b"x" * 65536))
        await writer.drain()


async def huge_headers(writer, body):
    """Headers beyond any limit."""
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (i, b"y" * 1000) for i in range(500)) + b"\r\n")


async def overload(writer, body):
    """An error of the upstream's own."""
    writer.write(whole(b'{"error": {"message": "busy", "type": "server_error"}}', status="503 Service Unavailable"))


async def trickle(writer, body):
    """A good answer, a few bytes at a time."""
    data = head() + b"".join(chunk(event(word)) for word in ("slow ", "but ", "good")) + chunk(b"data: [DONE]\n\n")
    data += b"0\r\n\r\n"
    for start in range(0, len(data), 40):
        writer.write(data[start : start + 40])
        await writer.drain()
        await asyncio.sleep(0.02)
