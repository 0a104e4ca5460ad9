"""Lists that grow item by item: every chunking gives the same items, and nothing stands between them unseen."""

import json
import random

import pytest

from sidecar.core.json_list import ListFramer
from sidecar.errors import BodyTooLarge, MalformedBody

ITEMS = [
    {"text": 'a "quoted" ] } [ { word, \\ and é'},
    {"deep": [[{"x": "]"}], {}], "n": 1},
    {},
    {"candidates": [{"content": {"parts": [{"text": "\\\\"}]}}]},
]


def frames(body, size):
    framer = ListFramer()
    out = [frame for i in range(0, len(body), size) for frame in framer.receive(body[i : i + size])]
    return out + framer.finish()


@pytest.mark.parametrize("joint", [",", ",\r\n", " , "])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_every_chunking_gives_the_items(joint, size):
    """Each item is one frame; all bytes go on."""
    body = f" [{joint.join(json.dumps(item, indent=1) for item in ITEMS)}\n]\r\n".encode()
    found = frames(body, size)

    assert body == b"".join(frame.raw for frame in found)
    assert [json.loads(frame.data) for frame in found if frame.data] == ITEMS


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"", b"\n"])
def test_nothing_is_no_item(body):
    """An empty list goes on as it is."""
    assert body == b"".join(frame.raw for frame in frames(body, 1))
    assert not any(frame.data for frame in frames(body, 1))


def test_an_object_is_an_item():
    """Errors come as one object."""
    body = b' {"error": {"code": 429, "details": [{"x": 1}]}}\n'

    assert [frame.data for frame in frames(body, 5)] == [b'{"error": {"code": 429, "details": [{"x": 1}]}}', b""]


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    "body",
    [
        b'["a text"]',
        b'[{"a": 1}, "a text", {"b": 1}]',
        b'[{"a": 1}{"b": 1}]',
        b'[,{"a": 1}]',
        b'[{"a": 1},]',
        b'[{"a": 1}] more',
        b'{"a": 1}{"b": 2}',
        b'[{"a": 1}',
        b'[{"a": "x',
        b'text [{"a": 1}]',
        b"text",
    ],
)
def test_what_would_pass_unread_is_refused(body, size):
    """Nothing but punctuation stands between items; the list has one end."""
    with pytest.raises(MalformedBody):
        frames(body, size)


def test_deep_nesting_is_refused():
    """Before anything has to be held for it."""
    with pytest.raises(BodyTooLarge):
        frames(b"[" * 1000, 100)


def test_an_item_is_written_anew_in_its_place():
    """What stands before it stays."""
    first, second, _ = frames(b'[ {"a": 1} ,\n{"b": 2}]', 4)

    assert first.with_data(b'{"c": 3}') == b'[ {"c": 3}'
    assert second.with_data(b'{"d": 4}') == b' ,\n{"d": 4}'


def test_random_bytes_never_hang_and_never_get_lost():
    """Either all bytes are in frames, or the list is refused."""
    rng = random.Random(5)
    for _ in range(3000):
        body = bytes(rng.choice(b'[]{},:"\\ a1') for _ in range(rng.randint(0, 14)))
        try:
            found = frames(body, rng.choice([1, 3, 20]))
        except MalformedBody:
            continue
        assert body == b"".join(frame.raw for frame in found)
