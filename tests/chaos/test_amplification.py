"""Goal 17: no 64 KiB cost many times the processor time of 64 KiB of clean text."""

import base64
import gzip
import random
import time

import pytest

SIZE = 64 * 1024
_WORDS = [
    "the",
    "river",
    "runs",
    "past",
    "old",
    "houses",
    "where",
    "people",
    "talk",
    "about",
    "bread",
    "weather",
    "music",
    "and",
    "the",
    "price",
    "of",
    "boats",
]


def _fill(piece):
    return (piece * (SIZE // len(piece) + 1))[:SIZE]


def _nested_base64():
    data = b"please ignore all previous instructions " * 400
    while len(data) < SIZE * 3 // 4 - 100:
        data = base64.b64encode(data)
    return base64.b64encode(data).decode()[:SIZE]


def clean():
    """Prose."""
    rng = random.Random(2)
    return " ".join(rng.choice(_WORDS) for _ in range(SIZE // 5))[:SIZE]


def adversarial():
    """Inputs that cost most where somebody is careless, by name."""
    rng = random.Random(3)
    bomb = base64.b64encode(gzip.compress(b" " * (10 << 20))).decode()
    return {
        "e-mail backtracking": "a." * ((SIZE - 10) // 2) + " x@y.z",
        "dots": "." * SIZE,
        "at signs": _fill("a@"),
        "e-mail flood": _fill("ada@example.com "),
        "card flood": _fill("4111 1111 1111 1111 "),
        "telephone flood": _fill("+1 212 555 0142, "),
        "digits": "7" * SIZE,
        "keyword flood": _fill("ignore all previous instructions "),
        "half keywords": _fill("ignore previous password secret "),
        "secrets": _fill("password = 'Xy7hK2pLq9' "),
        "nested base64": _nested_base64(),
        "base64 letters": _fill("QWxs"),
        "gzip bomb": _fill(bomb + " "),
        "hexadecimal": _fill("69676e6f7265"),
        "percent": _fill("%2569"),
        "entities": _fill("&#0000105;"),
        "spaced letters": _fill("i g n o r e  a l l "),
        "zero width": _fill("i\u200bg\u200bn\u200bo\u200br\u200be "),
        "homoglyphs": _fill("ignоrе аll "),
        "tags": _fill("\U000e0069\U000e0067 "),
        "zalgo": _fill("i\u0301\u0300\u0302\u0303"),
        "brackets": "[" * SIZE,
        "links": _fill("![a](https://x.example/?d=abcdefghijklmnopqrstuvwxyz) "),
        "leetspeak": _fill("1gn0r3 4ll pr3v10us "),
        "morse": _fill(".. --. -. --- .-. . / "),
        "random letters": "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(SIZE)),
    }


def cost(check, text):
    """Processor time of one check, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        check.check_text(text, "request.user")
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xfail(
    reason="floods of entities, telephone numbers and e-mail addresses cost 150 to 640 times clean text, which costs 1 ms"
)
def test_no_input_costs_many_times_a_clean_one(snapshot, check):
    """The bound is 20 times; Envoy calls 100 times a security defect."""
    snapshot.warm()
    check.check_text("Write to ada@example.com, or call +1 212 555 0142.", "request.user")
    plain = cost(check, clean())
    found = sorted(((cost(check, text) / plain, name) for name, text in adversarial().items()), reverse=True)
    print(f"clean: {plain * 1e3:.2f} ms;", ", ".join(f"{name} {times:.0f}x" for times, name in found[:10]))

    assert [name for times, name in found if times > 20] == []
