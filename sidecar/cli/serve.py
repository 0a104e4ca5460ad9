"""`sidecar serve`: the filter as a gRPC server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click

from sidecar.adapters.extproc_settings import read_settings
from sidecar.cli.delivery_options import delivery_of, delivery_options
from sidecar.cli.watching_options import watching_of, watching_options
from sidecar.config import find_policy
from sidecar.hosts.listen import Listen, TcpAddress, Tls, UnixAddress, limits_for, parse_address
from sidecar.hosts.logs import FORMATS, begin, say
from sidecar.rules.policy import read_policy
from sidecar.settings import Options, Settings
from sidecar.supervise import serve as run


@click.command()
@click.option(
    "--listen",
    "addresses",
    multiple=True,
    default=("127.0.0.1:50051",),
    show_default=True,
    metavar="ADDR",
    help="host:port or unix:/path; may be given more than once. Each worker has a Unix socket of its own.",
)
@click.option("--upstream", default="", metavar="URL", help="The gateway that `Forward` sends to.")
@click.option(
    "--upstreams",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="Several gateways for `Forward`: routes, weights, health, failover, residency (docs/forwarding.md).",
)
@click.option(
    "--rules", type=click.Path(path_type=Path), metavar="DIR", help="The rule bundle; the shipped one if left out."
)
@click.option("--rules-push", is_flag=True, help="Serve sidecar.v1.RulesService: push, shadow, promote, rollback.")
@delivery_options
@click.option("--policy", default="default", show_default=True, metavar="NAME|FILE", help="A shipped policy or a file.")
@click.option(
    "--host",
    type=click.Choice(["auto", "envoy", "grpcio"]),
    default="auto",
    show_default=True,
    help="What carries the calls; auto takes Envoy where it is installed.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Processes; one each core if left out, one in all for Unix sockets.",
)
@click.option(
    "--pin", type=click.Choice(["none", "core", "numa"]), default="none", show_default=True, help="Where workers run."
)
@click.option(
    "--tls", nargs=2, type=click.Path(path_type=Path, exists=True), metavar="CERT KEY", help="Serve TLS with this pair."
)
@click.option(
    "--client-ca", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="Admit only its clients (mTLS)."
)
@click.option(
    "--admin", default="127.0.0.1:9464", show_default=True, metavar="ADDR", help="Metrics and health; `off` for none."
)
@watching_options
@click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Lines for people, or JSON lines.",
)
@click.option(
    "--ext-proc",
    multiple=True,
    metavar="KEY=VALUE",
    help="What Envoy's own configuration does not say: application, route, deadline, override, responses (docs/envoy).",
)
def serve(
    *,
    addresses: tuple[str, ...],
    upstream: str,
    upstreams: Path | None,
    rules: Path | None,
    rules_push: bool,
    policy: str,
    host: str,
    workers: int | None,
    pin: str,
    tls: tuple[Path, Path] | None,
    client_ca: Path | None,
    admin: str,
    perimeter: Path | None,
    log_format: str,
    ext_proc: tuple[str, ...],
    **shared: Any,
) -> None:
    """Serve the gRPC API, Envoy's ext_proc included.

    \b
    Examples:
      sidecar serve
      sidecar serve --listen unix:/run/portcullis.sock --policy policy.yaml
      sidecar serve --listen 0.0.0.0:50051 --upstream http://127.0.0.1:4000 --workers 4

    Signals: TERM drains and ends, HUP reloads rules, policy, perimeter and upstreams, USR2 restarts the workers one by one.
    """
    begin(log_format)
    if upstream and upstreams:
        raise click.UsageError("give --upstream or --upstreams, not both")
    if upstream or upstreams:
        # Its faults are the caller's to see, before any worker starts.
        from sidecar.forwarding import load_forwarding  # noqa: PLC0415 - most have no upstream

        load_forwarding(upstream, upstreams)
    certificate = read_tls(tls, client_ca)
    body_limit = read_policy(*find_policy(policy)).limits.body_bytes
    parsed = tuple(parse_address(address) for address in addresses)
    listen = Listen(parsed, tls=certificate, limits=limits_for(body_limit))
    settings = Settings(
        Options(rules=rules, policy=_absolute(policy)),
        upstream,
        upstreams,
        watching=watching_of(shared),
        perimeter=perimeter,
        ext_proc=read_settings(ext_proc),
        delivery=delivery_of(shared, push=rules_push),
    )
    count = workers or _default_workers(listen)
    running = run(settings, listen, host=host, workers=count, pin=pin, say=say, admin=read_admin(admin))
    sys.exit(asyncio.run(running))


def _default_workers(listen: Listen) -> int:
    """Return one for each core; one where a Unix socket is asked for, as that has one process behind it."""
    cores = len(os.sched_getaffinity(0))
    if cores > 1 and any(isinstance(address, UnixAddress) for address in listen.addresses):
        say(
            f"one worker for a Unix socket; --workers {cores} makes {cores}, with sockets NAME.0.sock and so on to list"
        )
        return 1
    return cores


def read_tls(pair: tuple[Path, Path] | None, client_ca: Path | None) -> Tls | None:
    """Read the options of TLS; paths are made absolute, as workers may run elsewhere."""
    if pair is None:
        if client_ca:
            raise click.UsageError("--client-ca needs --tls")
        return None
    return Tls(pair[0].absolute(), pair[1].absolute(), client_ca.absolute() if client_ca else None)


def read_admin(text: str) -> TcpAddress | None:
    """Read where metrics are shown; None for `off`."""
    if text == "off":
        return None
    address = parse_address(text)
    if not isinstance(address, TcpAddress):
        raise click.BadParameter("host:port, or `off`", param_hint="--admin")
    return address


def _absolute(policy: str) -> str:
    """Make a policy file's path absolute; the name of a shipped policy stays."""
    path = Path(policy)
    return str(path.absolute()) if path.is_file() else policy
