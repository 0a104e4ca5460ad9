"""The figure on the front page: how many canaries passed, out of recorded runs of the tests under fire.

`python -m benchmarks.canary [RECORD ...]` adds records (`out/canary.jsonl` if none is named) to `benchmarks/canary.json` and
writes the sum into README.md.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

_RECORD = Path("out/canary.jsonl")
_SUM = Path("benchmarks/canary.json")
_README = Path("README.md")
_BEGIN, _END = "<!-- canary: written by `python -m benchmarks.canary` -->", "<!-- /canary -->"


class Run(msgspec.Struct):
    """What became of the canaries of one test, over its runs.

    Args:
        name: of the test.
        sent: canaries.
        blocked: refused by a verdict.
        broken: not answered, or with an error, as the fault had it.
        passed: answered with success, or seen by the upstream.
        runs: how often the test ran.
    """

    name: str
    sent: int
    blocked: int
    broken: int
    passed: int
    runs: int = 1


def add(known: Iterable[Run], new: Iterable[Run]) -> list[Run]:
    """Return the sums by test, sorted by name."""
    sums: dict[str, Run] = {}
    for run in (*known, *new):
        so_far = sums.get(run.name)
        if so_far is None:
            sums[run.name] = msgspec.structs.replace(run)
            continue
        for field in ("sent", "blocked", "broken", "passed", "runs"):
            setattr(so_far, field, getattr(so_far, field) + getattr(run, field))
    return [sums[name] for name in sorted(sums)]


def sentence(runs: Iterable[Run]) -> str:
    """Say it in one line."""
    total: Counter[str] = Counter()
    tests = 0
    for run in runs:
        tests += 1
        total.update({field: getattr(run, field) for field in ("sent", "blocked", "broken", "passed", "runs")})
    return (
        f"**{total['passed']} of {total['sent']:,} canaries passed** in {total['runs']:,} runs of {tests} tests under fire: "
        f"{total['blocked']:,} were blocked by a verdict, {total['broken']:,} met a path that was out of order."
    )


def main() -> int:
    """Add records, and write the sum; return 1 if a canary has ever passed."""
    records = [Path(name) for name in sys.argv[1:]] or [_RECORD]
    new = [msgspec.json.decode(line, type=Run) for path in records for line in path.read_bytes().splitlines()]
    known = msgspec.json.decode(_SUM.read_bytes(), type=list[Run]) if _SUM.exists() else []
    runs = add(known, new)
    _SUM.write_bytes(msgspec.json.format(msgspec.json.encode(runs), indent=1) + b"\n")
    readme = _README.read_text()
    before, _, rest = readme.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _README.write_text(f"{before}{_BEGIN}\n{sentence(runs)}\n{_END}{after}")
    print(sentence(runs))
    return int(any(run.passed for run in runs))


if __name__ == "__main__":
    sys.exit(main())
