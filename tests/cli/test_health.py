"""`sidecar health` against a real server and against nobody."""

import subprocess
import sys


def ask(address):
    command = [sys.executable, "-m", "sidecar", "health", "--address", address]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nobody_answers():
    """Exit code 1 and the reason."""
    ran = ask("127.0.0.1:9")

    assert (ran.returncode, "UNAVAILABLE" in ran.stderr) == (1, True)


def test_a_running_sidecar_says_which_rules_it_has(tmp_path):
    """Exit code 0, with worker and revision."""
    address = f"unix:{tmp_path}/filter.sock"
    command = ["serve", "--listen", address, "--workers", "1", "--host", "grpcio", "--admin", "off"]
    server = subprocess.Popen([sys.executable, "-m", "sidecar", *command], stderr=subprocess.PIPE, text=True)
    try:
        said = server.stderr.readline()
        ran = ask(address)
    finally:
        server.terminate()
        server.communicate(timeout=20)

    assert "ready" in said
    assert (ran.returncode, "SERVING" in ran.stdout, "revision" in ran.stdout) == (0, True, True)
