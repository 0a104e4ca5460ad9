"""The pool answers in time or says why not; a text that was not read is never taken for clean."""

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from sidecar.backends.ner_pool import NerOutcome, NerPool, NerStatus, PoolSettings
from sidecar.core.scan import Found
from sidecar.errors import RecognizerError

QUICK = PoolSettings(deadline=20.0, hung_after=20.0)


class Scripted:
    """Does what the text says: sleeps, dies, fails, hangs; else finds the whole text."""

    def find(self, texts):
        """Find by script."""
        return [self._one(text) for text in texts]

    def _one(self, text):
        verb, _, rest = text.partition(" ")
        if verb == "sleep":
            time.sleep(float(rest))
        if verb == "hang":
            time.sleep(3600)
        if verb == "die":
            os._exit(3)
        if verb == "fail":
            raise ValueError(text)
        if verb == "pid":
            return [Found(str(os.getpid()), 0, 1, 1.0)]
        return [Found("PERSON", 0, len(text), 0.9)]


def broken():
    raise FileNotFoundError("no model here")


def whole(text):
    return (Found("PERSON", 0, len(text), 0.9),)


@pytest.fixture
async def pool():
    async with NerPool(Scripted, QUICK) as running:
        yield running


async def test_answers_in_order(pool):
    """Each text has its own findings, in the order of the texts."""
    outcome = await pool.find(["Ada", "Grace Hopper"])

    assert NerOutcome(NerStatus.COMPLETE, "", (whole("Ada"), whole("Grace Hopper"))) == outcome


async def test_no_text_needs_no_worker(pool):
    """An empty call is complete at once."""
    assert NerOutcome(NerStatus.COMPLETE) == await pool.find([])


async def test_many_calls_share_workers(pool):
    """Calls made together are batched, and every one gets its own answer."""
    outcomes = await asyncio.gather(*(pool.find([f"name {number}"]) for number in range(100)))

    assert [(whole(f"name {number}"),) for number in range(100)] == [outcome.found for outcome in outcomes]


async def test_runs_in_another_process(pool):
    """The event loop's process never runs the model."""
    outcome = await pool.find(["pid"])

    assert str(os.getpid()) != outcome.found[0][0].entity


async def test_deadline_is_kept_and_told():
    """A late answer is `unavailable` by the deadline, and the worker goes on."""
    settings = PoolSettings(deadline=0.3, hung_after=20.0)
    async with NerPool(Scripted, settings) as pool:
        began = time.monotonic()
        outcome = await pool.find(["sleep 1"])
        took = time.monotonic() - began
        await asyncio.sleep(1)

        assert NerOutcome(NerStatus.UNAVAILABLE, "deadline") == outcome
        assert took < 0.9
        assert (await pool.find(["Ada"])).status == NerStatus.COMPLETE


async def test_hung_worker_is_killed_and_replaced():
    """A worker that does not answer is killed; the next call is served by a new one."""
    settings = PoolSettings(deadline=30.0, hung_after=0.5)
    async with NerPool(Scripted, settings) as pool:
        first = (await pool.find(["pid"])).found[0][0].entity
        outcome = await pool.find(["hang"])
        second = (await pool.find(["pid"])).found[0][0].entity

        assert NerOutcome(NerStatus.UNAVAILABLE, "worker_died") == outcome
        assert first != second
        with pytest.raises(ProcessLookupError):
            os.kill(int(first), 0)


async def test_dead_worker_is_replaced(pool):
    """A worker that dies takes its batch with it as `unavailable`, nothing more."""
    outcome = await pool.find(["die"])

    assert NerOutcome(NerStatus.UNAVAILABLE, "worker_died") == outcome
    assert (await pool.find(["Ada"])).status == NerStatus.COMPLETE


async def test_worker_killed_from_outside_is_replaced(pool):
    """The same when the kernel's out-of-memory killer takes it."""
    os.kill(int((await pool.find(["pid"])).found[0][0].entity), signal.SIGKILL)

    statuses = [(await pool.find(["Ada"])).status for _ in range(3)]

    assert statuses[-1] == NerStatus.COMPLETE
    assert NerStatus.SKIPPED not in statuses


async def test_stopped_worker_is_killed():
    """A worker that is stopped does not block the pool, even with more text than a pipe holds."""
    settings = PoolSettings(deadline=30.0, hung_after=0.5)
    async with NerPool(Scripted, settings) as pool:
        os.kill(int((await pool.find(["pid"])).found[0][0].entity), signal.SIGSTOP)
        outcome = await pool.find(["x" * 1_000_000])

        assert NerOutcome(NerStatus.UNAVAILABLE, "worker_died") == outcome
        assert (await pool.find(["Ada"])).status == NerStatus.COMPLETE


async def test_failure_is_told_without_the_text(pool):
    """An exception in the finder is `failed`; the worker lives on."""
    before = (await pool.find(["pid"])).found
    outcome = await pool.find(["fail Ada Lovelace"])

    assert NerOutcome(NerStatus.UNAVAILABLE, "failed") == outcome
    assert before == (await pool.find(["pid"])).found


@pytest.mark.parametrize(
    ("overload", "expected"),
    [
        ("skip", NerOutcome(NerStatus.SKIPPED, "overload")),
        ("block", NerOutcome(NerStatus.UNAVAILABLE, "overload")),
        ("wait", NerOutcome(NerStatus.COMPLETE, "", (whole("last"),))),
    ],
)
async def test_full_queue_follows_the_policy(overload, expected):
    """With one call at work and one waiting, the third is skipped, refused, or waits."""
    settings = PoolSettings(queue=1, batch=1, overload=overload, deadline=20.0, hung_after=20.0)
    async with NerPool(Scripted, settings) as pool:
        working = asyncio.create_task(pool.find(["sleep 0.5"]))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(pool.find(["next"]))
        await asyncio.sleep(0.05)

        assert expected == await pool.find(["last"])
        assert [outcome.status for outcome in await asyncio.gather(working, waiting)] == [NerStatus.COMPLETE] * 2


async def test_waiting_for_room_ends_at_the_deadline():
    """`wait` is not for ever."""
    settings = PoolSettings(queue=1, batch=1, overload="wait", deadline=0.4, hung_after=20.0)
    async with NerPool(Scripted, settings) as pool:
        others = [asyncio.create_task(pool.find(["sleep 2"])), asyncio.create_task(pool.find(["sleep 2"]))]
        await asyncio.sleep(0.1)
        outcome = await pool.find(["last"])
        await asyncio.gather(*others)

        assert (outcome.status, outcome.reason) == (NerStatus.UNAVAILABLE, "overload")


async def test_cancelled_call_leaves_the_pool_well(pool):
    """A caller that goes away does not disturb the others."""
    going = asyncio.create_task(pool.find(["sleep 0.3"]))
    await asyncio.sleep(0.05)
    going.cancel()

    assert (await pool.find(["Ada"])).status == NerStatus.COMPLETE


async def test_model_that_does_not_load_is_an_error():
    """Starting fails with a sentence; nothing is left running."""
    with pytest.raises(RecognizerError, match="could not load its model"):
        async with NerPool(broken, QUICK):
            pass

    assert [child for child in multiprocessing.active_children() if child.name == "sidecar-ner"] == []


async def test_closed_pool_is_unavailable():
    """After closing, and for calls that were waiting, the answer is `unavailable`."""
    settings = PoolSettings(batch=1, deadline=20.0)
    async with NerPool(Scripted, settings) as pool:
        calls = [asyncio.create_task(pool.find(["sleep 5"])) for _ in range(3)]
        await asyncio.sleep(0.2)

    assert NerOutcome(NerStatus.UNAVAILABLE, "closed") == await pool.find(["Ada"])
    assert [outcome.status for outcome in await asyncio.gather(*calls)] == [NerStatus.UNAVAILABLE] * 3


async def test_two_workers_work_side_by_side():
    """Two slow calls take the time of one."""
    settings = PoolSettings(workers=2, batch=1, deadline=20.0, hung_after=20.0)
    async with NerPool(partial(Scripted), settings) as pool:
        began = time.monotonic()
        await asyncio.gather(pool.find(["sleep 1.5"]), pool.find(["sleep 1.5"]))

        assert time.monotonic() - began < 2.8


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_workers_end_with_their_parent(tmp_path):
    """When the parent is killed outright, its workers end by themselves."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, os, signal\n"
        "from functools import partial\n"
        "from sidecar.backends.ner_pool import NerPool, PoolSettings\n"
        "async def main():\n"
        "    pool = NerPool(partial(dict), PoolSettings())\n"
        "    await pool.__aenter__()\n"
        "    print(pool._workers[0]._process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    output, _ = await child.communicate()
    worker = int(output)
    for _ in range(100):
        if not _runs(worker):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("the worker outlived its parent")
