"""`sidecar selftest`: is the filter in place behind this Envoy, and does it see whole bodies?"""

from __future__ import annotations

import sys

import click

from sidecar.cli import EXIT_FAILED
from sidecar.gateway.selftest import probe


@click.command()
@click.argument("url")
def selftest(url: str) -> None:
    """Ask a data plane at URL whether its filter is in place; the probes never reach the upstream.

    Finds routes without the filter, `disable_immediate_response`, truncated bodies and buffers that are too small.

    \b
    Example:
      sidecar selftest http://127.0.0.1:8080

    \b
    Exit codes: 0 all is well; 1 something is not.
    """
    failed = False
    for found in probe(url):
        failed = failed or not found.passed
        click.secho("✓ " if found.passed else "✗ ", fg="green" if found.passed else "red", bold=True, nl=False)
        click.echo(f"{found.name}: {found.detail}")
    sys.exit(EXIT_FAILED if failed else 0)
