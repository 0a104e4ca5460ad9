"""`sidecar serve`: what a worker serves, and the plan of the supervisor over the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sidecar.adapters.extproc import METHOD as EXT_PROC
from sidecar.adapters.extproc import ExternalProcessor
from sidecar.adapters.filter_service import FilterService
from sidecar.app import Live, Options, load_snapshot
from sidecar.backends.upstream import Upstream
from sidecar.hosts.listen import Listen
from sidecar.hosts.supervisor import Plan, Supervisor, choose_host
from sidecar.hosts.worker import Workload

_FACTORY = "sidecar.serve:workload"
# Envoy knows the service by its own name; our messages have the same fields under ours.
_ALIASES = {EXT_PROC.rpartition("/")[0].removeprefix("/"): "sidecar.extproc.v3.ExternalProcessor"}


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with.

    Args:
        options: rules and policy.
        upstream: URL of the upstream gateway, for `Forward`; empty for none.
    """

    options: Options = Options()
    upstream: str = ""


def workload(settings: Mapping[str, Any]) -> Workload:
    """Make what one worker serves.

    Args:
        settings: `Settings`, as JSON carried it from the supervisor.

    Raises:
        BundleError, ConfigError, ScannerError: rules or policy cannot be used.
    """
    given = msgspec.convert(settings, Settings, dec_hook=lambda kind, value: kind(value))
    live = Live(given.options)
    upstream = Upstream(given.upstream) if given.upstream else None

    async def reload() -> None:
        live.replace(await asyncio.to_thread(load_snapshot, given.options))

    async def close() -> None:
        if upstream is not None:
            await upstream.close()

    return Workload(
        methods=(*FilterService(live.current, upstream).methods(), *ExternalProcessor(live.current).methods()),
        revision=lambda: live.current().bundle.rule_set.revision,
        reload=reload,
        close=close,
        aliases=_ALIASES,
    )


async def serve(
    settings: Settings, listen: Listen, *, host: str, workers: int, pin: str, say: Callable[[str], None]
) -> int:
    """Run the workers until SIGTERM or SIGINT, then drain them; SIGHUP reloads, SIGUSR2 restarts one by one.

    Args:
        settings: what each worker serves.
        listen: where, and what is let in.
        host: `auto`, `envoy` or `grpcio`.
        workers: how many processes.
        pin: see `Plan`.
        say: takes the few lines that a person should see.

    Returns:
        The exit code.

    Raises:
        ConfigError: an address is taken, or the host cannot be used here.
    """
    plan = Plan(
        factory=_FACTORY,
        settings=msgspec.to_builtins(settings, enc_hook=_encode),
        listen=listen,
        host=choose_host(host, say),
        workers=workers,
        pin=pin,
    )
    return await Supervisor(plan, say).run()


def _encode(value: Any) -> str:
    assert isinstance(value, Path)
    return str(value.absolute())
