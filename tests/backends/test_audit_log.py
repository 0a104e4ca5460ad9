"""The log on disk: resumed, rotated, sealed, and honest about a full disk."""

import errno
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sidecar.backends import audit_log
from sidecar.backends.audit_keys import load_checker, load_signer
from sidecar.backends.audit_log import AuditLog, AuditSettings, AuditUnavailable, log_files, read_head
from sidecar.backends.signing import key_id
from sidecar.core.audit import Record, verify
from sidecar.errors import ConfigError


@pytest.fixture
def signer(tmp_path):
    return load_signer(tmp_path / "keys" / "audit.pem")


def settings(tmp_path, **values):
    return AuditSettings(folder=tmp_path / "log", interval=0.02, **values)


def faults(tmp_path):
    check = load_checker((tmp_path / "keys" / "audit.pub",))
    lines = [line for path in log_files(tmp_path / "log", "audit") for line in path.read_bytes().splitlines()]
    return list(verify(lines, check=check, last=read_head(tmp_path / "log", "audit")))


def write(log, count):
    for number in range(count):
        log.write(Record(time="t", id=str(number)))


def wait_for(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_log_goes_on_after_a_restart(tmp_path, signer):
    """Two runs give one chain, readable by the owner only."""
    for _ in range(2):
        log = AuditLog(settings(tmp_path), signer)
        write(log, 50)
        log.close()
    [path] = log_files(tmp_path / "log", "audit")

    assert faults(tmp_path) == []
    assert path.read_bytes().count(b'"type":"decision"') == 100
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_torn_last_line_is_cut_off(tmp_path, signer):
    """A crash in the middle of a line costs that line and no more."""
    log = AuditLog(settings(tmp_path), signer)
    write(log, 5)
    log.close()
    [path] = log_files(tmp_path / "log", "audit")
    with path.open("ab") as file:
        file.write(b'{"sequence":9')
    log = AuditLog(settings(tmp_path), signer)
    write(log, 5)
    log.close()

    assert faults(tmp_path) == []


def test_log_is_rotated(tmp_path, signer):
    """Files stay near their size, and the chain runs through them."""
    log = AuditLog(settings(tmp_path, rotate_bytes=2000), signer)
    for turn in range(10):
        write(log, 10)
        assert wait_for(lambda turn=turn: log.written == 10 * (turn + 1))
    log.close()

    assert len(log_files(tmp_path / "log", "audit")) > 2
    assert faults(tmp_path) == []


def test_full_disk_blocks_and_resumes(tmp_path, signer, monkeypatch):
    """With `block`, nothing is taken while the disk refuses; afterwards nothing is missing."""
    log = AuditLog(settings(tmp_path), signer)
    write(log, 3)
    assert wait_for(lambda: log.written == 3)
    real = AuditLog._write_all

    def refuse(self, data):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(AuditLog, "_write_all", refuse)
    write(log, 1)
    assert wait_for(lambda: not log.is_healthy)
    with pytest.raises(AuditUnavailable):
        write(log, 1)
    monkeypatch.setattr(AuditLog, "_write_all", real)
    assert wait_for(lambda: log.is_healthy)
    write(log, 1)
    log.close()

    assert log.written == 5
    assert faults(tmp_path) == []


def test_half_a_batch_is_taken_back(tmp_path, signer, monkeypatch):
    """A write that stops in the middle leaves no torn line."""
    log = AuditLog(settings(tmp_path), signer)
    real, torn = AuditLog._write_all, []

    def tear(self, data):
        if not torn and data:
            torn.append(self._file.write(data[: len(data) // 2]))
            raise OSError(errno.ENOSPC, "full")
        real(self, data)

    monkeypatch.setattr(AuditLog, "_write_all", tear)
    write(log, 20)
    assert wait_for(lambda: log.written == 20)
    log.close()

    assert torn
    assert faults(tmp_path) == []


def test_dropped_records_are_counted_in_the_log(tmp_path, signer, monkeypatch):
    """With `drop`, what did not fit is counted, and the log says how many."""
    monkeypatch.setattr(audit_log, "QUEUE_LIMIT", 4)
    log = AuditLog(settings(tmp_path, when_full="drop"), signer)
    write(log, 5000)
    log.close()
    text = b"".join(path.read_bytes() for path in log_files(tmp_path / "log", "audit"))

    assert log.written - text.count(b'"event":"dropped"') + log.dropped == 5000
    assert log.dropped > 0
    assert faults(tmp_path) == []


def test_key_that_others_may_read_is_refused(tmp_path, signer):
    """A key with open permissions signs nothing."""
    path = tmp_path / "keys" / "audit.pem"
    path.chmod(0o644)

    with pytest.raises(ConfigError, match="others may read"):
        load_signer(path)


def test_folder_that_cannot_be_used(tmp_path, signer):
    """A clear message with the place."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="file"):
        AuditLog(AuditSettings(folder=tmp_path / "file" / "log"), signer)


@pytest.mark.parametrize("when_full", ["block", "drop"])
def test_closed_log_refuses(tmp_path, signer, when_full):
    """What is decided after the end is refused; before, its decision was told to the caller and never written."""
    log = AuditLog(settings(tmp_path, when_full=when_full), signer)
    write(log, 3)
    log.close()

    with pytest.raises(AuditUnavailable, match="closed"):
        write(log, 1)
    assert faults(tmp_path) == []


def test_entry_that_raced_with_the_end_is_written(tmp_path, signer):
    """A thread that looked before the log was closed may enter its record after the mark of the end."""
    log = AuditLog(settings(tmp_path), signer)
    log._is_closed = True
    log._waiting.append(Record(time="t", id="late"))
    log.close()
    [path] = log_files(tmp_path / "log", "audit")

    assert b'"id":"late"' in path.read_bytes()


def test_workers_that_start_together_share_one_key(tmp_path):
    """Each looks for the key before any has made it; all sign with the one that stays, and its public half fits."""
    path = tmp_path / "keys" / "audit.pem"
    with ThreadPoolExecutor(8) as pool:
        signers = list(pool.map(load_signer, [path] * 8))
    public = load_pem_public_key(path.with_suffix(".pub").read_bytes())

    assert {one.key for one in signers} == {key_id(public)}
    assert sorted(item.name for item in path.parent.iterdir()) == ["audit.pem", "audit.pub"]


def test_tallies_are_summed_up(tmp_path, signer):
    """One entry for each kind, with the sums, at the latest when the log is closed; the chain holds."""
    log = AuditLog(settings(tmp_path), signer)
    for _ in range(1000):
        log.tally("turned_away", {"rate_limited": 1})
        log.tally("usage", {"shop money": 0.001, "shop prompt": 5})
    log.close()
    text = b"".join(path.read_bytes() for path in log_files(tmp_path / "log", "audit"))

    assert text.count(b'"event":"turned_away","detail":{"rate_limited":"1000"}') == 1
    assert text.count(b'"event":"usage","detail":{"shop money":"1","shop prompt":"5000"}') == 1
    assert faults(tmp_path) == []
