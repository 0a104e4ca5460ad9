"""Where things are: the shipped rules and policies, and the private cache of compiled databases."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sidecar.errors import BundleError, ConfigError

_PACKAGE = Path(__file__).parent
# The bundle stops being a bundle somewhere: a loader that reads without bound is a way in.
BUNDLE_FILES_LIMIT = 20_000
BUNDLE_BYTES_LIMIT = 64 * 2**20


def shipped_rules() -> Path:
    """Return the folder of the bundle that ships: inside the wheel, or beside the package in a checkout."""
    inside = _PACKAGE / "_bundled" / "rules"
    return inside if inside.is_dir() else _PACKAGE.parent / "rules"


def shipped_policy(name: str) -> Path | None:
    """Return the file of a policy that ships, by name; None where there is none."""
    path = _PACKAGE / "policies" / f"{name}.yaml"
    return path if name.replace("-", "").isalnum() and path.is_file() else None


def find_policy(name_or_file: str) -> tuple[bytes, str]:
    """Read a policy by the name of a shipped one, or by file.

    Returns:
        The content and the name to use in messages.

    Raises:
        ConfigError: there is neither; says what was looked for.
    """
    path = shipped_policy(name_or_file) or Path(name_or_file)
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        shipped = ", ".join(sorted(item.stem for item in (_PACKAGE / "policies").glob("*.yaml")))
        raise ConfigError(
            f"{name_or_file}: no such policy ({error.strerror}); give a file, or one of those that ship: {shipped}"
        ) from None


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read the files of a bundle folder.

    Returns:
        Content by path relative to the folder.

    Raises:
        BundleError: no such folder, a link that leaves it, or more than the limits allow.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder of rules")
    root = folder.resolve()
    files: dict[str, bytes] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if not path.resolve().is_relative_to(root):
            raise BundleError(f"{path}: leads out of the bundle")
        total += path.stat().st_size
        if len(files) >= BUNDLE_FILES_LIMIT or total > BUNDLE_BYTES_LIMIT:
            raise BundleError(f"{folder}: more than {BUNDLE_FILES_LIMIT} files or {BUNDLE_BYTES_LIMIT} bytes")
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of compiled databases: `SIDECAR_CACHE`, else the user's cache folder."""
    given = environment.get("SIDECAR_CACHE")
    if given:
        return Path(given)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portcullis"
