"""`sidecar serve` from above: the plan of the supervisor over the workers, without anything that only workers need."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar.adapters.admin import Admin
from sidecar.errors import ConfigError
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.hosts.plan import Plan, choose_host
from sidecar.hosts.ports import private_folder
from sidecar.hosts.supervisor import Supervisor
from sidecar.settings import Delivery, Settings

if TYPE_CHECKING:
    from sidecar.gateway.run import Workers

# Makes what each worker serves; a name, as it is for another process.
_FACTORY = "sidecar.serve:workload"


def filter_workers(settings: Settings, *, host: str, count: int | None, say: Callable[[str], None]) -> Workers:
    """Describe the processes in which a gateway runs its filter.

    Args:
        settings: what each of them serves.
        host: `auto`, `envoy` or `grpcio`.
        count: how many; None for one each core.
        say: takes the few lines that a person should see.

    Raises:
        ConfigError: the host cannot be used here.
    """
    # Imported here: workers have no use for what runs a gateway.
    from sidecar.gateway.run import Workers  # noqa: PLC0415 - see above

    return Workers(
        factory=_FACTORY,
        settings=msgspec.to_builtins(settings, enc_hook=_encode),
        host=choose_host(host, say),
        count=count or len(os.sched_getaffinity(0)),
        say=say,
    )


def _host_for(settings: Settings, wanted: str, say: Callable[[str], None]) -> str:
    """Choose the host; where a socket says who calls, it must be the one that knows which socket it was.

    Raises:
        ConfigError: the host cannot be used here, or not for this.
    """
    host = choose_host(wanted, say)
    if host != "envoy" or settings.perimeter is None:
        return host
    from sidecar.guard import names_sockets  # noqa: PLC0415 - only where there is a perimeter

    if not names_sockets(settings.perimeter):
        return host
    if wanted == "envoy":
        raise ConfigError(f"{settings.perimeter}: `sockets` name callers on --host grpcio only")
    say("host grpcio: only it knows through which socket a call came, as `sockets` of the perimeter file need it")
    return "grpcio"


async def serve(
    settings: Settings,
    listen: Listen,
    *,
    host: str,
    workers: int,
    pin: str,
    say: Callable[[str], None],
    admin: TcpAddress | None = None,
) -> int:
    """Run the workers until SIGTERM or SIGINT, then drain them; SIGHUP reloads, SIGUSR2 restarts one by one.

    Args:
        settings: what each worker serves.
        listen: where, and what is let in.
        host: `auto`, `envoy` or `grpcio`.
        workers: how many processes.
        pin: see `Plan`.
        say: takes the few lines that a person should see.
        admin: where metrics and health are shown; None for nowhere.

    Returns:
        The exit code.

    Raises:
        ConfigError: an address is taken, or the host cannot be used here.
    """
    with remembering(settings.delivery) as delivery, sharing(settings, workers) as shared:
        plan = Plan(
            factory=_FACTORY,
            settings=msgspec.to_builtins(msgspec.structs.replace(shared, delivery=delivery), enc_hook=_encode),
            listen=listen,
            host=_host_for(settings, host, say),
            workers=workers,
            pin=pin,
        )
        supervisor = Supervisor(plan, say)
        if admin is None:
            return await supervisor.run()
        pages = Admin(admin.host, admin.port, metrics=supervisor.metrics, status=supervisor.status)
        say(f"metrics on http://{admin.host}:{pages.port}/metrics")
        try:
            return await supervisor.run()
        finally:
            pages.close()


@contextlib.contextmanager
def sharing(settings: Settings, workers: int) -> Iterator[Settings]:
    """Give all workers one board for the meters of applications: what one lets in counts for all."""
    if settings.perimeter is None or workers == 1:
        yield settings
        return
    with private_folder("quotas") as folder:
        yield msgspec.structs.replace(settings, board=folder / "board")


@contextlib.contextmanager
def remembering(delivery: Delivery) -> Iterator[Delivery]:
    """Give all workers one memory of the rules: what one takes reaches the others, and survives a worker's restart."""
    if delivery.store is not None:
        yield delivery
        return
    with private_folder("rules") as folder:
        yield msgspec.structs.replace(delivery, store=folder)


def _encode(value: Any) -> str:
    assert isinstance(value, Path)
    return str(value.absolute())
