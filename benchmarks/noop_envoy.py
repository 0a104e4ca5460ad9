"""The no-op twin on host envoy, as `python -m benchmarks.noop_envoy ADDRESS WORKERS`."""

from __future__ import annotations

import asyncio
import sys

from sidecar.hosts.listen import Listen, parse_address
from sidecar.hosts.plan import Plan
from sidecar.hosts.supervisor import Supervisor


def main() -> None:
    """Run the workload of `benchmarks.noop_workload` under the supervisor."""
    plan = Plan(
        factory="benchmarks.noop_workload:workload",
        settings={},
        listen=Listen((parse_address(sys.argv[1]),)),
        host="envoy",
        workers=int(sys.argv[2]),
    )
    sys.exit(asyncio.run(Supervisor(plan).run()))


if __name__ == "__main__":
    main()
