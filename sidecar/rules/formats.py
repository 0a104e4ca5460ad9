"""The policy's section `formats`: where text stands in the bodies of APIs that are not built in."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import Annotated

import msgspec

from sidecar.core.fields import MEDIA, OPAQUE, ROLE, Field
from sidecar.core.schemas import Format, custom_schema
from sidecar.model import TARGETS

Pointer = Annotated[str, msgspec.Meta(pattern=r"^(/([^/~]|~[01])*)+$")]
# Words for what is no target.
_WORDS = {"role": ROLE, "media": MEDIA, "identifier": OPAQUE}


class Places(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where text stands in one direction's bodies; every string that no pattern names is read, too.

    Args:
        fields: what stands where: JSON pointer (`*` any item or key, a last `**` everything below) to a target, to `role`
            (by the nearest `role` member), `media` (base64 of pictures and sound) or `identifier` (read only where it
            does not look like one).
        embedded: those of the pointers whose strings hold JSON.
        other: the target of all other strings.
    """

    fields: dict[Pointer, str] = {}
    embedded: tuple[Pointer, ...] = ()
    other: str = ""


class FormatSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One API.

    Args:
        path: glob over request paths; only paths of no built-in format are asked.
        name: how metrics and audit records call it.
        request: where text stands in requests.
        response: where text stands in answers.
    """

    path: str
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9.-]+$", max_length=40)] = "custom"
    request: Places = Places()
    response: Places = Places()


def build_formats(settings: tuple[FormatSettings, ...]) -> tuple[Format, ...]:
    """Build the formats of a policy, in order.

    Raises:
        ValueError: a target is unknown.
    """
    return tuple(
        Format(
            re.compile(translate(item.path)),
            custom_schema(
                item.name, fields=_fields(item.request), opaque=(), other=item.request.other or "request.user"
            ),
            custom_schema(
                item.name, fields=_fields(item.response), opaque=(), other=item.response.other or "response.text"
            ),
        )
        for item in settings
    )


def require_targets(places: Places) -> None:
    """Check the targets that a format names.

    Raises:
        ValueError: one is unknown.
    """
    _fields(places)
    if places.other not in ("", *TARGETS):
        raise ValueError(f"unknown target `{places.other}`; known: {', '.join(TARGETS)}")


def _fields(places: Places) -> tuple[Field, ...]:
    for target in places.fields.values():
        if target not in TARGETS and target not in _WORDS:
            raise ValueError(f"unknown target `{target}`; known: {', '.join((*_WORDS, *TARGETS))}")
    return tuple(
        Field(pattern, _WORDS.get(target, target), embedded=pattern in places.embedded)
        for pattern, target in places.fields.items()
    )
