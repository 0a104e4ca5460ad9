"""Activates bundles and is killed on the way: `python activate.py FOLDER`; reads `VERSION step N` or `VERSION after SECONDS`.

Each activation runs in a forked child, so that 200 of them take seconds; the answer is how the child ended and how
many steps on the store, or seconds, it took.
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from tests.delivery.parts import Bench, bundle

# What changes a folder, or opens a file in it.
_STEPS = ("open", "os.rename", "os.remove", "os.link", "os.mkdir")


def activate(folder, version, deadly_step):
    """Activate a version in this process; killed before a step on the store."""
    steps = 0

    def watch(event, arguments):
        nonlocal steps
        if event in _STEPS and str(arguments[0]).startswith(str(folder / "store")):
            steps += 1
            if steps == deadly_step:
                os.kill(os.getpid(), signal.SIGKILL)

    bench = Bench(folder, adopts=False)
    sys.addaudithook(watch)
    report = asyncio.run(bench.keeper.take(bench.offer(bundle(version, verdict="block"))))
    (folder / "steps").write_text(f"{report.outcome} {steps}")


def main():
    """Obey until the end of the input."""
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        version, how, amount = line.split()
        child = os.fork()
        if child == 0:
            activate(folder, version, int(amount) if how == "step" else 0)
            os._exit(0)
        begun = time.monotonic()
        if how == "after":
            time.sleep(float(amount))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main()
