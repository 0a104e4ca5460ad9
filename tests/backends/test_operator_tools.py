"""What operators need from outside: keys, the vault and functions, by the environment; faults are told at the start."""

import pytest

from sidecar.backends.operator_tools import Functions, operator_tools
from sidecar.errors import ConfigError


def test_without_a_key_there_are_no_pseudonyms():
    """The cipher of `encrypt` has its keys in the policy."""
    tools = operator_tools({})

    assert tools.keyring is None or tools.keyring.vault is None
    assert tools.cipher is not None


def test_a_key_comes_from_a_file(tmp_path):
    """White space around it does not count; the file wins over the variable."""
    path = tmp_path / "key"
    path.write_text(f"{'k' * 32}\n")
    from_file = operator_tools({"SIDECAR_PSEUDONYM_KEY_FILE": str(path), "SIDECAR_PSEUDONYM_KEY": "x"})
    given = operator_tools({"SIDECAR_PSEUDONYM_KEY": "k" * 32})

    assert from_file.keyring.key == given.keyring.key


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SIDECAR_PSEUDONYM_KEY": "short"}, "SIDECAR_PSEUDONYM_KEY: 5 bytes; give at least 32"),
        ({"SIDECAR_PSEUDONYM_KEY_FILE": "/nowhere/key"}, "/nowhere/key: No such file"),
    ],
)
def test_bad_keys_are_refused(environment, words):
    """By the variable's name; the key is not shown."""
    with pytest.raises(ConfigError, match=words):
        operator_tools(environment)


def test_functions_are_found_by_name():
    """As `package.module:function`; whatever is no function is unknown."""
    functions = Functions()

    assert functions["json:dumps"]("x") == '"x"'
    for name in ("json:nothing", "nowhere.at.all:f", "json", "", ":", "os:sep"):
        with pytest.raises(KeyError):
            functions[name]
    assert (list(functions), len(functions)) == ([], 0)
