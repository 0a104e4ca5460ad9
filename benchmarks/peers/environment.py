"""LLM Guard lives in an environment of its own: it pins another Presidio than ours, and a process of it is asked."""

from __future__ import annotations

import shutil
import subprocess
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from sidecar.config import cache_folder

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "llm_guard.txt"
_INSTALL_SECONDS = 600
_ASK_SECONDS = 600


class LlmGuardError(Exception):
    """LLM Guard cannot be measured here."""


# By scanner, then by text: microseconds, a value a turn.
Times = dict[str, dict[str, list[float]]]


def time_llm_guard(patterns: Sequence[str], texts: Mapping[str, str], turns: int) -> Times:
    """Time LLM Guard's pattern scanners in a process of their own; see `llm_guard_peer`.

    Args:
        patterns: what its `Regex` looks for.
        texts: by name.
        turns: how often each is measured.

    Raises:
        LlmGuardError: it cannot be installed, or its process failed; says why.
    """
    question = msgspec.json.encode({"patterns": patterns, "texts": texts, "turns": turns})
    command = [str(_python()), str(_HERE / "llm_guard_peer.py")]
    try:
        # Models are never asked for; should a release change that, it fails instead of downloading one.
        said = subprocess.run(
            command, input=question, capture_output=True, check=True, timeout=_ASK_SECONDS, env={"HF_HUB_OFFLINE": "1"}
        )
    except subprocess.SubprocessError as error:
        raise LlmGuardError(_last_line(error)) from None
    return msgspec.json.decode(said.stdout, type=Times)


def _python() -> Path:
    """Return the environment's interpreter; made on first use, with uv where there is one."""
    folder = cache_folder() / "bench-llm-guard"
    stamp, python = folder / "requirements.txt", folder / "bin" / "python"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    uv = shutil.which("uv")
    venv.create(folder, clear=True, with_pip=uv is None)
    installer = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
    try:
        command = [*installer, "--quiet", "--no-deps", "-r", str(_REQUIREMENTS)]
        subprocess.run(command, capture_output=True, check=True, timeout=_INSTALL_SECONDS)
    except subprocess.SubprocessError as error:
        raise LlmGuardError(f"cannot be installed into {folder}: {_last_line(error)}") from None
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _last_line(error: subprocess.SubprocessError) -> str:
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
    return said.splitlines()[-1] if said else type(error).__name__
