"""Streamed answers through a real Envoy: setting x API x verdict; split values are found, clean text flows on."""

import json
import threading
import time

import httpx
import openai
import pytest

from sidecar.rules.samples import expand
from tests.e2e.formats import STREAMS, sse
from tests.e2e.settings import ENFORCING

pytestmark = pytest.mark.e2e

CLEAN = "The highest mountain of Tanzania is Kilimanjaro, nearly six thousand metres high."
TOKEN = expand("ghp_{random:alnum:36}", seed=7)
REQUEST = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "how tall is the mountain"}]}
# Settings in which a stream flows on; in the others Envoy keeps it until its end.
FLOWING = ["buffered", "duplex", "duplex-override", "streamed-answers", "duplex-answers"]


def cut(text, size=3):
    """Cut a text into pieces."""
    return [text[i : i + size] for i in range(0, len(text), size)]


@pytest.fixture
def ask(host_mesh):
    """Send a request through a setting and return the streamed answer, with the time of each chunk."""
    upstream = host_mesh.upstream
    upstream.reset()

    def send(setting, name, text, *, prefix="", pause=0.0, trailers=()):
        path, media_type, write = STREAMS[name]
        events = write(cut(text))
        upstream.say(*events, content_type=media_type, chunked=True, pause=pause, trailers=trailers)
        began = time.monotonic()
        url = host_mesh.url(setting) + prefix + path
        with httpx.stream("POST", url, json=REQUEST, timeout=20) as answer:
            chunks = [(time.monotonic() - began, chunk) for chunk in answer.iter_raw()]
        return answer, chunks, b"".join(events)

    return send


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("setting", ENFORCING)
def test_clean_stream_arrives_byte_for_byte(ask, setting, name):
    """Every event, usage and end included, as the upstream wrote it."""
    answer, chunks, sent = ask(setting, name, CLEAN)

    assert answer.status_code == 200
    assert b"".join(chunk for _, chunk in chunks) == sent


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("setting", ENFORCING)
def test_split_secret_is_masked(ask, setting, name):
    """A token cut into pieces of three characters is one token."""
    answer, chunks, _ = ask(setting, name, f"{CLEAN} Use {TOKEN} to log in. {CLEAN}")

    body = b"".join(chunk for _, chunk in chunks)
    assert answer.status_code == 200
    assert b"ghp" not in body
    assert TOKEN[-3:].encode() not in body
    assert b"Kil" in body


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("setting", ENFORCING)
def test_blocked_stream_ends_with_the_apis_error(ask, setting, name):
    """What came before flows, nothing of the value does, and the end says why in the API's own way."""
    _, chunks, _ = ask(setting, name, f"{CLEAN} Use {TOKEN} to log in.", prefix="/strict")

    body = b"".join(chunk for _, chunk in chunks)
    assert TOKEN[:8].encode() not in body
    assert b"ghp" not in body
    assert b"secret-github" in body


@pytest.mark.parametrize("setting", FLOWING)
def test_clean_stream_flows(host_mesh, setting):
    """The upstream goes on only once the client has the first words; at most two tokens are held back."""
    upstream, arrived = host_mesh.upstream, threading.Event()
    upstream.reset()
    events = STREAMS["openai.chat"][2](cut(CLEAN))
    upstream.say(*events[:9], arrived, *events[9:], content_type="text/event-stream", chunked=True)
    url, body = host_mesh.url(setting) + "/v1/chat/completions", b""
    with httpx.stream("POST", url, json=REQUEST, timeout=30) as answer:
        for chunk in answer.iter_raw():
            body += chunk
            if body.count(b"data:") >= 7:
                arrived.set()

    assert body == b"".join(events)
    assert upstream.waits == [True]


@pytest.mark.parametrize("setting", ["buffered", "duplex", "duplex-answers"])
def test_stream_with_trailers_arrives(ask, setting):
    """What was held back goes on before the trailers."""
    _, chunks, sent = ask(setting, "openai.chat", CLEAN, trailers=[(b"x-end", b"1")])

    assert b"".join(chunk for _, chunk in chunks) == sent


@pytest.mark.parametrize("setting", FLOWING)
def test_official_client_raises_in_mid_stream(host_mesh, setting):
    """The official client sees an API error, not a broken connection."""
    upstream = host_mesh.upstream
    upstream.reset()
    events, begun = STREAMS["openai.chat"][2](cut(f"{CLEAN} Use {TOKEN} now.")), threading.Event()
    upstream.say(*events[:9], begun, *events[9:], content_type="text/event-stream", chunked=True)
    base = host_mesh.url(setting) + "/strict/v1"

    with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(**REQUEST)
        begun.set()
        with pytest.raises(openai.APIError, match="secret-github"):
            list(answer)


def test_block_in_the_first_event_has_its_status(host_mesh):
    """Where the headers are still ours, a block is HTTP 403 and no stream at all."""
    upstream = host_mesh.upstream
    upstream.reset()
    whole = {"id": "c", "choices": [{"index": 0, "delta": {"content": f"Use {TOKEN} now."}, "finish_reason": None}]}
    upstream.say(sse(whole), content_type="text/event-stream", chunked=True)

    answer = httpx.post(host_mesh.url("duplex") + "/strict/v1/chat/completions", json=REQUEST, timeout=20)

    assert answer.status_code == 403
    assert "secret-github" in answer.json()["error"]["message"]


@pytest.mark.parametrize("setting", FLOWING)
def test_unreadable_stream_ends(host_mesh, setting):
    """An event that is no JSON stops the answer; it is not passed on."""
    upstream = host_mesh.upstream
    upstream.reset()
    good = STREAMS["openai.chat"][2](cut(CLEAN))
    upstream.say(*good[:5], b'data: {"choices": [\n\n', *good[5:], content_type="text/event-stream", chunked=True)

    answer = httpx.post(host_mesh.url(setting) + "/v1/chat/completions", json=REQUEST, timeout=20)

    assert "malformed_body" in answer.text
    assert "[\n" not in answer.text


def test_watched_stream_arrives_unchanged(host_mesh):
    """Shadow: a stream with a token goes on as it is."""
    upstream = host_mesh.upstream
    for setting in ("shadow-buffered", "shadow-duplex", "shadow-streamed", "observe"):
        upstream.reset()
        events = STREAMS["openai.chat"][2](cut(f"{CLEAN} {TOKEN} {CLEAN}"))
        upstream.say(*events, content_type="text/event-stream", chunked=True)

        answer = httpx.post(host_mesh.url(setting) + "/v1/chat/completions", json=REQUEST, timeout=20)

        assert (setting, answer.content) == (setting, b"".join(events))


def test_usage_and_finish_stay_valid(ask):
    """A masked stream still parses, with finish reason and usage."""
    _, chunks, _ = ask("buffered", "openai.chat", f"Use {TOKEN} to log in.")

    body = b"".join(chunk for _, chunk in chunks).decode()
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    text = "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"])
    assert text.startswith("Use <")
    assert events[-1]["usage"] == {"total_tokens": 9}
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert body.endswith("data: [DONE]\n\n")
