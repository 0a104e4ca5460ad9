"""`sidecar health`: asks a running sidecar, for containers and scripts."""

from __future__ import annotations

import sys

import click
import grpc
from grpc_health.v1 import health_pb2

from sidecar.cli import EXIT_FAILED

_PATH = "/grpc.health.v1.Health/Check"


@click.command()
@click.option("--address", default="127.0.0.1:50051", show_default=True, help="host:port or unix:/path.")
@click.option("--timeout", default=2.0, show_default=True, help="Seconds to wait.")
def health(address: str, timeout: float) -> None:
    """Ask whether a sidecar takes calls.

    \b
    Example:
      sidecar health --address unix:/run/portcullis.sock

    Exit codes: 0 it does; 1 it does not, or nobody answers.
    """
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            _PATH, health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString
        )
        try:
            answer, details = call.with_call(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError as error:
            click.echo(f"{address}: no answer ({error.code().name})", err=True)
            sys.exit(EXIT_FAILED)
    told = ((key, str(value)) for key, value in details.initial_metadata() if not isinstance(value, bytes))
    facts = ", ".join(f"{key[8:]} {value}" for key, value in told if key.startswith("sidecar-"))
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    click.echo(f"{address}: {status} ({facts})")
    sys.exit(0 if answer.status == health_pb2.HealthCheckResponse.SERVING else EXIT_FAILED)
