"""A real OTLP receiver: the two gRPC services of OpenTelemetry's own protocol, which keep what they are sent."""

from concurrent import futures

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Receiver(trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer):
    """Keeps spans and metrics."""

    def __init__(self):
        self.requests = []
        self.spans = []
        self.metrics = {}
        self.resources = []
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)
        self.url = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Export(self, request, context):  # noqa: N802 - the wire's name
        self.requests.append(request.SerializeToString())
        for resource in request.resource_spans:
            self.resources.append(attributes(resource.resource))
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()

    def take_metrics(self, request):
        self.requests.append(request.SerializeToString())
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}

    def stop(self):
        self._server.stop(0).wait()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, receiver):
        self._receiver = receiver

    def Export(self, request, context):  # noqa: N802 - the wire's name
        self._receiver.take_metrics(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


def attributes(holder):
    """The attributes of a span, an event or a resource, as plain values."""
    return {item.key: value(item.value) for item in holder.attributes}


def value(wire):
    kind = wire.WhichOneof("value")
    if kind == "array_value":
        return tuple(value(item) for item in wire.array_value.values)
    return getattr(wire, kind)
