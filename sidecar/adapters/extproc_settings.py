"""What Envoy's configuration says about an exchange: settings in gRPC metadata, dynamic metadata or our own command line."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.rpc import Metadata
from sidecar.core.exchange import BodyMode, Caller, Modes
from sidecar.core.refusal import METADATA_NAMESPACE
from sidecar.errors import ConfigError

_ATTRIBUTE = "attribute:"
# What Envoy's configuration may say about an exchange, as gRPC metadata `x-sidecar-KEY`, and what each value looks like.
SETTINGS = {
    "application": re.compile(r"[ -~]{1,200}\Z"),
    "route": re.compile(r"[ -~]{1,1000}\Z"),
    "deadline": re.compile(r"\d{1,4}(?:\.\d{1,6})?\Z", re.ASCII),
    # Envoy has `allow_mode_override`.
    "override": re.compile(r"allowed\Z"),
    # Envoy does not send answers, and that is meant.
    "responses": re.compile(r"unguarded\Z"),
}
_SETTING_NAMES = tuple((key, f"x-sidecar-{key}") for key in SETTINGS)
_MODES = tuple(BodyMode)


def read_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Read `KEY=VALUE` pairs: what every exchange has where Envoy's configuration does not say it.

    Raises:
        ConfigError: a key is unknown, or a value cannot be used.
    """
    settings: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key not in SETTINGS or not SETTINGS[key].match(value):
            known = ", ".join(SETTINGS)
            raise ConfigError(
                f"--ext-proc {pair}: give KEY=VALUE, KEY one of {known}; override=allowed, deadline=SECONDS"
            )
        settings[key] = value
    return settings


def settings_of(request: pb.ProcessingRequest, metadata: Metadata, defaults: Mapping[str, str]) -> Mapping[str, str]:
    """Collect what Envoy's configuration says about the exchange; the client's headers never count.

    A value `attribute:NAME` stands for that attribute of the exchange, such as a route's name or a client certificate's.

    Args:
        request: the first message; earlier filters may have left dynamic metadata in it.
        metadata: of the gRPC stream, `initial_metadata` of Envoy's `grpc_service`, which routes can override.
        defaults: for what neither says.
    """
    dynamic: dict[str, Any] = {}
    if request.HasField("metadata_context"):
        forwarded = request.metadata_context.filter_metadata
        dynamic = dict(forwarded[METADATA_NAMESPACE].items()) if METADATA_NAMESPACE in forwarded else {}
    found = tuple(
        [str(metadata.get(name) or dynamic.get(key) or defaults.get(key, "")) for key, name in _SETTING_NAMES]
    )
    return _valid(tuple([_resolve(value, request) for value in found]) if _name_attributes(found) else found)


def _resolve(value: str, request: pb.ProcessingRequest) -> str:
    """Return the value of the attribute that a setting names; nothing where Envoy did not send it."""
    if not value.startswith(_ATTRIBUTE):
        return value
    name = value.removeprefix(_ATTRIBUTE)
    return next((str(fields[name]) for fields in request.attributes.values() if name in fields), "")


# Settings come from configuration: few differ, and all streams of a route have the same.
@functools.lru_cache(1024)
def _name_attributes(values: tuple[str, ...]) -> bool:
    return any(value.startswith(_ATTRIBUTE) for value in values)


@functools.lru_cache(1024)
def _valid(values: tuple[str, ...]) -> Mapping[str, str]:
    found = zip(SETTINGS, values, strict=True)
    return MappingProxyType({key: value for key, value in found if SETTINGS[key].match(value)})


def to_caller(request: pb.ProcessingRequest, settings: Mapping[str, str]) -> Caller:
    """Say what is known of the exchange before it begins.

    Args:
        request: the first message.
        settings: as `settings_of` collects them.
    """
    modes = Modes()
    if request.HasField("protocol_config"):
        config = request.protocol_config
        modes = _modes(config.request_body_mode, config.response_body_mode)
    return Caller(
        application=settings.get("application", ""),
        route=settings.get("route", ""),
        modes=modes,
        observe=request.observability_mode,
        overridable="override" in settings,
        guard_response="responses" not in settings,
    )


@functools.cache
def _modes(request: int, response: int) -> Modes:
    return Modes(_MODES[request], _MODES[response])
