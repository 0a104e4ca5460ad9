"""The perimeter file, and what it lets in."""

import pytest

from sidecar.core.perimeter import Credentials, Gate, Grant, Refusal, parse_address
from sidecar.errors import ConfigError
from sidecar.rules.perimeter import compile_perimeter, hash_key, read_perimeter

FILE = f"""
schema: 1
networks: {{allow: [10.0.0.0/8, '::1/128'], deny: [10.9.0.0/16], trusted_proxies: [10.1.0.0/16]}}
jwt: {{jwks: keys.json, issuer: https://issuer.test, audience: portcullis}}
applications:
  - name: shop
    keys: ['{hash_key("shop key")}']
    spiffe: ['spiffe://corp/ns/shop/*']
    subjects: [shop-subject]
    sockets: [/run/shop.sock]
    routes: ['/v1/*']
    models: ['small-*']
    limits: {{requests: {{amount: 5, seconds: 1}}}}
  - name: ops
    keys: ['{hash_key("ops key")}']
    services: [rules]
"""


class OneToken:
    """Knows one good token."""

    def subject(self, token):
        return "shop-subject" if token == "good" else None


@pytest.fixture
def perimeter():
    return compile_perimeter(read_perimeter(FILE.encode(), "p.yaml"), OneToken())


def admit(perimeter, service="filter", route="/v1/chat/completions", model="", **shown):
    answer = perimeter.admit(Credentials(**shown), service=service, route=route, model=model)
    return answer.application if isinstance(answer, Grant) else answer.code


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"key": "shop key"}, "shop"),
        ({"key": "other key"}, "not_authenticated"),
        ({"token": "good"}, "shop"),
        ({"token": "bad"}, "not_authenticated"),
        ({"identities": ("spiffe://corp/ns/shop/web",)}, "shop"),
        ({"identities": ("spiffe://corp/ns/shopping/web",)}, "not_authenticated"),
        ({"socket": "/run/shop.sock"}, "shop"),
        ({"socket": "/run/common.sock"}, "not_authenticated"),
        ({}, "not_authenticated"),
        ({"key": "shop key", "token": "good"}, "shop"),
        ({"key": "shop key", "token": "bad"}, "not_authenticated"),
        ({"key": "ops key", "token": "good"}, "not_authenticated"),
        ({"key": "ops key"}, "service_not_allowed"),
    ],
)
def test_who_may_call(perimeter, shown, expected):
    """Every credential that is shown must be good, and all must name the same application."""
    assert expected == admit(perimeter, **shown)


@pytest.mark.parametrize(
    ("address", "forwarded", "expected"),
    [
        ("", "", "shop"),
        ("10.2.3.4", "", "shop"),
        ("ipv4:10.2.3.4:5555", "", "shop"),
        ("ipv6:%5B::1%5D:5555", "", "shop"),
        ("::ffff:10.2.3.4", "", "shop"),
        ("192.0.2.1", "", "address_not_allowed"),
        ("10.9.1.1", "", "address_not_allowed"),
        ("192.0.2.1", "10.2.3.4", "address_not_allowed"),
        ("10.1.0.1", "192.0.2.1", "address_not_allowed"),
        ("10.1.0.1", "10.2.3.4, 192.0.2.1", "address_not_allowed"),
        ("10.1.0.1", "192.0.2.1, 10.2.3.4", "shop"),
        ("10.1.0.1", "10.2.3.4, 10.1.0.2", "shop"),
        ("10.1.0.1", "nonsense", "address_not_allowed"),
        ("nonsense", "", "address_not_allowed"),
    ],
)
def test_where_callers_may_come_from(perimeter, address, forwarded, expected):
    """Only what a trusted proxy adds is believed; what a client writes itself is not."""
    assert expected == admit(perimeter, key="shop key", address=address, forwarded=forwarded)


@pytest.mark.parametrize(
    ("route", "model", "expected"),
    [
        ("/v1/chat/completions", "small-1", "shop"),
        ("/v1/chat/completions", "large-1", "model_not_allowed"),
        ("/admin", "", "route_not_allowed"),
    ],
)
def test_what_an_application_may_do(perimeter, route, model, expected):
    """Routes and models are granted by glob."""
    assert expected == admit(perimeter, key="shop key", route=route, model=model)


def test_anonymous_callers_where_the_file_says_so():
    """A caller who shows nothing may be one application; one who shows something wrong may not."""
    document = read_perimeter(b"schema: 1\nanonymous: guest\napplications: [{name: guest}]\n", "p.yaml")
    perimeter = compile_perimeter(document, None)

    assert [admit(perimeter), admit(perimeter, key="x")] == ["guest", "not_authenticated"]


def test_credentials_do_not_show_in_repr():
    """Neither key nor token reaches a log."""
    text = repr(Credentials(key="shop key", token="good"))

    assert ["shop key" in text, "good" in text] == [False, False]


def test_refusals_say_when_to_come_back():
    """A refusal is a value with an HTTP status."""
    assert Refusal(429, "rate_limited", "Later.", 1.5).retry_after == 1.5


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("networks: {allow: [10.0.0.1/8]}\n", 2, "host bits"),
        ("anonymous: nobody\n", 2, "no application"),
        ("applications:\n  - {name: a, sockets: [/x]}\n  - {name: b, sockets: [/x]}\n", 4, "another application"),
        ("applications:\n  - {name: a, keys: [secret]}\n", 3, "regex"),
        ("applications:\n  - {name: a, subjects: [x]}\n", 3, "needs `jwt`"),
        ("jwt: {jwks: x, issuer: x, audience: x, algorithms: [HS256]}\n", 2, "HS256"),
        ("aplications: []\n", 2, "aplications"),
    ],
)
def test_fault_names_its_place(text, line, words):
    """Each fault says file, line and what is wrong."""
    with pytest.raises(ConfigError, match=words) as caught:
        read_perimeter(f"schema: 1\n{text}".encode(), "p.yaml")

    assert str(caught.value).startswith(f"p.yaml:{line}: ")


@pytest.mark.parametrize("text", ["", "unix:", "1.2.3", "::g", "[::1"])
def test_what_is_no_address(text):
    """Only addresses are addresses; an unclosed bracket still holds one."""
    assert (parse_address(text) is None) is (text != "[::1")


def test_open_gate_admits_everyone():
    """Without lists nobody is refused by address."""
    assert Gate().admits(Credentials(address="203.0.113.9"))
