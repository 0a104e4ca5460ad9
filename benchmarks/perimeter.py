"""`perimeter`: what admitting, weighing and charging cost a request, and what the audit log costs a server at its full rate."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from benchmarks import h2load
from benchmarks.book import Book, Effort
from benchmarks.check import throughput
from benchmarks.command import Scenario
from benchmarks.contenders import Contender, running, sidecar
from benchmarks.report import Figure, Goal
from benchmarks.timing import in_turns
from sidecar.backends.board_quota import Board, BoardMeters
from sidecar.core.entrance import Entrance
from sidecar.core.exchange import BodyEvent, HeadersEvent
from sidecar.core.gatekeeper import Admission, LocalMeters, MeteredGate, Meters, Quotas, Usage
from sidecar.core.perimeter import Credentials
from sidecar.core.quota import Budget, Rate
from sidecar.rules.perimeter import Application, Networks, PerimeterDocument, compile_perimeter, hash_key

# Issue 7: perimeter checks cost at most so many microseconds a request, audit at most a tenth of the throughput.
_CHECK_MICROS = 20.0
_AUDITED_SHARE = 0.9
_PEER = "spiffe://example.org/ns/shop/sa/backend"
_QUOTAS = Quotas(
    requests=Rate(1e9),
    tokens=Rate(1e12),
    bytes=Rate(1e12),
    concurrent=1000,
    max_tokens=100_000,
    max_messages=1000,
    token_budget=Budget(1e15),
    money_budget=Budget(1e15),
)


def measure(book: Book, effort: Effort) -> None:
    """The perimeter in microseconds a request (goal: 20), and `Check` a second with and without the audit log (goal: 90 %).

    \b
    Examples:
      sidecar bench perimeter
      sidecar bench perimeter --quick
      sidecar bench perimeter --turns 9 --json out/perimeter.json
    """
    with book.part("perimeter"):
        _perimeter(book, effort)
    with book.part("audit"):
        _audit(book, effort)
    book.note(
        "Perimeter: CIDR list, identity, route, model, three rates, slots, two budgets, usage of the answer charged."
    )


SCENARIO = Scenario("perimeter", "The perimeter and the audit log: what they cost", measure)
perimeter = SCENARIO.command()


def _perimeter(book: Book, effort: Effort) -> None:
    key = Credentials(key="shop key", address="ipv4:10.1.2.3:5000")
    peer = Credentials(identities=(_PEER,), address="ipv4:10.1.2.3:5000")
    gate = _gate()
    calls: dict[str, Callable[[], object]] = {
        "API key": partial(_admitted, gate, key),
        "SPIFFE id": partial(_admitted, gate, peer),
        "HTTP exchange": _exchanged(gate),
    }
    with tempfile.TemporaryDirectory() as folder:
        board = Board(Path(folder, "board"), 0)
        calls["HTTP exchange, meters of all workers"] = _exchanged(_gate(partial(BoardMeters, board)))
        _add(book, calls, effort)
        board.close()


def _add(book: Book, calls: dict[str, Callable[[], object]], effort: Effort) -> None:
    for name, series in in_turns(calls, effort.turns).items():
        goals = (Goal("value", _CHECK_MICROS),)
        book.add(Figure(f"check-{name}", f"perimeter, {name}", "µs", series, goals=goals))


def _gate(meters: Callable[[str, Quotas], Meters] | None = None) -> MeteredGate:
    document = PerimeterDocument(
        schema=1,
        networks=Networks(allow=("10.0.0.0/8", "192.168.0.0/16"), deny=("10.9.0.0/16",)),
        applications=(
            Application(
                "shop",
                keys=(hash_key("shop key"),),
                spiffe=("spiffe://example.org/ns/shop/*",),
                routes=("/v1/*",),
                models=("small-*", "demo*"),
            ),
            *[Application(f"other-{number}", keys=(hash_key(f"{number}"),)) for number in range(200)],
        ),
    )
    meters = meters or partial(LocalMeters, clock=time.monotonic, wall_clock=time.time)
    price = lambda usage: usage.completion_tokens / 1e6  # noqa: E731 - one expression is the whole price
    return MeteredGate(compile_perimeter(document, None), {"shop": _QUOTAS}, price, meters=meters)


def _admitted(gate: MeteredGate, shown: Credentials) -> None:
    admission = gate.admit(shown, service="filter", route="/v1/chat/completions")
    assert isinstance(admission, Admission), admission
    gate.weigh(admission, model="small-1", length=1000, messages=3)
    gate.charge(admission, Usage("small-1", 200, 100))
    gate.leave(admission)


def _exchanged(gate: MeteredGate) -> Callable[[], None]:
    body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "word " * 180}]}).encode()
    answer = msgspec.json.encode({"choices": [{}], "usage": {"prompt_tokens": 200, "completion_tokens": 100}})
    asked = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
    head = HeadersEvent("request", tuple({**asked, "x-portcullis-key": "shop key"}.items()))
    answered = HeadersEvent("response", ((":status", "200"), ("content-type", "application/json")))
    events = (head, BodyEvent("request", body, True), answered, BodyEvent("response", answer, True))
    credentials = Credentials(address="ipv4:10.1.2.3:5000")

    def call() -> None:
        entrance = Entrance(
            gate,
            service="extproc",
            key_header="x-portcullis-key",
            credentials=credentials,
            on_usage=lambda _application, _usage, _warned: None,
            on_refusal=lambda _code: None,
        )
        faults = [entrance.receive(event) for event in events]
        assert faults == [None] * 4, faults
        entrance.close()

    return call


def _audit(book: Book, effort: Effort) -> None:
    h2load.require()
    folder = Path(tempfile.mkdtemp(prefix="portcullis-bench-"))
    try:
        for host in ("envoy", "grpcio"):
            plain = sidecar(host)
            audited = Contender(f"{plain.name}, audited", (*plain.command, "--audit", str(folder / host)))
            with running((plain, audited)) as servers:
                rates = throughput({plain.name: servers[0], audited.name: servers[1]}, effort)
            ours, twin = rates[audited.name], rates[plain.name]
            goals = (Goal("speed", _AUDITED_SHARE, plain.name),)
            book.add(
                Figure(f"audit-{host}", f"Check with audit log, host {host}", "calls/s", ours, (twin,), True, goals)
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
