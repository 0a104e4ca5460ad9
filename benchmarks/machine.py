"""What a figure depends on beside the code: the machine, its load, the versions and the revision."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from sidecar import __version__
from sidecar.backends.hyperscan_scanner import engine_version

_PACKAGES = ("grpcio", "pyvoy", "presidio-analyzer", "google-re2")


def describe_machine() -> dict[str, str]:
    """Describe the machine and the versions that figures depend on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": _revision(),
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _memory(),
        "load": "{:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sidecar": __version__,
        "engine": engine_version(),
        "packages": ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name))),
    }


def _revision() -> str:
    """Return git's revision, marked where files differ from it; `unknown` outside a checkout."""
    folder = Path(__file__).parent
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.strip()


def _memory() -> str:
    kibibytes = _field("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(kibibytes) / 2**20:.0f} GiB" if kibibytes else "unknown"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _field(path: str, name: str) -> str:
    """Return the first value of a `name: value` file of the kernel; empty where there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
