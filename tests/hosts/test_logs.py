"""Logs: one JSON object a line where collectors read them, and never the words of an exception."""

import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from sidecar.hosts import logs


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "text")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("form", logs.FORMATS)
def test_words_of_an_exception_are_kept_back(capsys, form):
    """They may quote a prompt; its kind and place say enough."""
    logs.begin(form, worker=3)
    try:
        int("my secret prompt")
    except ValueError:
        logging.getLogger("sidecar.some").exception("it failed")
    line = capsys.readouterr().err

    assert "secret" not in line
    assert "it failed" in line
    assert "ValueError at test_logs.py" in line


def test_json_lines_have_their_fields(capsys):
    """What collectors look for."""
    logs.begin("json", worker=3)
    logs.say("ready")
    fields = json.loads(capsys.readouterr().err)

    assert {"level": "info", "logger": "sidecar", "message": "ready", "worker": 3}.items() <= fields.items()
    assert {"time", "version", "pid"} <= set(fields)


def test_every_line_of_a_sidecar_is_json():
    """Supervisor and worker, from the start to the end, a killed worker included."""
    command = ("serve", "--host", "grpcio", "--workers", "1", "--listen", "127.0.0.1:0", "--admin", "off")
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", *command, "--log-format", "json"],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        first = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)

        assert first["message"].startswith("ready")
        assert [line for line in rest.splitlines() if not line.startswith("{")] == []
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
