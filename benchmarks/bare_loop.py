"""The twin of batches: a plain Python loop over texts with the same Hyperscan databases, as `python -m benchmarks.bare_loop`.

A process for each core; it answers a line on standard input with the texts a second of the next turn.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.texts import batch
from sidecar.app import load_snapshot

COUNT = 64
LENGTH = 256


class Loops:
    """The loops of all cores.

    Args:
        processes: one for each.
    """

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def rate(self, seconds: float) -> float:
        """Let all of them run at once; return texts a second, added up."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        total = 0.0
        for process in self._processes:
            assert process.stdout is not None
            total += float(process.stdout.readline())
        return total


@contextmanager
def running_loops(cpus: Sequence[int]) -> Iterator[Loops]:
    """Start a loop on each processor, and end them."""
    with ExitStack() as stack:
        processes = []
        for cpu in cpus:
            command = ["taskset", "-c", str(cpu), sys.executable, "-m", "benchmarks.bare_loop"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield Loops(processes)


def main() -> None:
    """Scan for as many seconds as each line of standard input says."""
    scan = load_snapshot().scanner.scan
    texts = batch(COUNT, LENGTH)
    for line in sys.stdin:
        begin = time.perf_counter()
        end = begin + float(line)
        rounds = 0
        while time.perf_counter() < end:
            for text in texts:
                scan(text)
            rounds += 1
        print(rounds * COUNT / (time.perf_counter() - begin), flush=True)


if __name__ == "__main__":
    main()
