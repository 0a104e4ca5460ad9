"""`profile`: a flame graph of a scenario under load, by py-spy with native frames: Python, Hyperscan, Envoy in one picture."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console

from benchmarks import h2load
from benchmarks.batch import batch_frame
from benchmarks.check import MESSAGE
from benchmarks.check import PATH as CHECK
from benchmarks.contenders import LOAD_CPUS, SERVER_CPUS, running, sidecar
from benchmarks.dataplane import dataplane
from benchmarks.extproc import BODY
from benchmarks.extproc import PATH as CHAT

_SCENARIOS = ("scan", "check", "batch", "extproc")
_RATE = 200
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')
_SAMPLES = re.compile(r"\(([\d,]+) samples?,")


@click.command()
@click.argument("scenario", type=click.Choice(_SCENARIOS))
@click.option("--host", type=click.Choice(["envoy", "grpcio"]), default="envoy", show_default=True)
@click.option("--seconds", type=click.IntRange(1, 600), default=10, show_default=True, help="How long is sampled.")
@click.option("--quick", is_flag=True, help="Sample for two seconds.")
@click.option("--native/--python", default=True, show_default=True, help="Frames of C and C++, too.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="The picture.  [out/profile-SCENARIO.svg]")
def profile(scenario: str, *, host: str, seconds: int, quick: bool, native: bool, svg: Path | None) -> None:
    """Draw where the time of a scenario goes, as a flame graph (SVG; open it in a browser, click to zoom).

    \b
    Examples:
      sidecar bench profile scan
      sidecar bench profile extproc --host grpcio --seconds 20
      sidecar bench profile check --python --svg out/check.svg

    Samples one worker under full load. Needs py-spy and the right to trace processes: of one's own descendants, which these
    are, unless the kernel's ptrace_scope is above 1.
    """
    path = svg or Path(f"out/profile-{scenario}.svg")
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"sidecar {scenario}, one process" if scenario == "scan" else f"sidecar {scenario}, host {host}, one worker"
    with _loaded(scenario, host) as pid:
        samples = record(pid, path, title, seconds=2 if quick else seconds, native=native)
    Console().print(f"saved {path}: {samples:,} samples of {title}")


def record(pid: int, path: Path, title: str, *, seconds: int, native: bool) -> int:
    """Sample a process into a flame graph; return the number of samples.

    Raises:
        click.ClickException: py-spy is missing, may not trace, or saw nothing.
    """
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        raise click.UsageError("this needs py-spy: pip install 'portcullis-sidecar[bench]'")
    command = [
        spy,
        "record",
        "--pid",
        str(pid),
        "--duration",
        str(seconds),
        "--rate",
        str(_RATE),
        "--output",
        str(path),
    ]
    command += ["--format", "flamegraph", *(["--native"] if native else [])]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    if said.returncode or not path.is_file():
        raise click.ClickException(f"py-spy failed: {(said.stderr or said.stdout).strip()[-400:]}")
    return _finish(path, title)


def _finish(path: Path, title: str) -> int:
    """Name a flame graph by what it shows instead of by py-spy's command; return the number of samples."""
    picture = path.read_text(encoding="utf-8")
    path.write_text(_TITLE.sub(rf"\g<1>{title}", picture, count=1), encoding="utf-8")
    counts = [int(count.replace(",", "")) for count in _SAMPLES.findall(picture)]
    if not counts:
        raise click.ClickException("py-spy saw nothing: the process was idle or could not be read")
    return max(counts)


@contextmanager
def _loaded(scenario: str, host: str) -> Iterator[int]:
    """Put a scenario under load; yield the process to sample."""
    if scenario == "scan":
        with _scan_loop() as pid:
            yield pid
        return
    h2load.require()
    with ExitStack() as stack:
        [server] = stack.enter_context(running((sidecar(host, 1),)))
        address = server.address
        if scenario == "extproc":
            address = f"127.0.0.1:{stack.enter_context(_behind_envoy(server.address))}"
        path, body, headers, count = _traffic(scenario)

        def load() -> None:
            h2load.run(f"http://{address}{path}", body, headers=headers, requests=count, cpus=LOAD_CPUS)

        load()  # warm-up
        stack.enter_context(_again_and_again(load))
        yield server.workers()[-1]


def _traffic(scenario: str) -> tuple[str, bytes, tuple[str, ...], int]:
    """Return path, body, headers and the number of requests of one round."""
    if scenario == "extproc":
        return CHAT, BODY, h2load.JSON_HEADERS, 2_000
    if scenario == "batch":
        return f"{CHECK}Batch", batch_frame(), h2load.GRPC_HEADERS, 400
    return CHECK, h2load.grpc_frame(MESSAGE), h2load.GRPC_HEADERS, 4_000


@contextmanager
def _scan_loop() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.profile_scan"]
    with subprocess.Popen(["taskset", "-c", str(SERVER_CPUS[0]), *command], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it is warm
            yield process.pid
        finally:
            process.kill()


@contextmanager
def _again_and_again(call: Callable[[], object]) -> Iterator[None]:
    """Run a call in a thread until the end; what it raises is raised here."""
    over = threading.Event()
    errors: list[Exception] = []

    def loop() -> None:
        try:
            while not over.is_set():
                call()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]


@contextmanager
def _behind_envoy(target: str) -> Iterator[int]:
    """Run a data plane before a server for as long as the block lasts."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        port = runner.run(stack.enter_async_context(dataplane(target, cpus=SERVER_CPUS)))
        try:
            yield port
        finally:
            runner.run(stack.aclose())
