"""The perimeter of one exchange: no way of writing a request hides the model that it asks for."""

import gzip

import brotli
import pytest

from sidecar.backends.codings import ALL_DECODERS
from sidecar.core.entrance import Entrance
from sidecar.core.exchange import BodyEvent, HeadersEvent
from sidecar.core.gatekeeper import MeteredGate
from sidecar.core.perimeter import Credentials, Gate, Grant, Perimeter

OTHER = b'{"model": "dear", "messages": []}'


def entrance(*models):
    perimeter = Perimeter(
        gate=Gate(),
        grants=[Grant("shop", models=models)],
        hash_key=str,
        keys={"key": "shop"},
        identities={},
        subjects={},
        sockets={},
        tokens=None,
        anonymous="shop",
    )
    gate = MeteredGate(perimeter, {}, lambda usage: 0.0, meters=lambda application, quotas: pytest.fail("no quotas"))
    return Entrance(
        gate,
        service="filter",
        key_header="x-portcullis-key",
        credentials=Credentials(),
        on_usage=lambda application, usage, warned: None,
        on_refusal=lambda code: None,
        decoders=ALL_DECODERS,
    )


def refusal(made, body, path="/v1/chat/completions", coding=""):
    """Return the code with which a request is refused; nothing where it is not."""
    headers = ((":path", path), *((("content-encoding", coding),) if coding else ()))
    assert made.receive(HeadersEvent("request", headers)) is None
    fault = made.receive(BodyEvent("request", body, end=True))
    made.close()
    return fault.code if fault else ""


HIDDEN = {
    "plain": (OTHER, "/v1/chat/completions", ""),
    "gzip": (gzip.compress(OTHER), "/v1/chat/completions", "gzip"),
    "brotli": (brotli.compress(OTHER), "/v1/chat/completions", "br"),
    "unknown coding": (OTHER, "/v1/chat/completions", "zz"),
    "broken coding": (OTHER, "/v1/chat/completions", "gzip"),
    "odd members": (OTHER[:-1] + b', "contents": 5}', "/v1/chat/completions", ""),
    "odd messages": (b'{"model": "dear", "messages": 5}', "/v1/chat/completions", ""),
    "in the path": (b'{"contents": []}', "/v1beta/models/dear:generateContent", ""),
    "cheap in the body": (b'{"model": "cheap"}', "/v1beta/models/dear:generateContent", ""),
    "not a name": (b'{"model": ["dear"]}', "/v1/chat/completions", ""),
    "not an object": (b'[{"model": "dear"}]', "/v1/chat/completions", ""),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_model_cannot_be_hidden(name):
    """Compressed, in odd company, in the path, or unreadable: an application that may use `cheap` gets nothing else."""
    assert refusal(entrance("cheap"), *HIDDEN[name]) == "model_not_allowed"
    assert refusal(entrance("*"), *HIDDEN[name]) == ""


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_model_that_is_allowed_passes(coding):
    """In any coding."""
    body = OTHER.replace(b"dear", b"cheap")

    assert refusal(entrance("cheap"), gzip.compress(body) if coding else body, coding=coding) == ""
