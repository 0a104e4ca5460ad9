"""The form that a request asks of its answer, checked with the library jsonschema."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from sidecar.core.lookout import NOTHING, Lookout
from sidecar.core.meters import FormMeter

# Where requests say what form they want, by API; the place of a JSON schema, or of a word that asks for any JSON object.
_SCHEMAS = (
    ("response_format", "json_schema", "schema"),  # OpenAI chat
    ("response_format", "schema"),  # Cohere, and others in OpenAI's manner
    ("text", "format", "schema"),  # OpenAI responses
    ("generationConfig", "responseJsonSchema"),  # Gemini
    ("output_format", "schema"),  # Anthropic
    ("format",),  # Ollama
)
_ANY_OBJECT = (("response_format", "type"), ("text", "format", "type"), ("format",))
_MARKS = (b"response_format", b'"format"', b"responseJsonSchema", b"output_format")


def form_of(body: bytes) -> Lookout:
    """Return a check of the form that a request asks of its answer; nothing, where it asks for none that is JSON.

    Args:
        body: the request, which was read before.
    """
    if not any(mark in body for mark in _MARKS):
        return NOTHING
    try:
        request = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return NOTHING
    schema = next((found for path in _SCHEMAS if isinstance(found := _at(request, path), dict)), None)
    if schema is None and not any(_at(request, path) in ("json_object", "json") for path in _ANY_OBJECT):
        return NOTHING
    return Lookout(meters=(partial(FormMeter, _validator(schema or {"type": "object"})),))


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _validator(schema: dict[str, Any]) -> Callable[[str], bool]:
    """Return a check of texts; a schema that cannot be used asks for JSON only."""
    # Imported here, at a twentieth of a second: few requests ask for a form.
    import jsonschema  # noqa: PLC0415 - see above

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError:
        schema = {}
    # References outside the schema are not fetched: the registry is empty.
    checker = kind(schema)

    def is_valid(text: str) -> bool:
        try:
            return bool(checker.is_valid(json.loads(text)))
        except (ValueError, RecursionError):
            return False
        except Exception:  # noqa: BLE001 - a schema that fails when it is used, such as one with a foreign reference
            return True

    return is_valid
