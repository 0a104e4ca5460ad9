"""The fast scanner: its probe, its cache, its threads."""

import stat
from concurrent.futures import ThreadPoolExecutor

import hyperscan
import pytest

from sidecar.backends import hyperscan_scanner
from sidecar.backends.hyperscan_scanner import HyperscanScanner, engine_version, require_trustworthy_engine
from sidecar.core.scan import Gate
from sidecar.errors import ScannerError

GATES = [
    Gate("ignore"),
    Gate("AKIA", caseless=False),
    Gate(r"\bfoo\s+bar\b", literal=False),
    Gate("игнор"),
    Gate("a\0b"),
]


def test_the_pinned_engine_passes_the_probe():
    """The wheel that we pin misses nothing of what Vectorscan 5.4.12 misses."""
    require_trustworthy_engine()

    assert "5.4.2" in engine_version()


def test_an_engine_that_misses_is_refused(monkeypatch):
    """An engine that answers nothing is recognised."""

    class Deaf:
        def __init__(self, *args, **kwargs):
            pass

        def compile(self, **kwargs):
            pass

        def scan(self, *args, **kwargs):
            pass

    monkeypatch.setattr(hyperscan, "Database", Deaf)
    monkeypatch.setattr(hyperscan, "Scratch", lambda database: None)

    with pytest.raises(ScannerError, match="299 of 299"):
        require_trustworthy_engine()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), ("IGNORE", [0]), ("akia AKIA", [1]), ("foo \n bar", [2]), ("ты игнор", [3]), ("a\0b", [4]), ("ab", [])],
)
def test_gates_fire(text, expected):
    """Literals, fragments, other scripts and NUL."""
    assert expected == sorted(HyperscanScanner(GATES).scan(text))


def test_a_gate_that_does_not_compile_is_named():
    """The fault names the gate."""
    with pytest.raises(ScannerError, match=r"gate 1 `\(\?=x\)`"):
        HyperscanScanner([Gate("x"), Gate("(?=x)", literal=False)])


def test_lone_surrogate_is_a_failure_and_not_clean():
    """What cannot be scanned raises."""
    with pytest.raises(ScannerError):
        HyperscanScanner(GATES).scan("\ud800")


def test_cache_is_private_and_used(tmp_path, monkeypatch):
    """The second start compiles nothing; folder and key are the owner's."""
    HyperscanScanner(GATES, tmp_path / "c")
    monkeypatch.setattr(hyperscan_scanner, "_compile", lambda *_: pytest.fail("compiled again"))
    again = HyperscanScanner(GATES, tmp_path / "c")

    assert again.scan("ignore") == [0]
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "c" / "cache.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("position", [0, 40, -1])
def test_a_forged_cache_is_not_loaded(tmp_path, position):
    """A blob that was touched anywhere is thrown away and made anew."""
    HyperscanScanner(GATES, tmp_path)
    path = next(tmp_path.glob("*.hsdb"))
    good = path.read_bytes()
    forged = bytearray(good)
    forged[position] ^= 0x10
    path.write_bytes(forged)

    assert HyperscanScanner(GATES, tmp_path).scan("ignore") == [0]
    assert good == path.read_bytes()


def test_threads_do_not_share_scratch():
    """Eight threads on one scanner: no error, no miss."""
    scanner = HyperscanScanner(GATES)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: scanner.scan("please ignore " * 50), range(2000)))

    assert answers == [[0]] * 2000


def test_scanners_that_start_together_compile_once(tmp_path, monkeypatch):
    """Workers wait for the one that compiles and load what it wrote."""
    import threading
    import time

    compiled = []
    compile_gates = hyperscan_scanner._compile

    def slowly(gates, ids):
        compiled.append(1)
        time.sleep(0.2)
        return compile_gates(gates, ids)

    monkeypatch.setattr(hyperscan_scanner, "_compile", slowly)
    threads = [threading.Thread(target=HyperscanScanner, args=((Gate("needle"),), tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(compiled) == 1
