"""What masking does with a span: Presidio's operators by their names and parameters, built once at load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec

from sidecar.core.operators import custom, decrypt, encrypt, hash, keep, mask, pseudonymise, redact, replace  # noqa: A004 - Presidio's name
from sidecar.core.pseudonyms import Keyring
from sidecar.model import OperatorConfig

# An operator takes the entity type and the matched text, and returns what stands in its place.
Operator = Callable[[str, str], str]


class Cipher(Protocol):
    """Encrypts texts; what was not written by it for the same entity does not decrypt."""

    def encrypt(self, text: str, entity: str) -> str:
        """Return the ciphertext, in characters that survive JSON and Markdown."""
        ...

    def decrypt(self, text: str, entity: str) -> str | None:
        """Return the plain text, or None."""
        ...


# Makes the cipher of a key; raises ValueError for a key of the wrong length.
CipherFactory = Callable[[bytes], Cipher]


class Tools(msgspec.Struct, frozen=True):
    """What operators need from outside of the core.

    Args:
        keyring: for `pseudonymise`.
        cipher: for `encrypt` and `decrypt`; None: they are refused.
        functions: for `custom`, by name.
    """

    keyring: Keyring = Keyring()
    cipher: CipherFactory | None = None
    functions: Mapping[str, Callable[[str], object]] = {}


NO_TOOLS = Tools()


def build_operator(config: OperatorConfig, tools: Tools = NO_TOOLS) -> Operator:
    """Build an operator from its configuration.

    Args:
        config: the operator's name and parameters.
        tools: what operators need from outside of the core.

    Raises:
        ValueError: the name is unknown, or a parameter is missing, unknown or out of range.
    """
    builders = _builders(tools)
    builder = builders.get(config.name)
    if builder is None:
        raise ValueError(f"unknown operator `{config.name}`; known: {', '.join(sorted(builders))}")
    try:
        built: Operator = builder(**config.params)
    except TypeError as error:
        raise ValueError(f"operator `{config.name}`: {error}") from None
    return built


def _builders(tools: Tools) -> Mapping[str, Callable[..., Any]]:
    return {
        "custom": partial(custom.build, functions=tools.functions),
        "decrypt": partial(decrypt.build, cipher=tools.cipher or _no_cipher),
        "encrypt": partial(encrypt.build, cipher=tools.cipher or _no_cipher),
        "hash": hash.build,
        "keep": keep.build,
        "mask": mask.build,
        "pseudonymise": partial(pseudonymise.build, keyring=tools.keyring),
        "redact": redact.build,
        "replace": replace.build,
    }


def _no_cipher(_key: bytes) -> Cipher:
    raise ValueError("operators `encrypt` and `decrypt` are not available here")
