"""Presidio is loaded when it is needed; the start needs its gates only, and trusts nobody else's."""

from weakref import WeakValueDictionary

import pytest

from sidecar.backends import presidio_deferred
from sidecar.backends.presidio_deferred import DeferredPresidio
from sidecar.backends.presidio_settings import Settings
from sidecar.core.scan import Found, Gate
from sidecar.errors import ConfigError, RecognizerError


class _Stub:
    """A recognizer that counts how often it was made."""

    made = 0
    shapes = ("a+",)

    def __init__(self, _settings=None):
        type(self).made += 1
        self.gates = (Gate("a"), Gate("b"))

    def find(self, text, fired):
        return [Found("X", 0, len(text), 1.0)] if fired else []


@pytest.fixture
def stub(monkeypatch):
    class Stub(_Stub):
        made = 0

    monkeypatch.setattr(presidio_deferred, "_load", Stub)
    monkeypatch.setattr(presidio_deferred, "IDLE_SECONDS", 3600)
    monkeypatch.setattr(presidio_deferred, "_in_use", WeakValueDictionary())
    return Stub


def test_the_second_start_loads_nothing_until_a_gate_opens(stub, tmp_path):
    """Gates and shapes are the same; the first find loads, the second does not."""
    first = DeferredPresidio(Settings(), tmp_path)
    gates, shapes = tuple(first.gates), first.shapes
    del first
    second = DeferredPresidio(Settings(), tmp_path)

    assert stub.made == 1
    assert (gates, shapes) == (tuple(second.gates), second.shapes)
    assert second.find("ab", [0]) == second.find("ab", [1]) == [Found("X", 0, 2, 1.0)]
    assert stub.made == 2


def test_a_reload_shares_what_is_loaded(stub, tmp_path):
    """Two snapshots with the same settings have one Presidio, cache or not."""
    first = DeferredPresidio(Settings(), tmp_path)
    second, third = DeferredPresidio(Settings(), tmp_path), DeferredPresidio(Settings(), None)

    assert first.find("ab", [0]) == second.find("ab", [0]) == third.find("ab", [0])
    assert stub.made == 1


def test_other_settings_are_remembered_apart(stub, tmp_path):
    """And so is another content of a recognizer file."""
    file = tmp_path / "own.yaml"
    file.write_text("recognizers: []")
    DeferredPresidio(Settings(), tmp_path)
    DeferredPresidio(Settings(files=(str(file),)), tmp_path)
    file.write_text("recognizers: [] # changed")
    DeferredPresidio(Settings(files=(str(file),)), tmp_path)

    assert stub.made == 3


def test_forged_gates_are_not_read(stub, tmp_path):
    """A file without our seal is dropped."""
    DeferredPresidio(Settings(), tmp_path)
    (path,) = tmp_path.glob("*.gates")
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    DeferredPresidio(Settings(), tmp_path)

    assert stub.made == 2


def test_gates_that_changed_are_a_failure(stub, tmp_path, monkeypatch):
    """Never a recognizer behind gates that are not its own."""
    DeferredPresidio(Settings(), tmp_path)
    deferred = DeferredPresidio(Settings(), tmp_path)
    presidio_deferred._in_use.clear()
    monkeypatch.setattr(presidio_deferred, "_load", lambda _settings: type("Other", (), {"gates": (Gate("z"),)})())

    with pytest.raises(RecognizerError, match="changed"):
        deferred.find("ab", [0])


def test_what_cannot_be_loaded_is_a_failure(stub, tmp_path, monkeypatch):
    """Also when it is prepared in the background, where nobody listens."""
    DeferredPresidio(Settings(), tmp_path)
    deferred = DeferredPresidio(Settings(), tmp_path)

    def fail(_settings):
        raise ConfigError("own.yaml: gone")

    presidio_deferred._in_use.clear()
    monkeypatch.setattr(presidio_deferred, "_load", fail)
    deferred._prepare()
    with pytest.raises(RecognizerError, match=r"own\.yaml: gone"):
        deferred.find("ab", [0])


def test_a_file_that_is_missing_is_named(tmp_path):
    """By the loader, at the start."""
    with pytest.raises(ConfigError, match="No such file"):
        DeferredPresidio(Settings(files=(str(tmp_path / "missing.yaml"),)), tmp_path)


def test_without_a_cache_it_is_loaded_at_once(stub):
    """For tests and tools."""
    DeferredPresidio(Settings(), None)

    assert stub.made == 1
