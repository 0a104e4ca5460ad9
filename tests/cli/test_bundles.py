"""`sidecar rules` on the way of a bundle: sign, verify, pack, compare, approve, move."""

import json

import pytest
from click.testing import CliRunner

from sidecar.cli.rules import rules
from sidecar.rules.archive import unpack
from tests.delivery.parts import POLICY, bundle
from tests.delivery.test_sources import write
from tests.rules.test_lint import RULE


@pytest.fixture
def place(tmp_path):
    write(tmp_path / "rules", bundle())
    (tmp_path / "policy.yaml").write_text(POLICY)
    for name in ("ada", "bob"):
        assert run("keygen", tmp_path / name).exit_code == 0
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(rules, [str(argument) for argument in arguments])


def sign(place, *keys):
    for key in keys:
        assert run("sign", "--rules", place / "rules", "--key", place / key).exit_code == 0


def verify(place, *arguments):
    return run("verify", "--rules", place / "rules", "--trust", place / "ada.pub", *arguments, "--json")


def test_what_was_signed_verifies_until_it_changes(place):
    """Exit codes 0 and 1, faults as JSON."""
    sign(place, "ada")
    before = verify(place)
    (place / "rules" / "TAGS.yaml").write_text("tags: {}\n")
    after = verify(place)

    assert (before.exit_code, json.loads(before.stdout)) == (0, {"faults": []})
    assert after.exit_code == 1
    assert any("TAGS.yaml:1: differs" in fault for fault in json.loads(after.stdout)["faults"])


def test_two_of_two_keys(place):
    """A second signature is added, not put in the place of the first."""
    sign(place, "ada")
    one = verify(place, "--trust", place / "bob.pub", "--signatures", 2)
    sign(place, "bob")

    assert (one.exit_code, verify(place, "--trust", place / "bob.pub", "--signatures", 2).exit_code) == (1, 0)


def test_an_older_version_than_the_floor_does_not_verify(place):
    """`--floor` is what a sidecar remembers by itself."""
    sign(place, "ada")

    assert verify(place, "--floor", "1.0.1").exit_code == 1


def test_pack_writes_an_archive_that_verifies(place):
    """Signatures travel in it."""
    sign(place, "ada")
    archive = place / "rules.tar.gz"
    run("pack", archive, "--rules", place / "rules")

    assert unpack(archive.read_bytes()).keys() == {*bundle(), ".signatures.json"}
    assert run("verify", "--archive", archive, "--trust", place / "ada.pub").exit_code == 0


def test_compile_reports_what_it_compiled(place):
    """Name, version, revision, number of rules."""
    ran = run("compile", "--rules", place / "rules", "--policy", place / "policy.yaml", "--json")

    assert (
        ran.exit_code,
        tuple(json.loads(ran.stdout)[name] for name in ("name", "version", "rules", "faults")),
    ) == (0, ("sample", "1.0.0", 1, []))


def test_compile_of_a_bad_bundle_lists_its_faults(place):
    """As JSON for the process that asked."""
    write(place / "rules", bundle(rule=RULE.replace("Detects", "Finds")))
    ran = run("compile", "--rules", place / "rules", "--policy", place / "policy.yaml", "--json")

    assert ran.exit_code == 1
    assert "Detects" in json.loads(ran.stdout)["faults"][0]


def test_diff_names_rules_and_verdicts(place):
    """A stable rule without a higher version is exit code 1; verdicts are named by the text's id."""
    write(place / "new", bundle("1.1.0", verdict="block"))
    (place / "texts.jsonl").write_text('{"id": "t1", "text": "please open sesame"}\n{"id": "t2", "text": "hello"}\n')
    ran = run(
        "diff",
        place / "rules",
        place / "new",
        "--corpus",
        place / "texts.jsonl",
        "--policy",
        place / "policy.yaml",
        "--json",
    )
    found = json.loads(ran.stdout)

    assert ran.exit_code == 1
    assert [(change["rule"], change["kind"]) for change in found["rules"]] == [("injection-sample", "changed")]
    assert [(item["id"], item["before"], item["after"]) for item in found["verdicts"]] == [("t1", "flag", "block")]


def test_a_bundle_is_approved_by_two_before_it_moves_on(place):
    """One approval is too few; the history tells who, what and why."""
    folder = place / "rules"
    trust = ("--trust", place / "ada.pub", "--trust", place / "bob.pub", "--approvals", 2)
    why = ("--who", "eve", "--why", "weekly release")

    def move(state):
        return run("move", state, "--rules", folder, *trust, *why).exit_code

    steps = [move("staging")]
    assert run("approve", "--rules", folder, "--key", place / "ada", *why).exit_code == 0
    steps.append(move("approved"))
    assert run("approve", "--rules", folder, "--key", place / "bob", *why).exit_code == 0
    steps += [move("approved"), move("production")]
    history = json.loads(run("history", "--rules", folder, "--json").stdout)

    assert steps == [0, 1, 0, 0]
    assert [entry["state"] for entry in history] == ["staging", "staging", "staging", "approved", "production"]
    assert {("eve", "weekly release")} == {(entry["who"], entry["why"]) for entry in history}


def test_verify_without_keys_is_wrong_usage(place):
    """Nothing can be trusted by nobody."""
    assert run("verify", "--rules", place / "rules").exit_code == 2
