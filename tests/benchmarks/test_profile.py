"""A flame graph of a scenario: recorded for real where the kernel lets py-spy read its own descendants."""

import pytest
from click.testing import CliRunner

from benchmarks.profile import profile


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["scan", "check"])
def test_profile_draws_the_engine_and_our_functions(tmp_path, scenario):
    """Python frames of the data path and native ones of Hyperscan are in one picture, which is named by its scenario."""
    path = tmp_path / "flame.svg"

    done = CliRunner().invoke(profile, [scenario, "--quick", "--svg", str(path)])

    if "Permission denied" in done.output:
        pytest.skip("this kernel lets nobody trace (ptrace_scope)")
    assert done.exit_code == 0, done.output
    picture = path.read_text()
    assert f"sidecar {scenario}" in picture
    assert "Engine.judge" in picture
    assert "hs_scan" in picture
