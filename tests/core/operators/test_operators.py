"""Presidio's operators by their names and parameters, beside Presidio's own; every wrong parameter is found at load."""

import pytest
from presidio_anonymizer.operators import Custom, Hash, Mask, Redact, Replace

from sidecar.backends.ciphers import TextCipher
from sidecar.backends.operator_tools import Functions, operator_tools
from sidecar.core.operators import Tools, build_operator
from sidecar.errors import ConfigError, EngineError
from sidecar.model import OperatorConfig

TOOLS = Tools(cipher=TextCipher, functions=Functions())
KEY = "k" * 32
SALT = "s" * 16


def _operate(name, params, text="4111 1111 1111 1111", tools=TOOLS):
    return build_operator(OperatorConfig(name, params), tools)("CREDIT_CARD", text)


@pytest.mark.parametrize(
    ("name", "params", "theirs"),
    [
        ("replace", {}, Replace),
        ("replace", {"new_value": "X"}, Replace),
        ("redact", {}, Redact),
        ("mask", {"masking_char": "*", "chars_to_mask": 12, "from_end": False}, Mask),
        ("mask", {"masking_char": "#", "chars_to_mask": 4, "from_end": True}, Mask),
        ("mask", {"masking_char": "#", "chars_to_mask": 400, "from_end": True}, Mask),
        ("mask", {"masking_char": "#", "chars_to_mask": 0, "from_end": False}, Mask),
        ("hash", {"salt": SALT}, Hash),
        ("hash", {"salt": SALT, "hash_type": "sha512"}, Hash),
        ("custom", {"lambda": str.swapcase}, Custom),
    ],
)
@pytest.mark.parametrize("text", ["4111 1111 1111 1111", "é", "Anna 👩‍👩‍👧"])
def test_operators_do_what_presidios_do(name, params, theirs, text):
    """The same name and parameters give the same text."""
    expected = theirs().operate(text=text, params={**params, "entity_type": "CREDIT_CARD"})

    assert _operate(name, params, text) == expected


def test_keep_keeps():
    """Presidio's `keep`."""
    assert _operate("keep", {}) == "4111 1111 1111 1111"


def test_a_hash_without_a_salt_is_never_the_same():
    """As Presidio's since 2.2.361."""
    assert _operate("hash", {}) != _operate("hash", {})


def test_what_is_encrypted_is_decrypted_with_the_same_key_only():
    """And for the same entity, as a whole."""
    sealed = _operate("encrypt", {"key": KEY})

    assert _operate("decrypt", {"key": KEY}, sealed) == "4111 1111 1111 1111"
    assert _operate("decrypt", {"key": "x" * 32}, sealed) == sealed
    assert _operate("decrypt", {"key": KEY}, sealed[:-2]) == sealed[:-2]
    assert build_operator(OperatorConfig("decrypt", {"key": KEY}), TOOLS)("PERSON", sealed) == sealed
    assert _operate("decrypt", {"key": KEY}, "no ciphertext") == "no ciphertext"


def test_custom_calls_a_function_by_name():
    """`package.module:function`."""
    assert _operate("custom", {"lambda": "string:capwords"}, "anna smith") == "Anna Smith"


def test_a_custom_function_must_return_text():
    """A number is refused, as Presidio does; what it raises is our failure, without the text."""
    with pytest.raises(EngineError, match="must return a str"):
        _operate("custom", {"lambda": len})
    with pytest.raises(EngineError, match="failed: ValueError"):
        _operate("custom", {"lambda": int})


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("shred", {}, "unknown operator"),
        ("replace", {"value": "X"}, "value"),
        ("mask", {"masking_char": "**"}, "one character"),
        ("mask", {"chars_to_mask": -1}, "not negative"),
        ("hash", {"hash_type": "md5"}, "sha256"),
        ("hash", {"salt": "short"}, "16"),
        ("encrypt", {"key": "short"}, "16, 24 or 32"),
        ("encrypt", {}, "key"),
        ("decrypt", {"key": "short"}, "16, 24 or 32"),
        ("custom", {}, "lambda"),
        ("custom", {"lambda": "os.path:nothing_there"}, "names no function"),
        ("custom", {"lambda": str.upper, "more": 1}, "unknown parameter"),
        ("pseudonymise", {"style": "rhyme"}, "style"),
        ("pseudonymise", {"style": "code"}, "SIDECAR_PSEUDONYM_KEY"),
    ],
)
def test_wrong_parameters_are_found_at_load(name, params, message):
    """Each with a sentence that names the operator or the parameter."""
    with pytest.raises(ValueError, match=message):
        build_operator(OperatorConfig(name, params), TOOLS)


def test_encryption_needs_a_cipher():
    """The core alone has none."""
    with pytest.raises(ValueError, match="not available"):
        build_operator(OperatorConfig("encrypt", {"key": KEY}))


def test_a_short_pseudonym_key_is_refused(tmp_path):
    """In the variable and in a file; a file that is not there is named."""
    file = tmp_path / "key"
    file.write_text("short")

    with pytest.raises(ConfigError, match="at least 32"):
        operator_tools({"SIDECAR_PSEUDONYM_KEY": "short"})
    with pytest.raises(ConfigError, match="at least 32"):
        operator_tools({"SIDECAR_PSEUDONYM_KEY_FILE": str(file)})
    with pytest.raises(ConfigError, match="No such file"):
        operator_tools({"SIDECAR_PSEUDONYM_KEY_FILE": str(tmp_path / "missing")})


def test_a_key_gives_every_style(tmp_path):
    """From a file, white space aside."""
    file = tmp_path / "key"
    file.write_text("k" * 64 + "\n")
    tools = operator_tools({"SIDECAR_PSEUDONYM_KEY_FILE": str(file)})

    assert _operate("pseudonymise", {"style": "code"}, tools=tools).startswith("<CREDIT_CARD_")
    assert _operate("pseudonymise", {"style": "token"}, tools=tools).startswith("<CREDIT_CARD~")
    assert _operate("pseudonymise", {"style": "surrogate"}, tools=tools).startswith("4000 00")
