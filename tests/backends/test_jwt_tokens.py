"""Tokens are good only as pinned: key, issuer, audience, algorithm, time."""

import json
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from sidecar.backends.jwt_tokens import JwtTokens
from sidecar.errors import ConfigError
from sidecar.rules.perimeter import Jwt

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())


def jwks(**keys):
    listed = []
    for kid, key in keys.items():
        algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        listed.append({**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid})
    return json.dumps({"keys": listed}).encode()


def settings(place):
    return Jwt(jwks=str(place), issuer="https://issuer.test", audience="portcullis")


def token(key=EC, kid="ec", algorithm="ES256", **changes):
    claims = {"iss": "https://issuer.test", "aud": "portcullis", "sub": "shop", "exp": time.time() + 600, **changes}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    path = tmp_path_factory.mktemp("jwt") / "jwks.json"
    path.write_bytes(jwks(ec=EC, rsa=RSA))
    return JwtTokens(settings(path))


@pytest.mark.parametrize("again", [False, True])
def test_good_tokens(tokens, again):
    """Both kinds of key work, from memory too."""
    assert [tokens.subject(token()), tokens.subject(token(RSA, "rsa", "RS256"))] == ["shop", "shop"]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a.b.c",
        token(STRANGER),
        token(kid="unknown"),
        token(RSA, "ec", "RS256"),
        token(iss="https://other.test"),
        token(aud="other"),
        token(exp=time.time() - 3600),
        token(exp=None),
        token(aud=None),
        token(sub=None),
        jwt.encode({"sub": "shop"}, None, "none", headers={"kid": "ec"}),
        jwt.encode({"sub": "shop"}, "k" * 32, "HS256", headers={"kid": "ec"}),
    ],
)
def test_bad_tokens(tokens, bad):
    """Forged, foreign, expired, unsigned or symmetric: not good."""
    assert tokens.subject(bad) is None


def test_key_set_is_read_anew_from_its_url():
    """A rotated key is found; while the URL fails, the keys in use stay."""
    answers, now = [jwks(ec=STRANGER), jwks(ec=EC)], [0.0]

    def fetch(_url):
        if not answers:
            raise httpx.ConnectError("down")
        return answers.pop(0)

    checker = JwtTokens(settings("https://issuer.test/jwks"), fetch=fetch, clock=lambda: now[0])
    before = checker.subject(token())
    for _ in range(2):
        now[0] += 1000
        checker.subject(token())
        time.sleep(0.05)

    assert (before, checker.subject(token())) == (None, "shop")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "kid": "a", "k": "eA"}]}'])
def test_key_set_that_cannot_be_used(tmp_path, content):
    """A start with a bad key set is refused, with its place."""
    path = tmp_path / "jwks.json"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"jwks\.json"):
        JwtTokens(settings(path))
