"""What a process says of itself on stderr: lines for people, or JSON lines for collectors; never text of a prompt.

A record's exception is reduced to its kind and place: its words may quote what was inspected.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime

import msgspec

from sidecar import __version__
from sidecar.hosts.failure import describe

# How processes that are started by this one learn the form.
FORMAT_VARIABLE = "SIDECAR_LOG_FORMAT"
FORMATS = ("text", "json")


class _Json(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, worker: int | None) -> None:
        super().__init__()
        self._constant = {"version": __version__, "pid": os.getpid()} | ({} if worker is None else {"worker": worker})

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._constant,
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields["error"] = describe(error)
        return msgspec.json.encode(fields).decode()


class _Text(logging.Formatter):
    """One line of words."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        error = record.exc_info[1] if record.exc_info else None
        line = f"sidecar {__version__} {record.levelname.lower()}: {record.getMessage()}"
        return line if error is None else f"{line} ({describe(error)})"


def begin(form: str = "", *, worker: int | None = None) -> None:
    """Have this process write its log.

    Args:
        form: `text` or `json`; empty: what the process that started this one was told.
        worker: which worker this is; None for the supervisor.
    """
    form = form or os.environ.get(FORMAT_VARIABLE, "text")
    os.environ[FORMAT_VARIABLE] = form
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(worker) if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sidecar").setLevel(logging.INFO)


def say(line: str) -> None:
    """Say one of the few lines that a person should see: as it is, or as a record where logs are records."""
    if os.environ.get(FORMAT_VARIABLE) == "json":
        logging.getLogger("sidecar").info("%s", line)
    else:
        complain(f"sidecar {__version__} {line}")


def complain(text: str) -> None:
    """Say why this process cannot go on: our own sentences, as they are where people read them."""
    if os.environ.get(FORMAT_VARIABLE) == "json":
        logging.getLogger("sidecar").critical("%s", text)
    else:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
