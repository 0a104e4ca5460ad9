"""Mutates seeds by the million: `python -m tests.fuzz.run --inputs 1000000 [--seed 1] [--target NAME]`.

Says for each target how many inputs, how many crashed, how many took longer than a second, and the 99th percentile; the
inputs that failed stay in `out/fuzz`.
"""

import argparse
import hashlib
import random
import signal
import sys
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS, seeds, snapshot

_HANG_SECONDS = 5
_SLOW_SECONDS = 1.0
_WORDS = (
    b"\x00", b"\xff", b"\r\n\r\n", b"\n\n", b"data: ", b"{", b"}", b"[", b'"', b"\\u0000", b"\\ud800", b'"content":', b"&&", b"%00",
    b"\xef\xbb\xbf", "\u202e".encode(), "\U000e0041".encode(), b"A" * 64, b"&#x", b"data:;base64,", b"*x", b"&a ", b"!!", b"- ", b": ", b"1e999",
)  # fmt: skip


def mutate(rng, data, pool):
    """Return a variant of a seed."""
    made = bytearray(data)
    for _ in range(1 << rng.randrange(5)):
        place = rng.randrange(len(made) + 1)
        how = rng.randrange(6)
        if how == 0 and made:
            made[place % len(made)] ^= 1 << rng.randrange(8)
        elif how == 1:
            made[place:place] = rng.choice(_WORDS)
        elif how == 2:
            del made[place : place + rng.randrange(1, 16)]
        elif how == 3:
            other = rng.choice(pool)
            start = rng.randrange(len(other) + 1)
            made[place:place] = other[start : start + rng.randrange(1, 64)]
        elif how == 4:
            piece = bytes(made[place : place + rng.randrange(1, 32)])
            made[place:place] = piece * rng.randrange(1, 8)
        else:
            made[place : place + 1] = rng.randbytes(rng.randrange(1, 4))
    return bytes(made[:4000])


class Hang(Exception):
    """A target took too long."""


def _alarm(*_):
    raise Hang


def fuzz(name, count, seed):
    """Run one target; return crashes, slow inputs and the sorted times."""
    target, rng = TARGETS[name], random.Random(f"{seed}:{name}")
    pool = seeds()[name]
    crashes, times, worst = 0, [], 0.0
    for _ in range(count):
        data = mutate(rng, rng.choice(pool), pool)
        # The processor's time: a busy machine is no slow target.
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, _HANG_SECONDS)
        try:
            target(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            crashes += 1
            _keep(name, data, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        times.append(time.process_time() - began)
        if times[-1] >= max(worst, _SLOW_SECONDS / 10):
            _save(f"slowest-{name}", data)
        worst = max(worst, times[-1])
    return crashes, sorted(times)


def _keep(name, data, error):
    path = _save(f"{name}-{hashlib.sha256(data).hexdigest()[:12]}", data)
    print(f"{path}: {type(error).__name__}: {str(error)[:200]}", flush=True)


def _save(name, data):
    folder = Path("out/fuzz")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path


def main():
    """Run them all; return 1 if anything failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=TARGETS, action="append")
    given = parser.parse_args()
    signal.signal(signal.SIGPROF, _alarm)
    names = given.target or list(TARGETS)
    snapshot()
    failed = 0
    for name in names:
        crashes, times = fuzz(name, given.inputs // len(names), given.seed)
        slow = sum(one > _SLOW_SECONDS for one in times)
        failed += crashes + slow
        p99, worst = times[len(times) * 99 // 100], times[-1]
        print(
            f"{name}: {len(times)} inputs, {crashes} crashes or hangs, {slow} over 1 s, "
            f"p99 {p99 * 1e3:.2f} ms, worst {worst * 1e3:.0f} ms",
            flush=True,
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
