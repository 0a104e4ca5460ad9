"""The import contracts hold."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_import_contracts_hold():
    """`lint-imports` finds no import that points away from the core."""
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        (
            "sidecar.cli.serve",
            {
                "hyperscan",
                "sidecar.core.engine",
                "sidecar.core.scan",
                "sidecar.app",
                "httpx",
                "grpc",
                "presidio_analyzer",
            },
        ),
        (
            "sidecar.serve",
            {
                "httpx",
                "jwt",
                "jsonschema",
                "regex",
                "grpc",
                "spacy",
                "presidio_analyzer",
                "opentelemetry",
                "numpy",
                "pyqwest",
            },
        ),
    ],
)
def test_a_start_imports_no_more_than_it_needs(module, unwanted):
    """Each of these costs a tenth of a second, before anybody is served, for features that few have switched on."""
    code = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert set() == unwanted.intersection(found)
