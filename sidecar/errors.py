"""Every exception the package raises.

    SidecarError
    ├── BundleError            a fault in rules, with its place (path:line); collected and shown together
    ├── ConfigError            a fault in settings or policy; names the file, line and key
    ├── InputError             their fault; carries an HTTP status and a stable code
    │   ├── MalformedBody      400  the body cannot be read as what it claims to be
    │   ├── MalformedRequest   400  a path, method or header that cannot be sent on
    │   ├── BodyTooLarge       413  a length limit was passed
    │   └── UnsupportedContent 415  a media type or coding that nobody reads here
    └── EngineError            our fault; the failure policy (open | closed) decides what happens next
        ├── ScannerError       the matching engine failed or may not be trusted
        ├── RecognizerError    an entity recognizer failed or ran out of time
        ├── UpstreamError      502  the upstream gateway broke off, or answered what cannot be read
        │   ├── UpstreamUnavailable 503  nobody could be reached, or all are down or full: nothing was processed
        │   └── NoUpstream     404  no route serves what was asked for
        └── DeadlineExceeded   504  the caller's time was used up
            └── UpstreamTimeout 504  the upstream did not answer, or stopped answering, within its own time

A block is not an error: it is a verdict and is returned. No message ever carries the text that was inspected.
"""

from __future__ import annotations


class SidecarError(Exception):
    """Base of every error of this package; `str(error)` is a finished sentence without payload."""


class BundleError(SidecarError):
    """One or more faults in a rule bundle.

    Args:
        faults: one sentence each, starting with `path:line:` where a place is known.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ConfigError(SidecarError):
    """A setting or policy that cannot be used; the message names file, line and key."""


class InputError(SidecarError):
    """The caller's message cannot be accepted."""

    http_status = 400
    code = "malformed_body"


class MalformedBody(InputError):
    """The body is not what its content type claims."""


class MalformedRequest(InputError):
    """A path, method or header that cannot be sent on, or that others would read in another way."""

    code = "malformed_request"


class BodyTooLarge(InputError):
    """A length limit was passed."""

    http_status = 413
    code = "limits.exceeded"


class UnsupportedContent(InputError):
    """The media type or content coding is not read here."""

    http_status = 415
    code = "unsupported_content"


class EngineError(SidecarError):
    """We failed; the failure policy decides whether the message passes."""

    http_status = 500
    code = "engine_failure"


class ScannerError(EngineError):
    """The matching engine failed or did not pass its probe."""


class RecognizerError(EngineError):
    """An entity recognizer failed or ran out of time, so text was not fully inspected."""


class UpstreamError(EngineError):
    """The upstream gateway broke off, or what it answered cannot be read; it may have processed the request."""

    http_status = 502
    code = "upstream_failed"


class UpstreamUnavailable(UpstreamError):
    """No upstream could be asked; the request was not processed and may be sent again.

    Args:
        message: a finished sentence.
        retry_after: seconds after which it may be tried again; 0 where nobody knows.
        reason: from a closed set, for metrics.
    """

    http_status = 503
    code = "upstream_unavailable"

    def __init__(self, message: str, *, retry_after: float = 0.0, reason: str = "unreachable") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason


class NoUpstream(UpstreamError):
    """No route serves what was asked for."""

    http_status = 404
    code = "model_not_found"


class DeadlineExceeded(EngineError):
    """The time given for the work was used up."""

    http_status = 504
    code = "deadline_exceeded"


class UpstreamTimeout(DeadlineExceeded):
    """The upstream did not answer, or stopped answering, within the time that it has."""

    code = "upstream_timeout"
