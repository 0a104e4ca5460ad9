"""TLS and mutual TLS on both hosts: who gets in, and what the handler learns of them."""

import datetime as dt
import ipaddress

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.wrappers_pb2 import BytesValue, StringValue


def write(path, content):
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


class Authority:
    """A certificate authority for one test run."""

    def __init__(self, folder, name):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._build(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self.file = write(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))

    def _build(self, name, key, *extensions):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, name, *alternatives):
        """Return the files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._build(subject, key, x509.SubjectAlternativeName(alternatives))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            write(self._folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            write(self._folder / f"{name}.key", private),
        )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Certificates of a server, a client, and a client of somebody else."""
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    return {
        "authority": ours.file,
        "server": ours.issue("server", x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        "client": ours.issue(
            "client", x509.UniformResourceIdentifier("spiffe://lab/client"), x509.DNSName("client.lab")
        ),
        "stranger": theirs.issue("stranger", x509.DNSName("stranger.lab")),
    }


def credentials(files, name=None):
    """What a client shows: nothing, or a certificate."""
    if name is None:
        return grpc.ssl_channel_credentials(files["authority"].read_bytes())
    certificate, key = files[name]
    return grpc.ssl_channel_credentials(files["authority"].read_bytes(), key.read_bytes(), certificate.read_bytes())


def peer(address, shown):
    """Who the server says we are."""
    with grpc.secure_channel(address, shown) as channel:
        call = channel.unary_unary("/test.Echo/Peer", BytesValue.SerializeToString, StringValue.FromString)
        return call(BytesValue(), timeout=5).value


def test_tls_serves_whoever_trusts_the_authority(host, serving, files):
    """Without a certificate of its own a client gets in, and has no name."""
    certificate, key = files["server"]
    with serving(host, tls_cert=certificate, tls_key=key) as served:
        assert peer(served.address, credentials(files)).count(" ") == 0


def test_plain_text_is_not_answered_on_a_tls_port(host, serving, files):
    """A client without TLS gets no answer."""
    certificate, key = files["server"]
    with (
        serving(host, tls_cert=certificate, tls_key=key) as served,
        grpc.insecure_channel(served.address) as channel,
        pytest.raises(grpc.RpcError),
    ):
        channel.unary_unary("/test.Echo/Unary")(b"", timeout=2)


def test_mutual_tls_names_the_client(host, serving, files):
    """The handler learns the URI and the DNS name of the certificate that was verified."""
    certificate, key = files["server"]
    with serving(host, tls_cert=certificate, tls_key=key, client_ca=files["authority"]) as served:
        names = peer(served.address, credentials(files, "client")).split()[1:]

    assert sorted(names) == ["client.lab", "spiffe://lab/client"]


@pytest.mark.parametrize("shown", [None, "stranger"])
def test_mutual_tls_keeps_others_out(host, serving, files, shown):
    """No certificate, or one of another authority: no call gets through."""
    certificate, key = files["server"]
    with (
        serving(host, tls_cert=certificate, tls_key=key, client_ca=files["authority"]) as served,
        pytest.raises(grpc.RpcError),
    ):
        peer(served.address, credentials(files, shown))


def test_forged_client_names_are_dropped(host, serving):
    """What a client says of itself in Envoy's own header never becomes its name."""
    with serving(host) as served, grpc.insecure_channel(served.address) as channel:
        call = channel.unary_unary("/test.Echo/Peer", BytesValue.SerializeToString, StringValue.FromString)
        answer = call(BytesValue(), metadata=(("x-forwarded-client-cert", "URI=spiffe://lab/admin"),), timeout=5)

    assert "spiffe" not in answer.value


def test_certificate_that_cannot_be_read_ends_the_start(launch, tmp_path):
    """Exit code 78, before anything listens."""
    process = launch("grpcio", tls_cert=tmp_path / "none.pem", tls_key=tmp_path / "none.key")
    process.communicate(timeout=20)

    assert process.returncode == 78
