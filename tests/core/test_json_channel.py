"""Arguments that are written piece by piece: every string is judged, every spelling understood, and JSON stays JSON."""

import json
import random

import pytest

from sidecar.core.channel import TextChannel
from sidecar.core.json_channel import JsonChannel
from sidecar.core.lookout import NOTHING
from sidecar.core.splice import apply_edits
from sidecar.core.streaming import Judging
from sidecar.model import Edit
from tests.core.streams import cut, engine_and_lane, random_text, whole

ENGINE, LANE = engine_and_lane()


def run(pieces, kind=JsonChannel):
    """Write a text piece by piece; return what may go on, taken piece by piece."""
    channel = kind(Judging(ENGINE, LANE, NOTHING), "response.tool_call")
    out, waiting = "", []
    for index, piece in enumerate([*pieces, ""]):
        start = channel.length
        channel.receive(piece)
        waiting.append((piece, start, channel.length))
        channel.settle(final=index == len(pieces))
        while waiting and waiting[0][2] <= channel.cut:
            text, begin, end = waiting.pop(0)
            out += apply_edits(text, [Edit("", *change) for change in channel.changes(begin, end)])
    assert not waiting
    return out


def spelled(text, rng):
    """Write a string literal with escapes at random."""
    units = []
    for character in text:
        code = character.encode("utf-16-be").hex()
        escape = "".join(f"\\u{code[i : i + 4]}" for i in range(0, len(code), 4))
        units.append(escape if rng.random() < 0.4 else json.dumps(character, ensure_ascii=False)[1:-1])
    return f'"{"".join(units)}"'


@pytest.mark.parametrize("seed", range(60))
def test_any_spelling_in_any_chunking_is_judged(seed):
    """Escapes of any kind, cut anywhere, hide nothing; the result is the masked document."""
    rng = random.Random(seed)
    texts = [random_text(rng, 6) for _ in range(3)]
    document = f'{{"a": [{spelled(texts[0], rng)}, -1.5e3, true], {spelled("key " + texts[1], rng)}: {spelled(texts[2], rng)}}}'
    out = json.loads(run(list(cut(rng, document, rng.choice([1, 3, 50])))))
    masked = [whole(ENGINE, LANE, text, "response.tool_call")[1] for text in (texts[0], "key " + texts[1], texts[2])]

    assert out == {"a": [masked[0], -1500.0, True], masked[1]: masked[2]}


@pytest.mark.parametrize(
    "written", [r'{"a": "\ud83dtok_A1b2C3d4 x"}', r'{"a": "\ud83d\u0074ok_A1b2C3d4 x"}', r'{"a": "\ud83d"}']
)
def test_lone_surrogates_hide_nothing(written):
    """What follows one is read again; the literal still ends where it ends."""
    for size in (1, 2, 5, 100):
        out = run([written[i : i + size] for i in range(0, len(written), size)])

        assert "A1b2C3d4" not in out
        assert out.endswith('"}')


@pytest.mark.parametrize(
    "text",
    [
        "{tok_A1b2C3d4 }",
        "tok_A1b2C3d4 as text",
        "{'a': 'tok_A1b2C3d4'}",
        '{"a": 1} tok_A1b2C3d4 ',
        "[true tok_A1b2C3d4 ]",
    ],
)
def test_what_is_no_json_is_a_text(text):
    """Broken arguments are judged as the text that they are, from where they break."""
    for size in (1, 3, 100):
        out = run([text[i : i + size] for i in range(0, len(text), size)])

        assert "A1b2C3d4" not in out


def test_structure_flows_on():
    """Only strings are held back, and each only as long as it must be."""
    channel = JsonChannel(Judging(ENGINE, LANE, NOTHING), "response.tool_call")
    channel.receive('{"city": "Paris", "days": 3, "note": "hel')
    channel.settle(final=False)

    assert (channel.cut, channel.held) == (len('{"city": "Paris", "days": 3, "note": "'), 3)


def test_a_plain_channel_gives_the_same_for_plain_text():
    """Both kinds agree where the text holds no JSON."""
    rng = random.Random(4)
    for _ in range(50):
        text = "x " + random_text(rng)
        assert run(list(cut(rng, text)), TextChannel) == run(list(cut(rng, text))) == whole(ENGINE, LANE, text)[1]
