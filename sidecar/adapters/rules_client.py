"""A client of `sidecar.v1.RulesService` for the command line."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from sidecar.adapters._pb import rules_pb2 as pb
from sidecar.errors import UpstreamError

# Compiling the shipped bundle takes 20 s on a slow machine, and others may wait before us.
_SECONDS = 300.0
_MESSAGE_LIMIT = 32 * 2**20


class RulesClient:
    """Calls one sidecar.

    Args:
        address: `host:port`, or `unix:/path`.
        token: sent as a bearer token; empty for none.
    """

    def __init__(self, address: str, token: str = "") -> None:
        options = [("grpc.max_send_message_length", _MESSAGE_LIMIT)]
        self._channel = grpc.insecure_channel(address, options=options)
        self._address = address
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def push(self, archive: bytes, *, shadow: bool) -> dict[str, Any]:
        """Offer a bundle; returns the answer as a dictionary by JSON names."""
        return self._call("Push", pb.PushRequest(archive=archive, shadow=shadow), pb.RulesResponse)

    def status(self) -> dict[str, Any]:
        """Ask what runs."""
        return self._call("Status", pb.StatusRequest(), pb.StatusResponse)

    def roll_back(self, revision: str) -> dict[str, Any]:
        """Ask for an earlier bundle."""
        return self._call("Rollback", pb.RollbackRequest(revision=revision), pb.RulesResponse)

    def promote(self, *, discard: bool) -> dict[str, Any]:
        """Put the shadow in force, or end it."""
        return self._call("Promote", pb.PromoteRequest(discard=discard), pb.RulesResponse)

    def _call(self, method: str, request: Message, answer: type[Message]) -> dict[str, Any]:
        call = self._channel.unary_unary(
            f"/sidecar.v1.RulesService/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            found: dict[str, Any] = MessageToDict(call(request, timeout=_SECONDS, metadata=self._metadata))
        except grpc.RpcError as error:
            raise UpstreamError(f"{self._address}: {method} failed: {error.code().name}: {error.details()}") from None
        return found
