"""Promise 6, bounded, whatever a server does at the end of its response; and the effects of a company's network."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from include.clock import Clock
from include.errors import ConfigError, PipelineError, RequestRefused, ServiceUnavailable
from include.http.client import HttpClient
from include.http.error_rules import SERVER
from include.http.network import CA_VARIABLE, PROXY_VARIABLE, NetworkSettings, network_hint
from include.http.request import HttpRequest, RetryPolicy, Service
from tests.support.fake_clock import FakeClock
from tests.support.http_server import Reply, script, serve_http

CANARY = "canary-pr0xy-pass"


def client(clock: Clock, **retry_policy: float) -> HttpClient:
    service = Service("The service", (SERVER,), {"conn_id": "test"}, lambda: (), dict)
    return HttpClient(service, clock, RetryPolicy(5, 5, attempts=1, **retry_policy))  # type: ignore[arg-type]


def ask(url: str, clock: Clock | None = None, **retry_policy: float) -> bytes:
    return client(clock or FakeClock().clock, **retry_policy).send(HttpRequest("GET", url, "answer")).body


def chunked(body: bytes, *, status: int = 200, pad: int = 0) -> bytes:
    """Return a response in chunks of one byte, their sizes written with ``pad`` leading zeros."""
    pieces = b"".join(b"%s1\r\n%c\r\n" % (b"0" * pad, byte) for byte in body)
    return b"HTTP/1.1 %d x\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % (status, pieces)


_FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        _HINTS,
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\n\r\n",
        b"HTTP/1.1 199 Whatever\r\n\r\n",
        _HINTS + b"HTTP/1.1 100 Continue\r\n\r\n" + _HINTS,
    ],
)
def test_a_1xx_is_not_the_response(interim: bytes) -> None:
    with serve_http(script(Reply(wire=interim + _FINAL))) as served:
        assert ask(served.url) == b"ok"
        streamed = client(FakeClock().clock).stream(HttpRequest("GET", served.url, "answer"))
        assert (streamed.status, b"".join(streamed.chunks()), streamed.length) == (200, b"ok", 2)


@pytest.mark.sandbox
@pytest.mark.parametrize("interim", [_HINTS, _HINTS * 1000], ids=["and then nothing", "without end"])
def test_a_1xx_without_a_response_is_an_error(interim: bytes) -> None:
    with (
        serve_http(script(Reply(wire=interim))) as served,
        pytest.raises(ServiceUnavailable, match="could not be reached"),
    ):
        ask(served.url)


class Hurried(FakeClock):
    """A clock that advances four seconds at each reading."""

    @property
    def clock(self) -> Clock:
        def seconds() -> float:
            self.at += 4
            return self.at

        return Clock(seconds=seconds, sleep=self.sleep)


@pytest.mark.sandbox
def test_a_slow_stream_times_out() -> None:
    with serve_http(script(Reply(wire=chunked(b"x" * 50)))) as served:
        assert ask(served.url) == b"x" * 50
        with pytest.raises(ServiceUnavailable, match=r"did not end within 60 s\."):
            ask(served.url, Hurried().clock, body_seconds=60)


@pytest.mark.sandbox
def test_a_slow_error_body_times_out() -> None:
    with (
        serve_http(script(Reply(wire=chunked(b'{"code":"ODD-1"}' + b" " * 500, status=418)))) as served,
        pytest.raises(RequestRefused, match="HTTP 418, code ODD-1"),
    ):
        ask(served.url, Hurried().clock, body_seconds=100)


@pytest.mark.sandbox
def test_an_endless_response_does_not_exhaust_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.response._LARGEST_BODY_BYTES", 1000)
    with (
        serve_http(script(Reply(200, b"x" * 1001))) as served,
        pytest.raises(ServiceUnavailable, match="larger"),
    ):
        ask(served.url)


@pytest.mark.sandbox
def test_a_truncated_chunk_size_is_not_the_last_chunk() -> None:
    """``00001`` truncated after its first digit would be read as the empty chunk that ends a response."""
    whole = chunked(b"abc", pad=4)
    head = whole.index(b"\r\n\r\n") + 4
    for cut in range(head, whole.rindex(b"0\r\n\r\n") + 1):
        with serve_http(script(Reply(wire=whole[:cut]))) as served, pytest.raises(ServiceUnavailable):
            ask(served.url)
    with serve_http(script(Reply(wire=whole))) as served:
        assert ask(served.url) == b"abc"


@pytest.mark.sandbox
@pytest.mark.parametrize("size", [b"-1", b"+1", b"0x1", b"1_0", b"", b" 1", b"1" * 17])
def test_an_invalid_chunk_size_is_an_error(size: bytes) -> None:
    wire = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\na\r\n0\r\n\r\n" % size
    with serve_http(script(Reply(wire=wire))) as served, pytest.raises(ServiceUnavailable):
        ask(served.url)


@pytest.mark.unit
@pytest.mark.parametrize(
    "proxy",
    ["proxy.example.com:3128", "socks5://p:1", "http://", "http://p:99999", "http://p:0", "file:///x"],
)
def test_an_invalid_proxy_is_named_without_its_value(proxy: str) -> None:
    with pytest.raises(ConfigError, match=f"^{PROXY_VARIABLE} is not a valid proxy address") as caught:
        NetworkSettings.of_environment({PROXY_VARIABLE: proxy})
    assert proxy not in caught.value.sentence


@pytest.mark.unit
def test_network_settings_are_read_only_from_our_own_variables(tmp_path: Path) -> None:
    others = {"HTTPS_PROXY": "http://p:1", "REQUESTS_CA_BUNDLE": "/etc/x", "CURL_CA_BUNDLE": "/etc/y"}
    assert NetworkSettings.of_environment(others) == NetworkSettings()
    own = {PROXY_VARIABLE: f" http://user:{CANARY}@p:1 ", CA_VARIABLE: str(tmp_path)}
    found = NetworkSettings.of_environment(own)
    assert (found.proxy, found.ca_bundle) == (f"http://user:{CANARY}@p:1", tmp_path)
    assert CANARY not in repr(found)
    with pytest.raises(ConfigError, match=f"^{CA_VARIABLE} names '/nowhere/ca.pem'"):
        NetworkSettings.of_environment({CA_VARIABLE: "/nowhere/ca.pem"})


@pytest.mark.unit
def test_the_hint_follows_from_the_cause() -> None:
    assert CA_VARIABLE in network_hint("SSLError", {})
    assert PROXY_VARIABLE in network_hint("ProxyError", {})
    assert "https_proxy names a proxy, but only MIXPANEL_AEP_PROXY is used" in network_hint(
        "X", {"https_proxy": "http://p:1"}
    )
    both = {"HTTPS_PROXY": "http://p:1", PROXY_VARIABLE: "http://p:1"}
    assert network_hint("X", both) == network_hint("X", {})
    assert "firewall" in network_hint("X", {})


@pytest.mark.sandbox
def test_https_uses_the_proxy_and_its_password_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve_http(script(Reply(403, b"no"))) as proxy:
        monkeypatch.setenv(PROXY_VARIABLE, proxy.url.replace("//", f"//user:{CANARY}@"))
        with pytest.raises(ServiceUnavailable, match=r"ProxyError.*MIXPANEL_AEP_PROXY refused") as caught:
            ask("https://data.mixpanel.com/api/2.0/export")
        assert [(r.method, r.target) for r in proxy.requests] == [("CONNECT", "data.mixpanel.com:443")]
        assert proxy.requests[0].headers["Proxy-Authorization"]
        with serve_http(script(Reply(200, b"direct"))) as sandbox:
            assert ask(sandbox.url) == b"direct"
        assert len(proxy.requests) == 1
    assert CANARY not in f"{caught.value!r}{caught.value.__context__!r}{caplog.text}"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[str]:
    """A server whose certificate is trusted only through ``ca.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *args: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that does not trust the certificate disconnects during the handshake."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"https://localhost:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.sandbox
def test_a_companys_certificates_are_trusted_if_configured(
    secure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with pytest.raises(PipelineError, match=r"SSLError.*MIXPANEL_AEP_CA_BUNDLE"):
        ask(secure)
    monkeypatch.setenv(CA_VARIABLE, str(tmp_path / "ca.pem"))
    assert ask(secure) == b"secret"
