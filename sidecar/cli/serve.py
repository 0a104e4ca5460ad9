"""`sidecar serve`: the filter as a gRPC server."""

from __future__ import annotations

from pathlib import Path

import click
import uvloop

from sidecar import __version__
from sidecar.app import Options
from sidecar.hosts.listen import Listen, parse_address
from sidecar.serve import Settings
from sidecar.serve import serve as run


@click.command()
@click.option("--listen", default="127.0.0.1:50051", show_default=True, metavar="ADDR", help="host:port or unix:/path.")
@click.option("--upstream", default="", metavar="URL", help="The gateway that `Forward` sends to.")
@click.option(
    "--rules", type=click.Path(path_type=Path), metavar="DIR", help="The rule bundle; the shipped one if left out."
)
@click.option("--policy", default="default", show_default=True, metavar="NAME|FILE", help="A shipped policy or a file.")
def serve(listen: str, upstream: str, rules: Path | None, policy: str) -> None:
    """Serve the gRPC API, Envoy's ext_proc included.

    \b
    Examples:
      sidecar serve
      sidecar serve --listen unix:/run/portcullis.sock --policy policy.yaml
      sidecar serve --listen 0.0.0.0:50051 --upstream http://127.0.0.1:4000
    """
    settings = Settings(Listen((parse_address(listen),)), Options(rules=rules, policy=policy), upstream)
    uvloop.run(run(settings, on_ready=_announce))


def _announce(addresses: str) -> None:
    click.echo(f"sidecar {__version__} ready on {addresses}", err=True)
