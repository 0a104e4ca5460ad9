"""What a caller and the log may learn of an exception that nobody expected: an id, never its text."""

from __future__ import annotations

import logging
import secrets
import traceback

from sidecar.adapters.rpc import RpcError, Status

_log = logging.getLogger(__name__)

# Enough to find the place, short enough for one log line.
_FRAMES_LOGGED = 6


def describe(error: BaseException) -> str:
    """Say what kind of exception came from where, without its text: that may quote the prompt."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_LOGGED:]
    places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def internal_error(error: BaseException) -> RpcError:
    """Log where an unexpected exception came from and return the status the caller gets."""
    error_id = secrets.token_hex(8)
    _log.error("internal error %s: %s", error_id, describe(error))
    return RpcError(Status.INTERNAL, f"internal error {error_id}")
