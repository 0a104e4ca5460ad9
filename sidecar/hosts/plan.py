"""What a supervisor is asked to run, and on which host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from sidecar.errors import ConfigError
from sidecar.hosts import envoy
from sidecar.hosts.listen import Address, Listen, UnixAddress


@dataclass(frozen=True, slots=True)
class Plan:
    """What is supervised.

    Args:
        factory: `module:function` that makes the `Workload` in each worker.
        settings: handed to the factory.
        listen: addresses, TLS and limits.
        host: `grpcio` or `envoy`; see `choose_host`.
        workers: how many processes.
        grace: seconds that calls in flight get at the end.
        notice: seconds between NOT_SERVING and the drain, for load balancers to see it.
        start_seconds: the longest a start may take, a cold compile of all rules included.
        pin: `none`, `core` (worker i on processor i) or `numa` (worker i on a node's processors).
    """

    factory: str
    settings: dict[str, Any]
    listen: Listen
    host: str = "grpcio"
    workers: int = 1
    grace: float = 10.0
    notice: float = 0.0
    start_seconds: float = 120.0
    pin: str = "none"


def choose_host(wanted: str, say: Callable[[str], None]) -> str:
    """Turn `auto` into the fast host where it can be used, and into `grpcio` with one line that says why elsewhere.

    Raises:
        ConfigError: `envoy` was asked for and cannot be used, or there is no such host.
    """
    if wanted not in ("auto", "envoy", "grpcio"):
        raise ConfigError(f"host: {wanted!r} is none of auto, envoy, grpcio")
    if wanted == "grpcio":
        return wanted
    reason = envoy.unusable()
    if not reason:
        return "envoy"
    if wanted == "envoy":
        raise ConfigError(f"host: envoy cannot be used here: {reason}")
    say(f"host grpcio: envoy, which is several times faster, cannot be used here: {reason}")
    return "grpcio"


def worker_listen(listen: Listen, index: int, workers: int) -> Listen:
    """Return where one worker listens: TCP ports are shared, a Unix socket belongs to one worker.

    With several workers `filter.sock` becomes `filter.0.sock`, `filter.1.sock` and so on: list them all in the data
    plane, because one connection always stays on one worker.
    """

    def own(address: Address) -> Address:
        if workers == 1 or not isinstance(address, UnixAddress):
            return address
        return replace(address, path=address.path.with_suffix(f".{index}{address.path.suffix}"))

    return replace(listen, addresses=tuple(own(address) for address in listen.addresses), is_shared=True)
