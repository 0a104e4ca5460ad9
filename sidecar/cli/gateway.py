"""`sidecar gateway`: a filtered OpenAI-compatible HTTP front before an upstream."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import click

from sidecar.app import load_snapshot
from sidecar.cli.delivery_options import delivery_of, delivery_options
from sidecar.cli.serve import read_admin, read_tls
from sidecar.cli.watching_options import watching_of, watching_options
from sidecar.forwarding import load_forwarding
from sidecar.gateway.run import DEMO, Gateway, Settings, run, run_until
from sidecar.hosts.logs import FORMATS, begin
from sidecar.settings import Delivery, Options
from sidecar.settings import Settings as Served
from sidecar.supervise import filter_workers, remembering, sharing


@click.command()
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Where clients connect; port 0 picks one.")
@click.option("--upstream", default=DEMO, show_default=True, help="URL of an LLM gateway, or `demo`.")
@click.option(
    "--upstreams",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="Several gateways: routes, weights, health, failover, residency, as Envoy's clusters (docs/forwarding.md).",
)
@click.option("--policy", default="default", show_default=True, help="A policy that ships, or a file.")
@click.option("--rules", type=click.Path(path_type=Path), help="Folder of a rule bundle; default: the one that ships.")
@delivery_options
@click.option("--application", default="", help="The name under which the policy knows this traffic.")
@click.option(
    "--host",
    type=click.Choice(["auto", "envoy", "grpcio"]),
    default="auto",
    show_default=True,
    help="What carries the filter's calls; auto takes Envoy where Python can run in it.",
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), metavar="N", help="Filter processes; one each core if left out."
)
@watching_options
@click.option("--admin", default="off", show_default=True, metavar="ADDR", help="Metrics and health; `off` for none.")
@click.option(
    "--tls",
    nargs=2,
    type=click.Path(path_type=Path, exists=True),
    metavar="CERT KEY",
    help="Serve HTTPS with this pair.",
)
@click.option(
    "--client-ca", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="Admit only its clients (mTLS)."
)
@click.option(
    "--log-format", type=click.Choice(FORMATS), default="text", show_default=True, help="Of the workers' logs."
)
@click.option("--concurrency", type=click.IntRange(1), help="Envoy's worker threads; default: one each core.")
def gateway(
    *,
    listen: str,
    upstream: str,
    upstreams: Path | None,
    policy: str,
    rules: Path | None,
    application: str,
    host: str,
    workers: int | None,
    perimeter: Path | None,
    admin: str,
    tls: tuple[Path, Path] | None,
    client_ca: Path | None,
    log_format: str,
    concurrency: int | None,
    **shared: Any,
) -> None:
    """Start Envoy with the filter in front of an upstream: one command, one secured HTTP address.

    \b
    Examples:
      sidecar gateway --upstream demo
      sidecar gateway --listen 127.0.0.1:8080 --upstream http://127.0.0.1:4000
      sidecar gateway --upstream https://llm.example.com --policy ./policy.yaml
      sidecar gateway --rules ./rules --rules-watch
      sidecar gateway --upstreams upstreams.yaml --perimeter perimeter.yaml --audit ./audit --admin 127.0.0.1:9464
    """
    if upstreams and upstream != DEMO:
        raise click.UsageError("give --upstream or --upstreams, not both")
    forwarding = load_forwarding("", upstreams)
    begin(log_format)

    def say(line: str) -> None:
        click.secho(f"  {line}", dim=True, err=True)

    say("starting the filter, its workers and Envoy …")
    options = Options(rules=rules, policy=policy)
    snapshot = load_snapshot(options)

    async def main(arriving: Delivery) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        served = Served(
            options,
            routes=upstreams,
            watching=watching_of(shared),
            perimeter=perimeter,
            delivery=arriving,
        )
        with sharing(served, workers or len(os.sched_getaffinity(0))) as shared_quotas:
            own = filter_workers(shared_quotas, host=host, count=workers, say=say)
            settings = Settings(
                listen,
                upstream,
                application,
                concurrency,
                workers=own,
                forwarding=forwarding,
                admin=read_admin(admin),
                tls=read_tls(tls, client_ca),
            )
            async with run(snapshot, settings) as running:
                _announce(running, settings, policy, len(snapshot.bundle.rule_set.rules))
                await run_until(stop, running)
                click.secho("\nstopping …", dim=True)

    with remembering(delivery_of(shared)) as arriving:
        asyncio.run(main(arriving))


def _announce(running: Gateway, settings: Settings, policy: str, rules: int) -> None:
    upstream = f"{settings.upstream} (answers with what it received)" if running.demo else settings.upstream
    if settings.forwarding is not None:
        upstream = ", ".join(settings.forwarding.directory.upstreams)
    click.secho("Portcullis gateway", bold=True, nl=False)
    click.echo(f"  ·  {rules} rules  ·  policy {policy}")
    click.echo("  listening  ", nl=False)
    click.secho(f"{running.url}/v1", fg="green", bold=True)
    click.echo(f"  upstream   {upstream}")
    click.echo("\nTry it:\n")
    body = '{"model":"demo","messages":[{"role":"user","content":"My address is ada@example.com"}]}'
    click.secho(f"  curl -s {running.url}/v1/chat/completions -H 'content-type: application/json' \\", fg="cyan")
    click.secho(f"    -d '{body}'", fg="cyan")
    click.secho("\nCtrl-C ends it.", dim=True)
