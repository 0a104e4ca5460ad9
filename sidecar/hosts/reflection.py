"""gRPC server reflection for both hosts, so that grpcurl-like clients need no .proto files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha.reflection_pb2 import (
    ErrorResponse,
    ExtensionNumberResponse,
    FileDescriptorResponse,
    ListServiceResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
    ServiceResponse,
)

from sidecar.adapters.rpc import Answer, Call, Method, Shape, Status

# v1 has the messages of v1alpha, field for field; only the path differs.
_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


class Reflection:
    """Tells clients which services are here and what their messages look like.

    Args:
        methods: what is served.
        aliases: a service's name on the wire -> the name of its descriptor, where the two differ (ext_proc).
    """

    def __init__(self, methods: Iterable[Method], aliases: dict[str, str] | None = None) -> None:
        self._names = tuple(sorted({*(method.service for method in methods), *_SERVICES}))
        self._aliases = aliases or {}
        self._pool = descriptor_pool.Default()

    def methods(self) -> tuple[Method, ...]:
        """Return the method under both names it has in use."""
        return tuple(
            Method(
                f"/{service}/ServerReflectionInfo",
                Shape.BIDI,
                ServerReflectionRequest,
                ServerReflectionResponse,
                self.answer_each,
                is_background=True,
            )
            for service in _SERVICES
        )

    async def answer_each(self, requests: AsyncIterator[ServerReflectionRequest], call: Call) -> AsyncIterator[Answer]:
        """Answer questions about services and types until the client is done."""
        del call
        async for request in requests:
            yield self.answer(request)

    def answer(self, request: ServerReflectionRequest) -> ServerReflectionResponse:
        """Answer one question; what is unknown is an `error_response`, not an error of the call."""
        response = ServerReflectionResponse(valid_host=request.host, original_request=request)
        try:
            match request.WhichOneof("message_request"):
                case "list_services":
                    services = [ServiceResponse(name=name) for name in self._names]
                    response.list_services_response.CopyFrom(ListServiceResponse(service=services))
                case "file_by_filename":
                    file = self._pool.FindFileByName(request.file_by_filename)
                    response.file_descriptor_response.CopyFrom(_with_dependencies(file))
                case "file_containing_symbol":
                    name = self._aliases.get(request.file_containing_symbol, request.file_containing_symbol)
                    file = self._pool.FindFileContainingSymbol(name)
                    response.file_descriptor_response.CopyFrom(_with_dependencies(file))
                case "file_containing_extension":
                    question = request.file_containing_extension
                    message = self._pool.FindMessageTypeByName(question.containing_type)
                    extension = self._pool.FindExtensionByNumber(message, question.extension_number)
                    response.file_descriptor_response.CopyFrom(_with_dependencies(extension.file))  # type: ignore[attr-defined]  # not in the stubs
                case "all_extension_numbers_of_type":
                    message = self._pool.FindMessageTypeByName(request.all_extension_numbers_of_type)
                    numbers = sorted(item.number for item in self._pool.FindAllExtensions(message))
                    found = ExtensionNumberResponse(base_type_name=message.full_name, extension_number=numbers)
                    response.all_extension_numbers_response.CopyFrom(found)
                case _:
                    response.error_response.CopyFrom(_error(Status.INVALID_ARGUMENT, "no question"))
        except KeyError:
            response.error_response.CopyFrom(_error(Status.NOT_FOUND, "unknown symbol"))
        return response


def _error(code: Status, message: str) -> ErrorResponse:
    return ErrorResponse(error_code=int(code), error_message=message)


def _with_dependencies(file: FileDescriptor) -> FileDescriptorResponse:
    """Serialise a file and everything it imports, the file itself first: clients need no second question."""
    files: dict[str, bytes] = {}
    waiting = [file]
    while waiting:
        item = waiting.pop()
        if item.name not in files:
            files[item.name] = item.serialized_pb
            waiting.extend(item.dependencies)
    return FileDescriptorResponse(file_descriptor_proto=list(files.values()))
