"""Addresses are held by one supervisor at a time."""

import socket

import pytest

from sidecar.errors import ConfigError
from sidecar.hosts import ports
from sidecar.hosts.listen import TcpAddress, UnixAddress, parse_address
from sidecar.hosts.ports import Reservation, private_folder, runtime_folder


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


def listener(**options):
    """A socket that listens somewhere, and where."""
    stranger = socket.socket()
    for option in options.get("with_", ()):
        stranger.setsockopt(socket.SOL_SOCKET, option, 1)
    stranger.bind(("127.0.0.1", 0))
    stranger.listen()
    return stranger, TcpAddress("127.0.0.1", stranger.getsockname()[1])


def test_port_zero_becomes_a_port_that_workers_can_share():
    """The supervisor's socket keeps the port and takes no connection."""
    reservation = Reservation([TcpAddress("127.0.0.1", 0)])
    (address,) = reservation.addresses
    with socket.socket() as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((address.host, address.port))
        worker.listen()
        for _ in range(20):
            with socket.create_connection((address.host, address.port), 1):
                worker.accept()[0].close()
    reservation.release()

    assert address.port > 0


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,)])
def test_port_of_a_stranger_is_refused(options):
    """However the stranger opened it."""
    stranger, address = listener(with_=options)
    with stranger, pytest.raises(ConfigError, match=str(address.port)):
        Reservation([address])


def test_port_is_free_again_after_its_release():
    """And a second reservation before is refused, even though nobody listens."""
    first = Reservation([TcpAddress("127.0.0.1", 0)])
    with pytest.raises(ConfigError):
        Reservation(first.addresses)
    first.release()

    Reservation(first.addresses).release()


def test_unix_socket_is_held_and_removed(tmp_path):
    """A stale file is taken over; one in use is not; the file goes when the supervisor goes."""
    address = UnixAddress(tmp_path / "filter.sock")
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(address.path))
        stranger.listen()
        with pytest.raises(ConfigError, match="listening"):
            Reservation([address])
    first = Reservation([address])
    with pytest.raises(ConfigError, match="another sidecar"):
        Reservation([address])
    address.path.touch()
    first.release()

    assert not address.path.exists()


def test_folder_of_somebody_else_is_refused(tmp_path):
    """Locks and sockets lie where only this user may write."""
    folder = tmp_path / "run" / "portcullis"
    folder.mkdir(parents=True)
    folder.chmod(0o777)

    with pytest.raises(ConfigError, match="only this user"):
        ports.runtime_folder()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:50051", TcpAddress("127.0.0.1", 50051)),
        (":1", TcpAddress("127.0.0.1", 1)),
        ("[::1]:2", TcpAddress("::1", 2)),
    ],
)
def test_addresses_are_read(text, expected):
    """Without a host it is the loopback, never every interface."""
    assert expected == parse_address(text)


@pytest.mark.parametrize("text", ["", "50051", "host:", "host:x", "host:70000", "unix:relative", "unix:"])
def test_addresses_that_are_none_are_refused(text):
    """With what was given in the sentence."""
    with pytest.raises(ConfigError, match="listen"):
        parse_address(text)


def test_a_private_folder_goes_with_its_owner_and_what_the_dead_left_goes_too(tmp_path, monkeypatch):
    """A process that is killed removes nothing; the next one does, and leaves the living and strangers alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    base = runtime_folder()
    for name in ("run-dead", "run-stranger", "other-dead"):
        (base / name).mkdir()
    for name in ("run-dead", "other-dead"):
        (base / name / ".alive").touch()
    with private_folder("run") as mine, private_folder("run") as second:
        there = {path.name for path in base.iterdir()}

    assert there == {mine.name, second.name, "run-stranger", "other-dead"}
    assert {path.name for path in base.iterdir()} == {"run-stranger", "other-dead"}
