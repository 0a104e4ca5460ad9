"""Every exception the package raises.

    SidecarError
    ├── BundleError            a fault in rules, with its place (path:line); collected and shown together
    ├── ConfigError            a fault in settings or policy; names the file, line and key
    ├── InputError             their fault; carries an HTTP status and a stable code
    │   ├── MalformedBody      400  the body cannot be read as what it claims to be
    │   ├── BodyTooLarge       413  a length limit was passed
    │   └── UnsupportedContent 415  a media type or coding that nobody reads here
    └── EngineError            our fault; the failure policy (open | closed) decides what happens next
        ├── ScannerError       the matching engine failed or may not be trusted
        ├── RecognizerError    an entity recognizer failed or ran out of time
        ├── UpstreamError      the upstream gateway cannot be reached or broke off
        └── DeadlineExceeded   the caller's time was used up

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
    """The upstream gateway could not be reached or broke off."""

    http_status = 502
    code = "upstream_unavailable"


class DeadlineExceeded(EngineError):
    """The time given for the work was used up."""

    http_status = 504
    code = "deadline_exceeded"
