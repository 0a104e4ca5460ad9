"""The import contracts hold."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_import_contracts_hold():
    """`lint-imports` finds no import that points away from the core."""
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
