"""YAML documents with a memory of lines: duplicate and unknown keys are refused, each fault with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
import yaml

from sidecar.errors import BundleError, ConfigError

T = TypeVar("T")
Place = tuple[str | int, ...]
"""Where something stands in a document: keys and indexes from its root."""

Check = tuple[Place, Callable[[], object]]
"""What the types of a document cannot say: a place, and what raises `ValueError` where the document is wrong there."""


# The C loader reads a bundle of hundreds of files in tens of milliseconds; the Python one is ten times slower.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What a message of msgspec quotes: the key that is unknown, or the value that does not fit.
_CULPRIT = re.compile(r"unknown field `(?P<key>[^`]*)`|value '(?P<value>[^']*)'")
_PATH_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")


def load(data: bytes, source: str, as_type: type[T]) -> T:
    """Read one YAML document into a struct.

    Args:
        data: the document, UTF-8.
        source: the file's name, for error messages.
        as_type: a `msgspec.Struct` that forbids unknown fields.

    Returns:
        The checked value.

    Raises:
        BundleError: the document is not YAML, repeats a key, or does not fit the type; says file, line and key.
    """
    try:
        root = _compose(data, source)
        value = _construct(root, source)
        return msgspec.convert(value, as_type, strict=True)
    except msgspec.ValidationError as error:
        raise BundleError(f"{source}:{_line_of(root, str(error))}: {error}") from None
    except RecursionError:
        raise BundleError(f"{source}:1: nested too deeply") from None


def read_settings(data: bytes, source: str, as_type: type[T], checks: Callable[[T], Iterable[Check]]) -> T:
    """Read a file of settings into a struct, and check what its types cannot say.

    Args:
        data: the document, UTF-8.
        source: the file's name, for error messages.
        as_type: a struct that refuses unknown keys.
        checks: yields what is checked besides.

    Raises:
        ConfigError: says file, line and key of each fault.
    """
    try:
        document = load(data, source, as_type)
    except BundleError as error:
        raise ConfigError("\n".join(error.faults)) from None
    faults = []
    for place, check in checks(document):
        try:
            check()
        except ValueError as error:
            faults.append(f"{source}:{line_of(data, source, *place)}: {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    return document


def line_of(data: bytes, source: str, *keys: str | int) -> int:
    """Find the line where a key path stands in a document.

    Args:
        data: the document.
        source: the file's name, for error messages.
        *keys: mapping keys and list indexes from the root.

    Returns:
        The line, from 1; the deepest one that exists on the path.
    """
    node = _compose(data, source)
    for key in keys:
        child = _child(node, key)
        if child is None:
            break
        node = child
    return int(node.start_mark.line) + 1


def _compose(data: bytes, source: str) -> yaml.Node:
    try:
        node = yaml.compose(data.decode("utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise BundleError(f"{source}:1: not UTF-8 (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BundleError(f"{source}:{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise BundleError(f"{source}:1: not YAML: a character that YAML forbids") from None
    if not isinstance(node, yaml.MappingNode):
        raise BundleError(f"{source}:1: expected a mapping at the top of the document")
    return node


def _construct(root: yaml.Node, source: str) -> Any:
    faults: list[str] = []
    _check_duplicates(root, source, faults, set())
    if faults:
        raise BundleError(*faults)
    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BundleError(f"{source}:{line}: not YAML: {error.problem}") from None


def _check_duplicates(node: yaml.Node, source: str, faults: list[str], seen: set[int]) -> None:
    if id(node) in seen:
        faults.append(f"{source}:{node.start_mark.line + 1}: aliases are not allowed; write the value out")
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                faults.append(f"{source}:{key.start_mark.line + 1}: a key must be plain text")
                continue
            if key.value in keys:
                faults.append(f"{source}:{key.start_mark.line + 1}: key `{key.value}` is given twice")
            keys.add(key.value)
            _check_duplicates(value, source, faults, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_duplicates(item, source, faults, seen)


def _line_of(root: yaml.Node, message: str) -> int:
    path = message.rpartition(" - at `$")[2].rstrip("`")
    node = root
    for step in _PATH_STEP.finditer(path):
        index = step["index"]
        if index == "...":
            break
        child = _child(node, step["key"] if index is None else int(index))
        if child is None:
            break
        node = child
    culprit = _CULPRIT.search(message)
    named = _find(node, culprit["key"] or culprit["value"]) if culprit else None
    return int((named or node).start_mark.line) + 1


def _find(node: yaml.Node, text: str) -> yaml.Node | None:
    """Find the first key or value that reads `text`; msgspec does not name the keys of free-form mappings."""
    if isinstance(node, yaml.ScalarNode):
        return node if node.value == text else None
    children = [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]
    return next((found for child in children if (found := _find(child, text))), None)


def _child(node: yaml.Node, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        child: yaml.Node = node.value[key]
        return child
    return None


def top_level_keys(data: bytes, source: str) -> list[tuple[str, int]]:
    """Return the keys of a document's top mapping with their lines, in the order of the file."""
    root = _compose(data, source)
    return [(key.value, int(key.start_mark.line) + 1) for key, _ in root.value]
