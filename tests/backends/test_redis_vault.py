"""The vault: sealed in Redis, per conversation, and a failure where Redis cannot be reached."""

import pytest
import redis

from sidecar.backends import redis_client, redis_vault
from sidecar.backends.ciphers import AesSivSealer, hash_key
from sidecar.backends.operator_tools import operator_tools
from sidecar.backends.redis_vault import RedisVault
from sidecar.core.pseudonyms import Keyring, Pseudonyms
from sidecar.errors import ConfigError, EngineError
from tests.redis_server import Server

SECRET = b"k" * 32


class _Server:
    """What the vault uses of a Redis client, in memory."""

    def __init__(self):
        self.hashes = {}
        self.expiries = {}
        self._steps = []

    def hgetall(self, name):
        return dict(self.hashes.get(name, {}))

    def pipeline(self, transaction):
        assert transaction
        self._steps = []
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def hset(self, name, mapping):
        self._steps.append(lambda: self.hashes.setdefault(name, {}).update(mapping))

    def expire(self, name, seconds):
        self._steps.append(lambda: self.expiries.__setitem__(name, seconds))

    def hlen(self, name):
        self._steps.append(lambda: len(self.hashes[name]))

    def execute(self):
        return [step() for step in self._steps]


@pytest.fixture
def server(monkeypatch):
    made = _Server()
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_args, **_kwargs: made)
    return made


def _exchange(server, conversation="c1"):
    sealer = AesSivSealer(SECRET)
    keyring = Keyring(hash_key(SECRET), sealer, RedisVault("redis://x", sealer, hash_key(SECRET)))
    return Pseudonyms(keyring, "app", conversation)


def test_a_later_request_restores_what_an_earlier_one_issued(server):
    """The provider keeps the history: the value is not in the second request."""
    first = _exchange(server)
    placeholder = first.issue("PERSON", "Anna Schmidt", "number")
    first.keep()

    assert _exchange(server).restore(f"Dear {placeholder}") == "Dear Anna Schmidt"
    assert _exchange(server).issue("PERSON", "Bob", "number") == "<PERSON_2>"


def test_another_conversation_gets_nothing(server):
    """Not even the same placeholder."""
    first = _exchange(server)
    placeholder = first.issue("PERSON", "Anna Schmidt", "number")
    first.keep()

    assert _exchange(server, "c2").restore(placeholder) == placeholder


def test_redis_learns_neither_values_nor_scopes(server):
    """Everything is sealed or hashed, and has an end."""
    exchange = _exchange(server)
    exchange.issue("PERSON", "Anna Schmidt", "number")
    exchange.keep()
    (name,) = server.hashes
    stored = repr(server.hashes)

    assert not any(word in stored for word in ("Anna", "Schmidt", "PERSON", "<"))
    assert server.expiries == {name: redis_vault.KEEP_SECONDS}


def test_forged_entries_are_ignored(server):
    """What does not open with our key for this scope is no pseudonym."""
    exchange = _exchange(server)
    exchange.issue("PERSON", "Anna Schmidt", "number")
    exchange.keep()
    (stored,) = server.hashes.values()
    for key in list(stored):
        stored[key] = stored[key][:-1] + bytes([stored[key][-1] ^ 1])

    assert _exchange(server).restore("<PERSON_1>") == "<PERSON_1>"


def test_a_conversation_without_end_is_a_failure(server, monkeypatch):
    """The vault is bounded."""
    monkeypatch.setattr(redis_vault, "VALUES_LIMIT", 1)
    exchange = _exchange(server)
    for name in ("Anna", "Bob"):
        exchange.issue("PERSON", name, "number")

    with pytest.raises(EngineError, match="more than 1"):
        exchange.keep()


def test_redis_that_cannot_be_reached_is_a_failure():
    """Reading and writing; the failure policy decides. Nothing listens on port 1."""
    tools = operator_tools({"SIDECAR_PSEUDONYM_KEY": "k" * 32, "SIDECAR_PSEUDONYM_VAULT": "redis://127.0.0.1:1/0"})

    with pytest.raises(EngineError, match="cannot be read"):
        Pseudonyms(tools.keyring, "app", "c1")
    assert tools.keyring.vault is not None
    with pytest.raises(EngineError, match="cannot be written"):
        tools.keyring.vault.store(("app", "c1"), {"a": "b"})


def test_a_vault_address_that_is_none_is_refused():
    """At the start, by the variable's name."""
    with pytest.raises(ConfigError, match="SIDECAR_PSEUDONYM_VAULT"):
        operator_tools({"SIDECAR_PSEUDONYM_KEY": "k" * 32, "SIDECAR_PSEUDONYM_VAULT": "nonsense"})


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A real redis-server, and the tools of an application that uses it."""
    monkeypatch.setattr(redis_client, "TIMEOUT_SECONDS", 10.0)  # a busy machine is no Redis that is away
    running = Server(tmp_path).start()
    environment = {"SIDECAR_PSEUDONYM_KEY": "k" * 32, "SIDECAR_PSEUDONYM_VAULT": running.url}
    yield running, operator_tools(environment).keyring
    running.stop()


def test_a_real_redis_keeps_a_conversation(real):
    """Two replicas, two turns; nothing readable is stored, and it ends by itself."""
    running, keyring = real
    first = Pseudonyms(keyring, "app", "c1")
    placeholder = first.issue("PERSON", "Anna Schmidt", "number")
    first.keep()

    assert Pseudonyms(keyring, "app", "c1").restore(f"Dear {placeholder},") == "Dear Anna Schmidt,"
    for application, conversation in (("app", "c2"), ("other", "c1")):
        assert Pseudonyms(keyring, application, conversation).restore(placeholder) == placeholder
    with redis.Redis.from_url(running.url) as client:
        (name,) = client.keys("*")
        stored = name + b"".join(b"".join(pair) for pair in client.hgetall(name).items()) + client.dump(name)
        assert redis_vault.KEEP_SECONDS - 60 < client.ttl(name) <= redis_vault.KEEP_SECONDS
    assert not any(word in stored for word in (b"Anna", b"Schmidt", b"PERSON"))


def test_a_real_redis_that_goes_away_is_a_failure_until_it_is_back(real):
    """The failure policy decides meanwhile; afterwards all goes on, without what was in memory."""
    running, keyring = real
    running.stop()
    with pytest.raises(EngineError, match="cannot be read"):
        Pseudonyms(keyring, "app", "c1")
    running.start()
    exchange = Pseudonyms(keyring, "app", "c1")
    placeholder = exchange.issue("PERSON", "Anna Schmidt", "number")
    exchange.keep()

    assert Pseudonyms(keyring, "app", "c1").restore(placeholder) == "Anna Schmidt"
