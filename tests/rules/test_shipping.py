"""Which bundles are trusted: every way in which one is not is named."""

import json

import msgspec
import pytest

from sidecar.errors import BundleError
from sidecar.rules.shipping import (
    CLOCK_SKEW_SECONDS,
    Contents,
    Envelope,
    Floor,
    Signature,
    Trust,
    describe,
    faults,
    message,
    raise_floor,
    read_envelope,
    sign,
)
from tests.rules.test_lint import MANIFEST, RULE, TAGS

FILES = {"bundle.yaml": MANIFEST, "TAGS.yaml": TAGS, "injection/injection-sample.yaml": RULE.encode()}
NOW = 1_800_000_000.0


class Ring:
    """Keys whose signature is their name and the message: enough to tell who signed what."""

    def __init__(self, *keys):
        self.keys = keys

    def knows(self, key_id):
        return key_id in self.keys

    def verify(self, key_id, message, signature):
        return signature == key_id.encode() + message


class Pen:
    def __init__(self, key_id):
        self.key_id = key_id

    def sign(self, message):
        return self.key_id.encode() + message


def signed(*keys, files=FILES, expires=None):
    envelope = Envelope(describe(files, expires=expires))
    for key in keys:
        envelope = sign(envelope, Pen(key))
    return envelope


def found(envelope, *, files=FILES, trust=Trust(required=True), keys=("ada", "bob"), **more):  # noqa: B008 - frozen
    return faults(files, envelope, trust, Ring(*keys), now=NOW, **more)


def test_a_bundle_signed_by_a_known_key_is_trusted():
    """The way it should be."""
    assert found(signed("ada")) == []


def test_an_unsigned_bundle_is_refused_where_signatures_are_required():
    """Whether they are is a decision, not the presence of a signature."""
    assert found(None) == [".signatures.json:1: the bundle is not signed, and signatures are required"]
    assert found(None, trust=Trust(required=False)) == []


@pytest.mark.parametrize("envelope", [signed(), signed("mallory")])
def test_a_stripped_or_foreign_signature_is_refused(envelope):
    """No signature, and one by a key that nobody knows, are both too few."""
    assert any("0 valid signatures of distinct keys where 1" in fault for fault in found(envelope))


def test_the_same_key_twice_does_not_make_two():
    """Distinct keys are counted."""
    twice = msgspec.structs.replace(signed("ada"), signatures=signed("ada").signatures * 2)

    assert any("1 valid" in fault for fault in found(twice, trust=Trust(required=True, threshold=2)))
    assert found(signed("ada", "bob"), trust=Trust(required=True, threshold=2)) == []


def test_a_forged_signature_of_a_known_key_is_refused_even_where_none_is_required():
    """What claims to be signed must be."""
    forged = Envelope(describe(FILES), (Signature("ada", "ed25519", b"forged"),))

    assert any("does not fit" in fault for fault in found(forged, trust=Trust(required=False)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"injection/injection-sample.yaml": RULE.replace("low", "high").encode()}, "differs from what was signed"),
        ({"injection/more.yaml": b"x: 1"}, "was not signed"),
        ({"TAGS.yaml": None}, "was signed and is missing"),
    ],
)
def test_changed_added_and_missing_files_are_named(change, words):
    """Every file is in the manifest by its digest."""
    files = {path: data for path, data in {**FILES, **change}.items() if data is not None}

    assert [words in fault for fault in found(signed("ada"), files=files) if not fault.startswith(".sign")] == [True]


def test_all_faults_come_at_once():
    """Content and signature are both reported."""
    reported = found(signed("mallory"), files={**FILES, "stray": b""})

    assert any("was not signed" in fault for fault in reported)
    assert any("not known here" in fault for fault in reported)


def test_an_expired_bundle_is_refused_after_the_clock_skew():
    """A few minutes are forgiven, more are not."""
    assert found(signed("ada", expires=NOW - CLOCK_SKEW_SECONDS + 1)) == []
    assert found(signed("ada", expires=NOW - CLOCK_SKEW_SECONDS - 1)) == [".signatures.json:1: the bundle has expired"]


@pytest.mark.parametrize(
    ("floor", "rollback", "refused"),
    [
        ("0.9.9", False, False),
        ("1.0.0", False, False),
        ("1.0.1", False, True),
        ("1.0.1", True, False),
        ("1.10.0", False, True),
    ],
)
def test_an_older_version_is_a_replay_unless_rollback_says_so(floor, rollback, refused):
    """Versions are compared as numbers, not as text."""
    assert refused is bool(found(signed("ada"), floor=Floor(floor), rollback=rollback))


def test_a_published_version_does_not_change():
    """The same version with other contents is refused, rollback or not."""
    reported = found(signed("ada"), floor=Floor("1.0.0", "another"), rollback=True)

    assert reported == ["bundle.yaml:1: version 1.0.0 was published with other contents; raise the version"]


def test_the_floor_only_rises():
    """A rollback does not lower it."""
    newer = Contents(schema=1, name="n", version="2.0.0", revision="b", files={})
    older = Contents(schema=1, name="n", version="1.0.0", revision="a", files={})

    assert Floor("2.0.0", "b") == raise_floor(Floor("1.5.0", "x"), newer)
    assert Floor("1.5.0", "x") == raise_floor(Floor("1.5.0", "x"), older)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"contents": 1}', b"\xff"])
def test_an_envelope_that_cannot_be_read_is_never_an_absent_one(data):
    """A broken envelope is an error."""
    with pytest.raises(BundleError):
        read_envelope(data)
    assert read_envelope(None) is None


def test_signatures_from_before_histories_were_signed_still_fit():
    """The signed bytes of a bundle without history are those of the format's first version, field by field."""
    contents = describe(FILES)
    old = {name: getattr(contents, name) for name in ("schema", "name", "version", "revision", "files", "expires")}

    assert message(contents) == b"portcullis bundle 1\n" + json.dumps(old, separators=(",", ":")).encode()
    assert message(msgspec.structs.replace(contents, history="1:a")) != message(contents)
