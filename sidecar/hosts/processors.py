"""Which processors a worker may run on."""

from __future__ import annotations

import os
from pathlib import Path

from sidecar.errors import ConfigError


def processors_for(pin: str, index: int) -> list[int]:
    """Return the processors that a worker may run on; empty for all.

    Raises:
        ConfigError: `pin` is none of `none`, `core`, `numa`.
    """
    if pin == "none":
        return []
    allowed = sorted(os.sched_getaffinity(0))
    if pin == "core":
        return [allowed[index % len(allowed)]]
    if pin == "numa":
        nodes = [sorted(node & set(allowed)) for node in _numa_nodes()]
        usable = [node for node in nodes if node] or [allowed]
        return usable[index % len(usable)]
    raise ConfigError(f"pin: {pin!r} is none of none, core, numa")


def _numa_nodes() -> list[set[int]]:
    nodes = []
    for path in sorted(Path("/sys/devices/system/node").glob("node[0-9]*/cpulist")):
        processors: set[int] = set()
        for part in path.read_text().strip().split(","):
            first, _, last = part.partition("-")
            if first:
                processors.update(range(int(first), int(last or first) + 1))
        nodes.append(processors)
    return nodes
