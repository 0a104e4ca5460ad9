"""The obvious twin of `sidecar.core.extract` for JSON: each string is looked up in the list of patterns."""

import json
import re

from sidecar.core.extract import is_identifier, is_media
from sidecar.core.fields import DERIVED, MEDIA, OPAQUE, ROLE, VOCABULARY, Field
from sidecar.core.jsontext import escape_pointer

_RANK = {"*": 1, "**": 2}


def patterns(schema):
    """Order the patterns: what names a step beats `*`, which beats `**`."""
    fields = (*schema.fields, *(Field(pattern, OPAQUE) for pattern in schema.opaque))
    unique = {field.pattern: field for field in fields}
    ordered = sorted(unique.values(), key=lambda f: [(_RANK.get(s, 0)) for s in f.pattern.split("/")[1:]])
    return [(re.compile(_regex(field.pattern)), field) for field in ordered]


def _regex(pattern):
    steps = pattern.split("/")[1:]
    out = ""
    for step in steps:
        out += {"*": "/[^/]*", "**": "/.*"}.get(step, "/" + re.escape(escape_pointer(step)))
    return out + r"\Z"


def slow_extract(body, schema):
    """Return (text, target, path) of every segment of a JSON body, in document order."""
    table = patterns(schema)
    names = {step for _, field in table for step in field.pattern.split("/")}
    found = []

    def lookup(path):
        return next((field for regex, field in table if regex.match(path)), Field(path, schema.other))

    def text(value, path, role, parent):
        field = lookup(path)
        target = field.target
        if target == OPAQUE:
            if is_identifier(value):
                return
            target = schema.other
        if target == MEDIA:
            if is_media(value, parent):
                return
            target = schema.other
        if target == DERIVED:
            return
        if target == ROLE:
            target = dict(schema.roles).get(role, schema.other)
        if field.embedded:
            try:
                inner = json.loads(value)
            except ValueError:
                inner = None
            if isinstance(inner, dict | list):
                found.extend((t, target, f"{path}#{p}") for t, p in strings(inner, ""))
                return
        found.append((value, target, path))

    def strings(value, path):
        if isinstance(value, str) and value:
            yield value, path
        for key, item in (
            value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
        ):
            below = f"{path}/{escape_pointer(str(key))}"
            if isinstance(value, dict) and len(key) > 3 and key not in VOCABULARY:
                yield key, below + "~"
            yield from strings(item, below)

    def walk(value, path, role):
        if isinstance(value, dict):
            if isinstance(value.get("role"), str):
                role = value["role"]
            for key, item in value.items():
                below = f"{path}/{escape_pointer(key)}"
                if len(key) > 3 and key not in VOCABULARY and key not in names:
                    target = lookup(f"{below}/").target if any(f.pattern.endswith("**") for _, f in table) else ""
                    found.append((key, target, below + "~"))
                visit(item, below, role, value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                visit(item, f"{path}/{index}", role, {})

    def visit(item, path, role, parent):
        if isinstance(item, str):
            if item:
                text(item, path, role, parent)
        else:
            walk(item, path, role)

    walk(json.loads(body), "", "")
    return found
