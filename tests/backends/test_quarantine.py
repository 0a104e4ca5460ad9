"""The quarantine: nothing readable on disk, everything readable with the private key, changes noticed."""

import json
import stat
import subprocess
import sys

import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.backends import quarantine
from sidecar.backends.quarantine import About, Quarantine, new_keys, read
from sidecar.errors import ConfigError
from sidecar.serve import workload
from tests.delivery.parts import POLICY, bundle
from tests.delivery.test_sources import write

ABOUT = About("d-1", "t", "shop", "/v1/chat", "request", "text", ("injection-sample",))


@pytest.fixture
def key(tmp_path):
    new_keys(tmp_path / "q.pem")
    return tmp_path / "q.pem"


@pytest.fixture
def kept(tmp_path, key):
    made = Quarantine(tmp_path / "held", key.with_suffix(".pub"))
    yield made
    made.close()


def test_what_is_kept_can_be_read_with_the_private_key_only(tmp_path, kept, key):
    """Twice the same message looks different each time; nothing of it is on the disk."""
    text = b"open sesame, please"
    assert kept.keep(ABOUT, text)
    assert kept.keep(ABOUT, text)
    [path] = (tmp_path / "held").iterdir()
    lines = path.read_bytes().splitlines()

    assert list(read(tmp_path / "held", key)) == [(ABOUT, text)] * 2
    assert b"sesame" not in path.read_bytes()
    assert lines[0] != lines[1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    new_keys(tmp_path / "other.pem")
    assert list(read(tmp_path / "held", tmp_path / "other.pem")) == [None, None]


def test_any_change_is_noticed(tmp_path, kept, key):
    """Of the message, and of what stands in the open beside it."""
    kept.keep(ABOUT, b"open sesame")
    [path] = (tmp_path / "held").iterdir()
    line = path.read_bytes()
    for old, new in ((b"shop", b"shed"), (line[-20:-10], line[-20:-10][::-1]), (b"{", b"[")):
        path.write_bytes(line.replace(old, new, 1))

        assert list(read(tmp_path / "held", key)) == [None]


def test_it_is_bounded(tmp_path, kept, key, monkeypatch):
    """Too long, or too many: counted, and no half a line is left."""
    monkeypatch.setattr(quarantine, "MESSAGE_LIMIT", 10)
    monkeypatch.setattr(quarantine, "FOLDER_LIMIT", 1000)
    kept_now = [kept.keep(ABOUT, b"x" * 11), *[kept.keep(ABOUT, b"short") for _ in range(5)]]

    assert (kept_now[:2], kept_now[-1], kept.dropped) == ([False, True], False, kept_now.count(False))
    assert all(opened == (ABOUT, b"short") for opened in read(tmp_path / "held", key))


def test_wrong_keys_are_refused(tmp_path, key):
    """A private key has no place beside the sidecar."""
    with pytest.raises(ConfigError, match="X25519 public key"):
        Quarantine(tmp_path / "held", key)
    with pytest.raises(ConfigError, match="cannot be made"):
        new_keys(key)


def test_blocked_messages_are_kept_and_opened(tmp_path, key):
    """Through the service and the command: what was blocked, with its decision's id; what passed is not there."""
    write(tmp_path / "rules", bundle(verdict="block"))
    (tmp_path / "policy.yaml").write_text(POLICY)
    options = {"rules": str(tmp_path / "rules"), "policy": str(tmp_path / "policy.yaml")}
    watching = {"quarantine": str(tmp_path / "held"), "quarantine_key": str(key.with_suffix(".pub"))}
    made = workload({"options": options, "watching": watching})
    check = next(method.handler for method in made.methods if method.path.endswith("FilterService/Check"))
    for text in ("please open sesame", "a clean text"):
        check(pb.CheckRequest(text=text), None)
    command = [sys.executable, "-m", "sidecar", "audit", "quarantine", str(tmp_path / "held"), "--key", str(key)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    [opened] = [json.loads(line) for line in ran.stdout.splitlines()]

    assert (opened["text"], opened["rules"]) == ("please open sesame", ["injection-sample"])
    assert opened["id"]
    assert 'sidecar_quarantined_total{outcome="kept"} 1.0' in made.metrics()
    assert not any(b"sesame" in path.read_bytes() for path in (tmp_path / "held").iterdir())
