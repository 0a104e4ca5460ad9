"""What the filter depends on fails: the audit disk, the NER model, the vault of pseudonyms, the quotas' Redis."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import grpc
import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.rules.perimeter import hash_key
from tests.chaos.load import Client, chat, unfiltered
from tests.chaos.rig import eventually_async
from tests.chaos.test_drain import audited, method

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]
DEFAULT, FULL = (Path(f"sidecar/policies/{name}.yaml").read_text() for name in ("default", "full"))
SHOP = {"x-portcullis-key": "the key of the shop"}
PERIMETER = f"""
schema: 1
when_redis_down: {{policy}}
applications:
  - name: shop
    keys: ['{hash_key(SHOP["x-portcullis-key"])}']
    limits: {{{{requests: {{{{amount: 100000, seconds: 1}}}}}}}}
"""


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 512 KiB; skipped where it cannot be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """Take all the room that is left; return the file."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


async def resumed(client):
    """Wait until requests are served again."""
    async with asyncio.timeout(30):
        while (await client.post(chat("hello"))).status != 200:  # noqa: ASYNC110 - the state of another process
            await asyncio.sleep(0.1)


async def check(address, text="hello", **more):
    """Check a text."""
    async with grpc.aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        return await method(channel, "Check", pb.CheckRequest, pb.CheckResponse)(
            pb.CheckRequest(text=text), timeout=15, **more
        )


async def test_full_audit_disk_blocks(whole_path, small_disk):
    """With `block` nothing passes unaudited; the disk has room again, and everything goes on by itself."""
    with whole_path("--audit", small_disk, workers=1) as rig:
        client = Client(rig.port)
        assert (await client.post(chat("hello"))).status == 200
        filler = fill(small_disk)
        statuses = []
        for _ in range(200):
            answer = await client.post(chat("hello " * 50))
            statuses.append(answer.status)
            if statuses[-1] != 200:
                break
            await asyncio.sleep(0.02)
        reached = len(rig.upstream.bodies)
        for _ in range(20):
            assert (await client.post(chat("hello"))).status == 503
        assert answer.json()["error"]["code"] == "audit_unavailable"
        assert (await check(rig.sidecar.address)).reason == "audit_unavailable"
        assert len(rig.upstream.bodies) == reached
        await eventually_async(lambda: rig.sidecar.metric("sidecar_failures_total") >= 20)
        filler.unlink()
        await resumed(client)
        answered = statuses.count(200)
        await client.close()
        assert rig.sidecar.stop() == 0

    assert answered <= 200
    assert len(audited(small_disk)) >= answered


async def test_full_audit_disk_drops_and_counts(whole_path, small_disk):
    """With `drop` verdicts go on; once the queue is full records are dropped, counted, and the gap stands in the log."""
    with whole_path("--audit", small_disk, "--audit-when-full", "drop", workers=1) as rig:
        filler = fill(small_disk)
        async with grpc.aio.insecure_channel(rig.sidecar.address) as channel:
            batch = method(channel, "CheckBatch", pb.CheckBatchRequest, pb.CheckBatchResponse)
            texts = pb.CheckBatchRequest(requests=[pb.CheckRequest(text="hello") for _ in range(4096)])
            for _ in range(18):
                answer = await batch(texts, timeout=30)
                assert {item.verdict for item in answer.responses} == {pb.VERDICT_ALLOW}
        await eventually_async(lambda: rig.sidecar.metric("sidecar_audit_dropped_total") > 0)
        filler.unlink()


async def test_hung_ner_model(whole_path, tmp_path):
    """The model's process is stopped: texts end by its deadline with the failure policy's verdict; it is replaced."""
    full = FULL
    (tmp_path / "policy.yaml").write_text(full.replace("deadline: 2", "deadline: 1").replace("queue: 256", "queue: 64"))
    with whole_path("--policy", tmp_path / "policy.yaml", workers=1) as rig:
        masked = await check(rig.sidecar.address, "My name is Margaret Atwater.")
        [worker] = rig.sidecar.workers()
        for pid in ner_processes(worker):
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        answers = await asyncio.gather(
            *(check(rig.sidecar.address, f"My name is Margaret Atwater, number {number}.") for number in range(8))
        )
        took = time.monotonic() - began
        async with asyncio.timeout(60):
            while (await check(rig.sidecar.address, "My name is Margaret Atwater.")).verdict != pb.VERDICT_MASK:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        print(f"8 texts ended after {took:.2f} s")

    assert masked.verdict == pb.VERDICT_MASK
    assert {answer.verdict for answer in answers} <= {pb.VERDICT_BLOCK, pb.VERDICT_MASK}
    assert pb.VERDICT_BLOCK in {answer.verdict for answer in answers}
    assert took < 10


def ner_processes(worker):
    """The processes of the model below a worker: those that hold it open."""
    children = Path(f"/proc/{worker}/task").glob("*/children")
    found = {int(pid) for path in children for pid in path.read_text().split()}
    return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture(params=["refuses", "hangs"])
def dead_redis(request):
    """The address of a Redis that is not there, or takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "hangs":
            server.listen()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


async def test_vault_down_refuses(whole_path, tmp_path, dead_redis):
    """Pseudonyms cannot be kept: the message is refused, and no value reaches the upstream."""
    changed = DEFAULT.replace("operator: {name: replace}", "operator: {name: pseudonymise, params: {style: number}}", 1)
    assert changed != DEFAULT
    (tmp_path / "policy.yaml").write_text(changed)
    environment = {"SIDECAR_PSEUDONYM_KEY": "k" * 40, "SIDECAR_PSEUDONYM_VAULT": dead_redis}
    with whole_path(
        "--policy", tmp_path / "policy.yaml", workers=1, environment=environment, canary={"judged": False}
    ) as rig:
        client = Client(rig.port)
        for number in range(3):
            answer = await client.post(chat(f"Write to ada{number}@example.com"))
            assert answer.status >= 500
        await client.close()

    assert unfiltered(rig.upstream.bodies) == []


@pytest.mark.parametrize(("policy", "status"), [("local", 200), ("deny", 503)])
async def test_quota_redis_down(whole_path, tmp_path, policy, status, dead_redis):
    """`local`: each process counts for itself; `deny`: nobody gets in. Verdicts are what they were."""
    (tmp_path / "perimeter.yaml").write_text(PERIMETER.format(policy=policy))
    environment = {"SIDECAR_QUOTA_REDIS": dead_redis}
    arguments = ("--perimeter", tmp_path / "perimeter.yaml")
    canary = {"headers": SHOP, "judged": status == 200}
    with whole_path(*arguments, workers=1, environment=environment, canary=canary) as rig:
        if status == 200:
            answer = await check(rig.sidecar.address, metadata=tuple(SHOP.items()))
            assert answer.verdict == pb.VERDICT_ALLOW
        else:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await check(rig.sidecar.address, metadata=tuple(SHOP.items()))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
