"""What a gRPC call shows of its caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from sidecar.adapters.rpc import Call, RpcError, Status
from sidecar.core.coding import Decoder
from sidecar.core.gatekeeper import Gatekeeper, Usage
from sidecar.core.perimeter import Credentials, Refusal

_STATUS = {
    400: Status.INVALID_ARGUMENT,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    413: Status.RESOURCE_EXHAUSTED,
    429: Status.RESOURCE_EXHAUSTED,
    503: Status.UNAVAILABLE,
}


class Guard(msgspec.Struct, frozen=True):
    """The perimeter as adapters use it.

    Args:
        gatekeeper: admits, weighs, charges.
        key_header: the metadata key, and HTTP header, that holds an API key.
        on_usage: told the application, what each answer used and whether a budget's soft threshold is reached.
        refused: told the code of each refusal.
        decoders: undo content codings, by their names.
    """

    gatekeeper: Gatekeeper
    key_header: str
    on_usage: Callable[[str, Usage, bool], None]
    refused: Callable[[str], None]
    decoders: Mapping[str, Decoder]


def to_credentials(call: Call, key_header: str) -> Credentials:
    """Read what a call shows: metadata, client certificate, address."""
    metadata = call.metadata
    scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
    peer = call.peer
    return Credentials(
        key=str(metadata.get(key_header, "")),
        token=token if scheme.lower() == "bearer" else "",
        identities=call.peer_identities,
        socket=call.socket,
        address="" if peer.startswith("unix:") else peer,
    )


def require(guard: Guard, call: Call, *, service: str) -> None:
    """Let a call in that holds nothing while it runs.

    Raises:
        RpcError: the caller is not known, or may not call the service.
    """
    credentials = to_credentials(call, guard.key_header)
    if credentials.token.count(".") != 2:
        # No JWT: a bearer token of the service's own.
        credentials = msgspec.structs.replace(credentials, token="")
    admission = guard.gatekeeper.admit(credentials, service=service)
    if isinstance(admission, Refusal):
        guard.refused(admission.code)
        raise to_rpc_error(admission)
    guard.gatekeeper.leave(admission)


def to_rpc_error(refusal: Refusal) -> RpcError:
    """Return a refusal as the status that gRPC callers understand."""
    wait = f" Try again in {refusal.retry_after:.1f} s." if refusal.retry_after else ""
    return RpcError(_STATUS[refusal.status], f"{refusal.code}: {refusal.message}{wait}")
