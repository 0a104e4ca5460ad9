"""What masking operators need from outside of the core: keys, ciphers, functions by name, and the vault."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sidecar.backends.ciphers import AesSivSealer, TextCipher, hash_key
from sidecar.core.operators import Tools
from sidecar.core.pseudonyms import Keyring, Vault
from sidecar.errors import ConfigError

# The secret that pseudonyms are made with: the text itself, or a file that holds it. All replicas need the same one.
KEY_VARIABLE = "SIDECAR_PSEUDONYM_KEY"
KEY_FILE_VARIABLE = "SIDECAR_PSEUDONYM_KEY_FILE"
# A Redis URL; set where providers keep the history of conversations and styles other than `token` are in use.
VAULT_VARIABLE = "SIDECAR_PSEUDONYM_VAULT"
LEAST_KEY_BYTES = 32


def operator_tools(environment: Mapping[str, str] = os.environ) -> Tools:
    """Return the tools that the environment asks for.

    Raises:
        ConfigError: the key is too short or its file cannot be read, or the vault cannot be used.
    """
    key = _key(environment)
    if not key:
        return Tools(cipher=TextCipher, functions=Functions())
    sealer = AesSivSealer(key)
    url = environment.get(VAULT_VARIABLE)
    vault = _vault(url, sealer, hash_key(key)) if url else None
    return Tools(keyring=Keyring(hash_key(key), sealer, vault), cipher=TextCipher, functions=Functions())


def _key(environment: Mapping[str, str]) -> bytes:
    file = environment.get(KEY_FILE_VARIABLE)
    try:
        key = Path(file).read_bytes().strip() if file else environment.get(KEY_VARIABLE, "").encode()
    except OSError as error:
        raise ConfigError(f"{KEY_FILE_VARIABLE}: {file}: {error.strerror}") from None
    if key and len(key) < LEAST_KEY_BYTES:
        name = KEY_FILE_VARIABLE if file else KEY_VARIABLE
        raise ConfigError(f"{name}: {len(key)} bytes; give at least {LEAST_KEY_BYTES}, such as `openssl rand -hex 32`")
    return key


def _vault(url: str, sealer: AesSivSealer, key: bytes) -> Vault:
    try:
        from sidecar.backends.redis_vault import RedisVault  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise ConfigError(f"{VAULT_VARIABLE}: needs the extra `redis`: pip install portcullis-sidecar[redis]") from None
    return RedisVault(url, sealer, key)


class Functions(Mapping[str, Callable[[str], object]]):
    """The functions of the operator `custom`, by `package.module:function`; imported when they are asked for."""

    def __getitem__(self, name: str) -> Callable[[str], object]:
        """Return a function.

        Raises:
            KeyError: there is none.
        """
        module, _, attribute = name.partition(":")
        try:
            function: Any = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError):
            raise KeyError(name) from None
        if not callable(function):
            raise KeyError(name)
        found: Callable[[str], object] = function
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
