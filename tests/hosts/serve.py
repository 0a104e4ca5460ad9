"""A supervisor of the echo service as a process of its own: `python serve.py HOST WORKERS ADDRESS [key=value ...]`."""

import asyncio
import logging
import sys
from pathlib import Path

from sidecar.errors import ConfigError
from sidecar.hosts.listen import Listen, Tls, parse_address
from sidecar.hosts.plan import Plan
from sidecar.hosts.supervisor import Supervisor


def main() -> int:
    """Run it; the lines it says go to stdout."""
    logging.basicConfig(stream=sys.stderr)
    host, workers, address, *pairs = sys.argv[1:]
    settings = dict(pair.split("=", 1) for pair in pairs)
    tls = None
    if "tls_cert" in settings:
        authority = settings.get("client_ca")
        tls = Tls(Path(settings["tls_cert"]), Path(settings["tls_key"]), Path(authority) if authority else None)
    plan = Plan(
        factory="echo:build",
        settings=settings,
        listen=Listen(tuple(parse_address(part) for part in address.split(",")), tls=tls),
        host=host,
        workers=int(workers),
        grace=3.0,
        start_seconds=20.0,
    )
    try:
        return asyncio.run(Supervisor(plan, lambda line: print(line, flush=True)).run())
    except ConfigError as error:
        print(error, flush=True)
        return 78


if __name__ == "__main__":
    sys.exit(main())
