"""Hosts carry the bytes of services: grpc.aio in this process, or Python inside Envoy."""
