"""What the guard adds to a streamed answer, in this process: time for a token, delay of the first one, memory of a stream."""

from __future__ import annotations

import gc
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator

from benchmarks.book import Book, Effort
from benchmarks.latency import at, new_histogram
from benchmarks.report import Figure, Goal, Series
from benchmarks.texts import WORDS
from sidecar.app import load_snapshot
from sidecar.core.dialects import OPENAI_CHAT
from sidecar.core.events import EventReader
from sidecar.core.guard import OutputGuard
from sidecar.core.streaming import patterns_of

_TOKEN_MICROS = 30.0
_STREAM_KIB = 64.0

Make = Callable[[], OutputGuard]


def measure_guard(book: Book, effort: Effort) -> None:
    """Measure the guard alone, on a stream of clean prose as OpenAI's API sends it."""
    snapshot = load_snapshot()
    snapshot.warm()  # what loads after the start in its own time is no stream's memory
    check = snapshot.filter()
    words = effort.pick(4000, 400)
    events = [event(token) for token in tokens(words)]

    def make() -> OutputGuard:
        return OutputGuard(check.engine, check.lane, OPENAI_CHAT)

    make().receive(b"".join(events))  # what streams share is built now
    with book.part("a token"):
        book.add(*_token_times(events, make, effort))
    with book.part("the first token"):
        book.add(_delay(events, make, patterns_of(check.lane.plans["response.text"])[2]))
    with book.part("memory of a guard"):
        ours = Series("sidecar", (_memory(events, make, 20),))
        start = Series("the same after 200 events", (_memory(events[:200], make, 20),))
        goals = (Goal("value", _STREAM_KIB),)
        book.add(
            Figure("guard-memory", f"guard of one stream, after {words:,} tokens", "KiB", ours, (start,), goals=goals)
        )
    with book.part("many streams"):
        book.add(*_interleaved(events[:10], make, effort.pick(5000, 100)))


def tokens(count: int) -> Iterator[str]:
    """Yield tokens of clean prose, most of them a word with the blank before it."""
    rng = random.Random(1)
    for index in range(count):
        word = rng.choice(WORDS)
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


def _token_times(events: list[bytes], make: Make, effort: Effort) -> list[Figure]:
    """Time each event under the guard and when it is only read, in turns."""
    ours: dict[int, list[float]] = {50: [], 99: []}
    read: dict[int, list[float]] = {50: [], 99: []}
    for _ in range(effort.turns):
        for found, take in ((ours, make().receive), (read, _reading())):
            histogram = new_histogram(_nanoseconds(events, take))
            for percentile, values in found.items():
                values.append(at(histogram, percentile))  # nanoseconds, a thousand of them
    figures = []
    for percentile in (50, 99):
        goals = (Goal("value", _TOKEN_MICROS),) if percentile == 50 else ()
        series = Series("sidecar", tuple(ours[percentile])), Series("reading the event", tuple(read[percentile]))
        question = f"a token, p{percentile}"
        figures.append(Figure(f"token-p{percentile}", question, "µs", series[0], series[1:], goals=goals))
    return figures


def _reading() -> Callable[[bytes], object]:
    framer, reader = OPENAI_CHAT.framer(), EventReader(OPENAI_CHAT)
    return lambda chunk: [reader.read(frame) for frame in framer.receive(chunk)]


def _nanoseconds(events: list[bytes], take: Callable[[bytes], object]) -> Iterator[float]:
    for chunk in events:
        begin = time.perf_counter_ns()
        take(chunk)
        yield time.perf_counter_ns() - begin


def _delay(events: list[bytes], make: Make, widest: int) -> Figure:
    """Count after how many events the first one leaves, beside holding back the widest rule."""
    guard, waiting, first = make(), 0, 0
    for number, chunk in enumerate(events, 1):
        waiting += 1 - sum(released.data.count(b"data:") for released in guard.receive(chunk))
        first = first or (number if waiting < number else 0)
    length, held = 0, len(events)
    for number, token in enumerate(tokens(len(events)), 1):
        length += len(token)
        if length > widest:
            held = number
            break
    twin = Series("holding back the widest rule", (float(held),))
    # One chunk later than without a filter.
    return Figure(
        "delay",
        "the first token leaves with chunk",
        "chunks",
        Series("sidecar", (float(first),)),
        (twin,),
        goals=(Goal("value", 2),),
    )


def _memory(events: list[bytes], make: Make, count: int) -> float:
    """Return the KiB of one open stream after these events, beside what all streams share."""
    gc.collect()
    tracemalloc.start()
    guards = [make() for _ in range(count)]
    for guard in guards:
        for chunk in events:
            guard.receive(chunk)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / count / 1024


def _interleaved(events: list[bytes], make: Make, count: int) -> list[Figure]:
    """Feed many open streams in turn, as a server does; beside one stream alone."""
    figures = []
    guards = [make() for _ in range(count)]
    many = new_histogram(ns for chunk in events for guard in guards for ns in _nanoseconds([chunk], guard.receive))
    alone = new_histogram(ns for _ in range(count) for ns in _nanoseconds(events, make().receive))
    for percentile in (50, 99):
        ours, twin = (
            Series("sidecar", (at(many, percentile),)),
            Series("one stream after the other", (at(alone, percentile),)),
        )
        figures.append(
            Figure(
                f"many-p{percentile}", f"a token, {count:,} streams open at once, p{percentile}", "µs", ours, (twin,)
            )
        )
    return figures
