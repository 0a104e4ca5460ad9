"""The obvious twin of `sidecar.core.extract` for JSON: each string is looked up in the list of patterns."""

import json
import re

from sidecar.core.attachments import read_attachment
from sidecar.core.extract import is_identifier
from sidecar.core.fields import DERIVED, MEDIA, NUMBERS, OPAQUE, ROLE, SEALED, VOCABULARY, Field
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


def are_tokens(value):
    """Tell whether a list holds only whole numbers, or lists of them."""
    lists = [item if isinstance(item, list) else [item] for item in value]
    return bool(value) and all(type(item) is int for flat in lists for item in flat)


def is_long(value):
    """Tell whether a value is a number of seven digits or more before its point."""
    return isinstance(value, int | float) and len(str(abs(int(value)))) >= 7


def written(value, path):
    """Return a number behind its key, if it has one."""
    key = path.rpartition("/")[2].replace("~2", "#").replace("~1", "/").replace("~0", "~")
    text = str(int(value)) if value == int(value) else str(value)
    return text if key.isdecimal() else f"{key[:64]}: {text}"


def slow_extract(body, schema):  # noqa: PLR0915 - one obvious walk
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
        if target in (MEDIA, SEALED):
            file = read_attachment(value, parent)
            if file is not None:
                if target == MEDIA:
                    kind = (file.kind, path) if file.text is None else (file.text, f"{path}#=")
                    found.append((kind[0], schema.other, kind[1]))
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

    def number(value, path, role):
        target = lookup(path).target
        if target in (MEDIA, SEALED):
            target = schema.other
        if target == ROLE:
            target = dict(schema.roles).get(role, schema.other)
        key = path.rpartition("/")[2]
        is_own = target.endswith(".metadata") or (schema.fields and path.count("/") == 1)
        if target not in (OPAQUE, DERIVED) and not (is_own and key in NUMBERS):
            found.append((written(value, path), target, path))

    def strings(value, path):
        if is_long(value):
            yield written(value, path), path
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
        elif isinstance(value, list) and path[1:] in schema.tokens and are_tokens(value):
            found.append(("token ids", lookup(path).target, path))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                visit(item, f"{path}/{index}", role, {})

    def visit(item, path, role, parent):
        if is_long(item):
            number(item, path, role)
        elif isinstance(item, str):
            if item:
                text(item, path, role, parent)
        else:
            walk(item, path, role)

    walk(json.loads(body), "", "")
    return found
