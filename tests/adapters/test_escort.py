"""What goes along with an exchange: the way in a header, our own header taken out, seconds measured."""

import gzip

import pytest

from sidecar.adapters.escort import Escort, Stopwatch, Timings
from sidecar.core.dispatch import Dispatch, read_asked
from sidecar.core.engine import Lane
from sidecar.core.exchange import BodyEvent, Continue, HeaderEdits, HeadersEvent, Reject, ReplaceBody, SendChunk
from sidecar.core.upstreams import Directory, Location, Residency, Route, Target, Upstream

LANE = Lane(plans={}, policies={})
DIRECTORY = Directory(
    (Upstream("a", Location("h", 1)), Upstream("b", Location("h", 2), "eu")),
    (
        Route("gpt", (Target("a"),), models=("gpt-*",)),
        Route("eu", (Target("b"),), paths=("/eu",)),
        Route("tier", (Target("b"),), headers={"x-tier": "gold"}),
    ),
    (Residency(("eu",), applications=("clinic",)),),
)
HEADERS = (Continue("request", "headers"),)
BODY = Continue("request", "body")


def head(path="/v1/chat/completions", end=False, **headers):
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HeadersEvent("request", ((":method", "POST"), (":path", path), *named), end)


def dispatch(application=""):
    return Dispatch(DIRECTORY, application, LANE)


def pool_of(action):
    return dict(action.edits.set).get("x-sidecar-upstream")


def test_way_is_said_once_the_body_is_whole():
    """Not with the headers, where the model is not known yet; a body that is masked keeps its own edits."""
    escort = Escort(dispatch=dispatch())
    replaced = ReplaceBody("request", b"x", HeaderEdits((("content-length", "1"),), ("content-encoding",)))

    assert (escort.before(head()), escort.after(head(), HEADERS)) == (None, HEADERS)
    whole = BodyEvent("request", b'{"model": "gpt-4"}', end=True)
    assert escort.before(whole) is None
    [action] = escort.after(whole, [replaced])
    assert action.edits.set == (("content-length", "1"), ("x-sidecar-upstream", "gpt"))
    assert action.edits.remove == ("content-encoding",)


def test_body_in_pieces_is_read_whole():
    """The model may be cut anywhere; in full-duplex mode the headers are answered with the end."""
    escort = Escort(dispatch=dispatch())
    escort.before(head())
    assert escort.before(BodyEvent("request", b'{"mod')) is None
    last = BodyEvent("request", b'el": "gpt-4"}', end=True)
    assert escort.before(last) is None
    first, chunk = escort.after(last, [Continue("request", "headers"), SendChunk("request", b"x", end=True)])
    assert (pool_of(first), chunk) == ("gpt", SendChunk("request", b"x", end=True))


def test_request_without_a_body_goes_by_path():
    """The way is said with the headers."""
    escort = Escort(dispatch=dispatch())

    assert escort.before(head("/eu", end=True)) is None
    assert pool_of(escort.after(head("/eu", end=True), HEADERS)[0]) == "eu"


def test_first_value_of_a_header_counts_as_upstreams_read_it():
    """A header that is sent twice is read as the first one, as everywhere here."""
    event = HeadersEvent("request", ((":path", "/"), ("x-tier", "gold"), ("x-tier", "lead")), True)
    escort = Escort(dispatch=dispatch())

    assert escort.before(event) is None


@pytest.mark.parametrize(
    ("application", "body", "status"),
    [("", b'{"model": "x"}', 404), ("", b"{", 404), ("clinic", b'{"model": "gpt-4"}', 503)],
)
def test_nowhere_to_go_is_a_fault(application, body, status):
    """No route, or nobody in the region."""
    escort = Escort(dispatch=dispatch(application))
    escort.before(head())

    assert escort.before(BodyEvent("request", body, end=True)).status == status


def test_refusals_and_self_tests_go_nowhere():
    """A refusal is left as it is; the self-test needs no upstream."""
    escort = Escort(dispatch=dispatch())
    refused = [Reject(403, "blocked")]
    event = head("/eu", end=True)
    escort.before(event)

    assert escort.after(event, refused) == refused
    assert Escort(dispatch=dispatch()).before(head("/.portcullis/selftest", end=True)) is None


def test_our_own_header_never_leaves():
    """The key that callers show us is taken out where it is there, and nothing is touched where it is not."""
    escort = Escort(hidden="x-portcullis-key")
    shown = head(x_portcullis_key="secret")

    assert escort.after(shown, HEADERS)[0].edits.remove == ("x-portcullis-key",)
    assert escort.after(head(), HEADERS) == HEADERS


def test_seconds_are_measured_from_the_requests_leaving():
    """Until the answer's headers, and until the first byte that is released; once each."""
    now, upstream, token = iter([10.0, 12.0, 13.0]), [], []
    escort = Escort(stopwatch=Stopwatch(Timings(upstream.append, token.append), lambda: next(now)))
    answer = HeadersEvent("response", ((":status", "200"),))
    escort.after(head(), HEADERS)
    escort.after(BodyEvent("request", b"x", end=True), [BODY])
    escort.after(answer, [Continue("response", "headers")])
    escort.after(BodyEvent("response", b"held"), [])
    for _ in range(2):
        escort.after(BodyEvent("response", b"x"), [SendChunk("response", b"x")])

    assert (upstream, token) == ([2.0], [3.0])


def test_hosts_own_answers_tell_nothing_about_upstreams():
    """A refusal of ours, or an answer that Envoy wrote itself, is not measured."""
    upstream, token = [], []
    timings = Timings(upstream.append, token.append)
    refused = Escort(stopwatch=Stopwatch(timings))
    refused.after(head(end=True), [Reject(403, "blocked")])
    refused.after(HeadersEvent("response", ((":status", "403"),)), [])
    local = Escort(stopwatch=Stopwatch(timings))
    local.after(head(end=True), HEADERS)
    details = {"response.code_details": "upstream_reset_before_response_started"}
    local.after(HeadersEvent("response", ((":status", "503"),), attributes=details), [])
    local.after(BodyEvent("response", b"x"), [Continue("response", "body")])

    assert (upstream, token) == ([], [])


def test_asked_of_a_coded_body():
    """Gzip is undone, within the limit; what cannot be undone asks for nothing."""
    body = gzip.compress(b'{"model": "gpt-4"}')

    assert read_asked(body, "/", ["gzip"], LANE.decoders, limit=100).model == "gpt-4"
    assert read_asked(body, "/", ["gzip"], LANE.decoders, limit=5).model == ""
    assert read_asked(body, "/", ["zz"], LANE.decoders, limit=100).model == ""
