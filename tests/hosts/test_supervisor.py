"""Workers live, die, reload and end as the supervisor promises; on both hosts."""

import contextlib
import os
import signal
import time
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from sidecar.errors import ConfigError
from sidecar.hosts import envoy
from sidecar.hosts.listen import Listen, TcpAddress, UnixAddress
from sidecar.hosts.plan import choose_host, worker_listen

# A fresh connection each time, or all calls would go to the worker that has the first one.
FRESH = (("grpc.use_local_subchannel_pool", 1),)


def ask(address, method="Unary", request=None, seconds=5.0):
    """One call on a connection of its own; returns the answer's bytes."""
    with grpc.insecure_channel(address, options=FRESH) as channel:
        return channel.unary_unary(f"/test.Echo/{method}")(
            (request or BytesValue()).SerializeToString(), timeout=seconds
        )


def identity(address, key="pid"):
    """What health says of the worker that answers."""
    with grpc.insecure_channel(address, options=FRESH) as channel:
        _, call = channel.unary_unary("/grpc.health.v1.Health/Check").with_call(b"", timeout=5)
        return dict(call.initial_metadata())[f"sidecar-{key}"]


def identities(address, key="pid", tries=30):
    """What many connections meet."""
    return {identity(address, key) for _ in range(tries)}


def survivors(address):
    """What many connections meet while a process dies: those that its socket had taken already are reset."""
    met = set()
    for _ in range(30):
        with contextlib.suppress(grpc.RpcError):
            met.add(identity(address))
    return met


def is_running(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_every_worker_takes_connections(host, serving):
    """Thirty connections to one port meet both workers."""
    with serving(host, workers=2) as served:
        assert identities(served.address, "worker") == {"0", "1"}


def test_each_worker_has_a_unix_socket_of_its_own(host, serving, tmp_path):
    """A data plane can list them all; only the owner may connect."""
    with serving(host, workers=2, address=f"unix:{tmp_path}/filter.sock") as served:
        assert served.addresses == [f"unix:{tmp_path}/filter.0.sock", f"unix:{tmp_path}/filter.1.sock"]
        assert [identity(address, "worker") for address in served.addresses] == ["0", "1"]
        assert (tmp_path / "filter.0.sock").stat().st_mode & 0o777 == 0o600


def test_killed_worker_is_replaced(host, serving, eventually):
    """Kill -9: the other one goes on, and soon there are two again."""
    with serving(host, workers=2) as served:
        before = identities(served.address)
        victim = before.pop()
        os.kill(int(victim), signal.SIGKILL)

        eventually(lambda: len(survivors(served.address) - {victim}) == 2)
        assert victim not in identities(served.address)


def test_second_start_on_the_port_is_refused(host, serving, launch):
    """Exit code 78 and a sentence that names the address, within a second or two."""
    with serving(host) as served:
        second = launch(host, 1, served.address)
        said, _ = second.communicate(timeout=10)

        assert second.returncode == 78
        assert served.address in said


def test_start_beside_a_stranger_is_refused(host, launch):
    """Whoever listens there, with SO_REUSEPORT or without, is not joined."""
    import socket

    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        second = launch(host, 1, address)
        said, _ = second.communicate(timeout=10)

    assert second.returncode == 78
    assert address in said


def test_workers_die_with_their_parent(host, serving, eventually):
    """Kill -9 of the supervisor leaves no orphan to answer with old rules."""
    with serving(host, workers=2) as served:
        pids = identities(served.address)
        served.process.kill()
        served.process.wait()

        eventually(lambda: not any(is_running(pid) for pid in pids), 5.0)


def test_termination_drains(host, serving):
    """A call in flight at SIGTERM is answered, and the exit code is 0 within grace and two seconds."""
    with serving(host, workers=1) as served, grpc.insecure_channel(served.address) as channel:
        request = StringValue(value="1").SerializeToString()
        running = channel.unary_unary("/test.Echo/Later").future(request, timeout=10)
        time.sleep(0.3)
        started = time.monotonic()
        code = served.stop()

        assert (code, running.result()) == (0, request)
        assert time.monotonic() - started < 5.0


def test_call_longer_than_the_grace_fails(host, serving):
    """It does not end with OK, and it does not hold the exit."""
    with serving(host, workers=1) as served, grpc.insecure_channel(served.address) as channel:
        request = StringValue(value="60").SerializeToString()
        running = channel.unary_unary("/test.Echo/Later").future(request, timeout=30)
        time.sleep(0.3)
        started = time.monotonic()
        code = served.stop()

        assert (code, running.code()) == (0, grpc.StatusCode.UNAVAILABLE)
        assert time.monotonic() - started < 3.0 + 2.0 + 0.5


def test_reload_reaches_every_worker(host, serving, tmp_path):
    """SIGHUP: the same processes, a new generation."""
    rules = tmp_path / "rules"
    rules.write_text("good")
    with serving(host, workers=2, reload=rules) as served:
        pids = identities(served.address)
        served.process.send_signal(signal.SIGHUP)

        assert served.line() == "reloaded: generation 2"
        assert (identities(served.address, "generation"), identities(served.address)) == ({"2"}, pids)


def test_reload_of_bad_rules_keeps_the_old(host, serving, tmp_path):
    """The fault is named, and the workers go on with what they have."""
    rules = tmp_path / "rules"
    rules.write_text("bad")
    with serving(host, workers=2, reload=rules) as served:
        served.process.send_signal(signal.SIGHUP)

        assert "rules/x.yaml:1: not a rule" in served.line()
        assert identities(served.address, "generation") == {"1"}


def test_restart_replaces_processes_one_by_one(host, serving, eventually):
    """SIGUSR2: the old processes go one by one, and new ones take their places."""
    with serving(host, workers=2) as served:
        before = identities(served.address)
        served.process.send_signal(signal.SIGUSR2)

        eventually(lambda: len(survivors(served.address) - before) == 2, 20.0)
        assert not before & identities(served.address)


@pytest.mark.parametrize(("fault", "code"), [("config", 78), ("crash", 70)])
def test_worker_that_cannot_start_ends_the_start(host, launch, fault, code):
    """No endless restarts before the first worker was ever ready: the exit code says why."""
    process = launch(host, 1, "127.0.0.1:0", fault=fault)
    process.communicate(timeout=30)

    assert process.returncode == code


def test_one_connection_stays_on_one_worker(host, serving):
    """Why each worker has a socket: a single connection never balances."""
    with serving(host, workers=2) as served, grpc.insecure_channel(served.address, options=FRESH) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        met = {dict(check.with_call(b"")[1].initial_metadata())["sidecar-pid"] for _ in range(50)}

        assert len(met) == 1


def test_unix_sockets_are_split_and_ports_are_not():
    """With one worker addresses stay as they are."""
    listen = Listen((TcpAddress("127.0.0.1", 1), UnixAddress(Path("/run/x.sock"))))

    assert worker_listen(listen, 0, 1).addresses == listen.addresses
    assert worker_listen(listen, 3, 4).addresses == (listen.addresses[0], UnixAddress(Path("/run/x.3.sock")))


def test_auto_falls_back_with_one_line(monkeypatch):
    """The line says why; asking for envoy by name is an error instead."""
    said = []
    monkeypatch.setattr(envoy, "unusable", lambda: "pyvoy is not installed")

    assert (choose_host("auto", said.append), len(said)) == ("grpcio", 1)
    assert "pyvoy is not installed" in said[0]
    with pytest.raises(ConfigError, match="pyvoy is not installed"):
        choose_host("envoy", said.append)


def test_auto_takes_envoy_where_it_can(monkeypatch):
    """Without a word."""
    said = []
    monkeypatch.setattr(envoy, "unusable", lambda: "")

    assert (choose_host("auto", said.append), said) == ("envoy", [])


def test_a_worker_asks_all_and_one_that_does_not_follow_is_replaced(host, serving, eventually):
    """What is only asked changes nothing; who does not do what the others did is told of, and comes back as a new process."""
    with serving(host, workers=2, deaf="1") as served:
        before = identities(served.address)
        status = ask(served.address, "AskAll", StringValue(value="status"))
        followed = ask(served.address, "AskAll", StringValue(value="follow"))
        said = served.line()
        eventually(lambda: len(identities(served.address, tries=10) - before) == 1, seconds=30)

    assert StringValue.FromString(status).value == "0 1, 1 1"
    assert StringValue.FromString(followed).value == "0 2, 1 1 deaf"
    assert said == "worker 1 does not follow, and is replaced: deaf"
