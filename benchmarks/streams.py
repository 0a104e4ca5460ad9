"""What the guard adds to a streamed answer: time for a token, delay of the first one, memory of an open stream.

    python -m benchmarks.streams [--streams 5000] [--words 8000]

Beside each figure stands its twin: reading the same events without judging them, and holding back the widest rule.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator

from sidecar.app import load_snapshot
from sidecar.core.dialects import OPENAI_CHAT
from sidecar.core.events import EventReader
from sidecar.core.filter import Filter
from sidecar.core.guard import OutputGuard
from sidecar.core.streaming import patterns_of

_WORDS = [
    "the",
    "and",
    "a",
    "of",
    "to",
    "in",
    "we",
    "they",
    "it",
    "that",
    "was",
    "with",
    "on",
    "as",
    "at",
    "by",
    "from",
    "when",
    "where",
    "light",
    "harbour",
    "boat",
    "rope",
    "wind",
    "water",
    "people",
    "morning",
    "evening",
    "small",
    "old",
    "slow",
    "quick",
    "certain",
    "answer",
    "question",
    "reason",
    "example",
    "number",
    "letter",
    "table",
    "window",
    "garden",
]


def tokens(count: int) -> Iterator[str]:
    """Yield tokens of clean prose, most of them a word with the blank before it."""
    rng = random.Random(1)
    for index in range(count):
        word = rng.choice(_WORDS)
        yield ("" if index == 0 else " ") + (word.capitalize() if index % 12 == 0 else word)
        if index % 12 == 11:
            yield "."


def event(content: str) -> bytes:
    """Write one event as OpenAI's API does."""
    choice = {"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": None}
    value = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o",
        "choices": [choice],
    }
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def timed(events: list[bytes], take: Callable[[bytes], object]) -> tuple[float, float]:
    """Return median and 99th percentile of the time for one event, in microseconds."""
    spent = []
    for chunk in events:
        begin = time.perf_counter()
        take(chunk)
        spent.append(time.perf_counter() - begin)
    cuts = statistics.quantiles(spent, n=100)
    return statistics.median(spent) * 1e6, cuts[98] * 1e6


def delays(events: list[bytes], make: Callable[[], OutputGuard]) -> tuple[int, int]:
    """Return after how many events the first one leaves, and the most events that wait at any time."""
    guard, waiting, first, most = make(), 0, 0, 0
    for number, chunk in enumerate(events, 1):
        waiting += 1 - sum(released.data.count(b"data:") for released in guard.receive(chunk))
        first = first or (number if waiting < number else 0)
        most = max(most, waiting)
    return first, most


def memory(events: list[bytes], make: Callable[[], OutputGuard], count: int) -> float:
    """Return the bytes of one open stream after so many events, beside what all streams share."""
    make().receive(b"".join(events))  # what is shared is built now
    tracemalloc.start()
    guards = [make() for _ in range(count)]
    for guard in guards:
        for chunk in events:
            guard.receive(chunk)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / len(guards)


def interleaved(events: list[bytes], make: Callable[[], OutputGuard], count: int) -> tuple[float, float]:
    """Feed many open streams in turn; return median and 99th percentile for one event, in microseconds."""
    guards = [make() for _ in range(count)]
    spent = []
    for chunk in events:
        for guard in guards:
            begin = time.perf_counter()
            guard.receive(chunk)
            spent.append(time.perf_counter() - begin)
    return statistics.median(spent) * 1e6, statistics.quantiles(spent, n=100)[98] * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--words", type=int, default=8000)
    given = parser.parse_args()
    check: Filter = load_snapshot().filter()
    events = [event(token) for token in tokens(given.words)]

    def make() -> OutputGuard:
        return OutputGuard(check.engine, check.lane, OPENAI_CHAT)

    def reading() -> Callable[[bytes], object]:
        framer, reader = OPENAI_CHAT.framer(), EventReader(OPENAI_CHAT)
        return lambda chunk: [reader.read(frame) for frame in framer.receive(chunk)]

    timed(events[:500], make().receive)
    guarded, twin = timed(events, make().receive), timed(events, reading())
    print(
        f"one token           p50 {guarded[0]:.1f} us, p99 {guarded[1]:.1f} us   (reading the event only: {twin[0]:.1f}, {twin[1]:.1f})"
    )
    first, most = delays(events, make)
    widest = patterns_of(check.lane.plans["response.text"])[2]
    held = next((n for n in range(1, len(events)) if sum(map(len, tokens(n))) > widest), 0)
    print(
        f"first token         leaves with event {first}; at most {most} wait   (holding back the widest rule: event {held})"
    )
    short, long = (memory(events[:size], make, 20) for size in (200, given.words))
    print(f"memory of a stream  {short / 1024:.1f} KiB after 200 events, {long / 1024:.1f} KiB after {given.words}")
    many = interleaved(events[:10], make, given.streams)
    print(f"{given.streams} open streams   p50 {many[0]:.1f} us, p99 {many[1]:.1f} us for an event")


if __name__ == "__main__":
    main()
