"""An upstream behind TLS: its name and authority are checked, and a stranger gets nothing."""

import datetime as dt
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidecar.gateway.demo import DemoUpstream
from sidecar.gateway.run import Settings, run
from tests.e2e.mesh import in_thread

pytestmark = pytest.mark.e2e

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}


def certificate(name, issuer=None):
    """Make a key and a certificate for a host; without an issuer it is an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_cert, issuer_key = issuer or (None, key)
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_cert.subject if issuer_cert else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()), key


def pem(value):
    """Write a certificate or key."""
    if isinstance(value, x509.Certificate):
        return value.public_bytes(serialization.Encoding.PEM)
    return value.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def authority():
    """The authority that everybody here trusts."""
    return certificate("test authority")


@pytest.fixture
def serve(authority, tmp_path):
    """Serve the echo upstream over TLS with a certificate for a name."""
    started = []

    def start(name, issuer=authority):
        cert, key = certificate(name, issuer)
        (tmp_path / "cert.pem").write_bytes(pem(cert) + pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem")
        upstream = DemoUpstream()
        upstream.socket = context.wrap_socket(upstream.socket, server_side=True)
        started.append(upstream.start())
        return f"https://localhost:{upstream.server_address[1]}"

    yield start
    for upstream in started:
        upstream.stop()


def status_through_gateway(snapshot, url):
    """Ask through a gateway in front of an upstream."""
    with in_thread(run(snapshot, Settings(listen="127.0.0.1:0", upstream=url, concurrency=1))) as gateway:
        answer = httpx.post(gateway.url + CHAT, json=BODY, timeout=20)
    return answer.status_code, answer.json()


CASES = {
    "good": ("localhost", True, 200),
    "wrong name": ("other.example", True, 503),
    "stranger": ("localhost", False, 503),
}


@pytest.fixture
def trusting(envoy, authority, tmp_path, monkeypatch):
    """Trust the authority as if the system did."""
    (tmp_path / "ca.pem").write_bytes(pem(authority[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("case", CASES)
def test_only_a_known_upstream_is_spoken_to(trusting, snapshot, serve, case):
    """The right name by the right authority; a wrong name or a stranger's certificate is no upstream."""
    name, known, status = CASES[case]
    url = serve(name) if known else serve(name, certificate("a stranger"))

    found, body = status_through_gateway(snapshot, url)

    assert found == status, body
    assert ("choices" if status == 200 else "error") in body


def test_name_with_a_dead_address_is_reached(envoy, snapshot):
    """`localhost` is looked up as ::1, too, where nobody listens: every request arrives all the same."""
    upstream = DemoUpstream().start()
    url = f"http://localhost:{upstream.server_address[1]}"
    try:
        with in_thread(run(snapshot, Settings(listen="127.0.0.1:0", upstream=url, concurrency=1))) as gateway:
            statuses = [httpx.post(gateway.url + CHAT, json=BODY, timeout=20).status_code for _ in range(20)]
    finally:
        upstream.stop()

    assert statuses == [200] * 20
