"""Credentials are sent only to the services' own hosts, whatever a connection, a name server or a response says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from include.aep.client import AepClient
from include.aep.settings import AepSettings
from include.errors import AddressRefused, ConfigError, PipelineError, RedirectRefused, SchemaError, Terminal
from include.http.client import HttpClient
from include.http.error_rules import SERVER
from include.http.network import PRIVATE_VARIABLE, PROXY_VARIABLE, NetworkSettings
from include.http.peer_address import require_public, require_sandbox
from include.http.request import HttpRequest, RetryPolicy, Service
from include.http.sandbox_address import REAL_SERVICES, SANDBOXES_VARIABLE
from include.http.session import _require_allowed_peer, new_session
from include.mixpanel.client import MixpanelClient
from include.mixpanel.settings import MixpanelSettings
from tests.support.builders import array_of, map_of, schema
from tests.support.http_server import Reply, script, serve_http

ONCE = RetryPolicy(5, 5, attempts=1)


def mixpanel(**changes: Any) -> MixpanelSettings:
    fields: dict[str, Any] = {
        "conn_id": "a",
        "login": "user",
        "password": "secret",
        "host": None,
        "port": None,
    }
    extra = {"project_id": 1, "region": "us"} | changes.pop("extra", {})
    return MixpanelSettings.from_connection(**fields | changes, extra=extra)


def aep(**changes: Any) -> AepSettings:
    fields: dict[str, Any] = {
        "conn_id": "a",
        "login": "user",
        "password": "secret",
        "host": None,
        "port": None,
    }
    extra = {"org_id": "X@AdobeOrg", "aep_sandbox": "prod"} | changes.pop("extra", {})
    return AepSettings.from_connection(**fields | changes, extra=extra)


SERVICES: dict[str, Callable[..., MixpanelSettings | AepSettings]] = {"mixpanel": mixpanel, "aep": aep}
HOSTS = {
    "metadata": "169.254.169.254", "metadata-ipv6": "fd00:ec2::254", "metadata-name": "metadata.google.internal",
    "localhost": "localhost", "loopback": "127.0.0.1", "loopback-short": "127.1", "loopback-number": "2130706433",
    "loopback-octal": "0177.0.0.1", "loopback-ipv6": "::1", "any": "0.0.0.0", "private": "10.0.0.1",
    "plain-http": "http://data.mixpanel.com", "https": "https://platform.adobe.io", "file": "file:///etc/passwd",
    "user": "data.mixpanel.com@evil.example", "user-of-ours": "evil@platform.adobe.io", "path": "platform.adobe.io/x",
    "look-alike": "d\u0430ta.mixpanel.com", "look-alike-adobe": "pl\u0430tform.adobe.io", "idn": "xn--dta-6cd.mixpanel.com",
    "suffix": "platform.adobe.io.evil.example", "prefix": "evil-platform.adobe.io", "header": "platform.adobe.io\r\nX: y",
    "fullwidth": "\uff50latform.adobe.io", "dot": "platform.adobe.io.", "port": "platform.adobe.io:8443",
}  # fmt: skip


@pytest.mark.unit
@pytest.mark.case("M09")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("host", HOSTS, ids=lambda host: f"M09-{host}")
def test_m09_no_connection_names_another_host(service: str, host: str) -> None:
    with pytest.raises(ConfigError, match="has a host or port"):
        SERVICES[service](host=HOSTS[host])


@pytest.mark.unit
@pytest.mark.case("M09")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("host", HOSTS, ids=lambda host: f"M09-{host}")
def test_m09_the_demo_flag_allows_only_this_machine(service: str, host: str) -> None:
    if HOSTS[host] in ("localhost", "127.0.0.1", "::1"):
        made = SERVICES[service](host=HOSTS[host], port=8123, extra={"sandbox": True})
        assert made.sandbox_url in ("http://localhost:8123", "http://127.0.0.1:8123", "http://[::1]:8123")
    else:
        with pytest.raises(ConfigError, match="a sandbox must be on this machine"):
            SERVICES[service](host=HOSTS[host], port=8123, extra={"sandbox": True})


ELSEWHERE = ["sandbox", "10.0.0.5", "sandbox.internal.example", "[fd00::5]"]


@pytest.mark.unit
@pytest.mark.case("M09")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_m09_a_sandbox_on_another_machine_must_be_listed(
    service: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address: dict[str, Any] = {"host": host, "port": 8123, "extra": {"sandbox": True}}
    for listed in (
        "",
        "http://127.0.0.1:*",
        f"http://{host}:*",
        f"http://{host}:8124",
        f"https://{host}:8123",
        host,
    ):
        monkeypatch.setenv(SANDBOXES_VARIABLE, listed)
        with pytest.raises(ConfigError, match=f"listed in {SANDBOXES_VARIABLE}"):
            SERVICES[service](**address)
    monkeypatch.setenv(SANDBOXES_VARIABLE, f"http://127.0.0.1:1, http://{host}:8123/")
    assert SERVICES[service](**address).sandbox_url == f"http://{host}:8123"
    monkeypatch.setenv("MIXPANEL_AEP_ENV", "production")
    with pytest.raises(ConfigError, match="this deployment as production"):
        SERVICES[service](**address)


@pytest.mark.unit
@pytest.mark.case("M09")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("host", [f"{prefix}{domain}{dot}" for domain in REAL_SERVICES for prefix in ("", "data.", "X.Y.")
                                  for dot in ("", ".")])  # fmt: skip
def test_m09_a_list_cannot_make_a_sandbox_of_a_real_service(
    service: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOXES_VARIABLE, f"http://{host}:8123")
    with pytest.raises(ConfigError, match="a sandbox must be on this machine"):
        SERVICES[service](host=host, port=8123, extra={"sandbox": True})


@pytest.mark.sandbox
@pytest.mark.case("M10")
def test_m10_an_unlisted_name_receives_nothing_wherever_it_resolves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A listed sandbox must be on this network: its name may not resolve to the internet or to metadata."""
    for peer in ("8.8.8.8", "169.254.169.254", "100.100.100.200", "2001:4860:4860::8888"):
        with pytest.raises(AddressRefused, match="is not a private address; no data was sent"):
            require_sandbox("sandbox", peer, listed=True)
    for peer in ("10.0.0.5", "172.18.0.3", "fd00::5", "127.0.0.1"):
        require_sandbox("sandbox", peer, listed=True)
    monkeypatch.setattr("include.http.session.is_listed_elsewhere", lambda url: url == "http://sandbox:8123")
    seen: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        "include.http.session.require_sandbox", lambda host, peer, *, listed: seen.append((host, listed))
    )
    with serve_http(script(Reply.json({}))) as served:
        port = int(served.url.rpartition(":")[2])
        rebind(monkeypatch, "127.0.0.1")
        new_session().get(f"http://sandbox:{port}/", timeout=5)
    assert seen == [("sandbox", False)], "another port than the listed one"


@pytest.mark.unit
@pytest.mark.case("M09")
@pytest.mark.parametrize("service", SERVICES)
def test_m09_the_demo_flag_has_no_effect_in_production(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_AEP_ENV", "production")
    with pytest.raises(ConfigError, match="this deployment as production"):
        SERVICES[service](host="127.0.0.1", port=8123, extra={"sandbox": True})


@pytest.mark.unit
@pytest.mark.case("M09")
def test_m09_every_real_address_is_https_and_in_the_table() -> None:
    urls = [url for region in ("us", "eu", "in") for made in [mixpanel(extra={"region": region})]
            for url in (made.data_url, made.app_url)]  # fmt: skip
    urls += [aep().platform_url, aep().ims_url]
    assert {url.removeprefix("https://") for url in urls} == {
        "data.mixpanel.com", "data-eu.mixpanel.com", "data-in.mixpanel.com", "mixpanel.com", "eu.mixpanel.com",
        "in.mixpanel.com", "platform.adobe.io", "ims-na1.adobelogin.com",
    }  # fmt: skip


EXTRAS: dict[str, Any] = {
    "verify": False, "proxies": {"https": "http://evil.example"}, "endpoint_url": "http://evil.example",
    "base_url": "https://evil.example", "cert": "/etc/passwd", "timeout": 0, "headers": {"X": "y"}, "trust_env": True,
    "ims_host": "evil.example", "allow_redirects": True, "__extra__": "{}", "Sandbox": True, "region ": "us", "": 1,
    "extra__mixpanel__host": "evil.example",
}  # fmt: skip


@pytest.mark.unit
@pytest.mark.case("M11")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("key", EXTRAS, ids=lambda key: f"M11-{key}")
def test_m11_an_unknown_extra_field_is_refused(service: str, key: str) -> None:
    with pytest.raises(ConfigError, match="has an unknown extra field") as refused:
        SERVICES[service](extra={key: EXTRAS[key]})
    assert "Known fields: " in str(refused.value)
    assert "evil" not in str(refused.value).replace(key, "")


@pytest.mark.sandbox
@pytest.mark.case("M10")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("service", SERVICES)
def test_m10_a_redirect_is_not_followed(service: str, status: int) -> None:
    with serve_http(script(Reply.json({}))) as elsewhere:
        to = {"Location": f"{elsewhere.url}/latest/meta-data/"}
        with (
            serve_http(script(Reply(status, headers=to))) as served,
            pytest.raises(RedirectRefused) as refused,
        ):
            if service == "mixpanel":
                MixpanelClient(MixpanelSettings("u", "secret", 1, "us", served.url), retry_policy=ONCE).me()
            else:
                settings = AepSettings("a", "secret", "X@AdobeOrg", "prod", sandbox_url=served.url)
                AepClient(settings, retry_policy=ONCE).registry.tenant_id()
        assert elsewhere.requests == []
        assert len(served.requests) == 1
    assert isinstance(refused.value, Terminal)


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A port that accepts one connection, and what it received."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(1000))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(5)  # Every test has connected once by then.


def rebind(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A name server that resolves every name to one address."""
    real = socket.getaddrinfo

    def answer(host: str, port: int, *rest: Any, **more: Any) -> Any:
        return real(address, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def client() -> HttpClient:
    service = Service(
        "The service", (SERVER,), {}, lambda: ("secret",), lambda: {"Authorization": "Bearer secret"}
    )
    return HttpClient(service, retry_policy=ONCE)


@pytest.mark.sandbox
@pytest.mark.case("M10")
@pytest.mark.parametrize("private", ["", "allow"])
def test_m10_a_name_that_resolves_to_this_machine_receives_nothing(
    private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the open connection is checked, not an earlier or later lookup."""
    monkeypatch.setenv(PRIVATE_VARIABLE, private)
    rebind(monkeypatch, "127.0.0.1")
    with listening() as (port, heard):
        call = HttpRequest("GET", f"https://data.mixpanel.com:{port}/api/2.0/export", "export a day")
        with pytest.raises(
            AddressRefused, match=r"The host name data\.mixpanel\.com resolves to 127\.0\.0\.1"
        ) as refused:
            client().send(call)
    assert heard == [b""]
    assert isinstance(refused.value, Terminal)


@pytest.mark.sandbox
@pytest.mark.case("M10")
def test_m10_an_operators_proxy_may_be_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy resolves names; its own address may be private, and only the operator can configure it."""
    with listening() as (port, heard):
        monkeypatch.setenv(PROXY_VARIABLE, f"http://127.0.0.1:{port}")
        with pytest.raises(PipelineError, match="could not be reached"):
            client().send(HttpRequest("GET", "https://data.mixpanel.com/x", "ask"))
    assert heard[0].startswith(b"CONNECT data.mixpanel.com:443")
    assert b"secret" not in heard[0]


NEVER = [
    "127.0.0.1", "127.9.9.9", "::1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::1", "0.0.0.0", "0.1.2.3", "::",
    "224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "240.0.0.1", "255.255.255.255",
    "192.0.0.1", "192.0.0.170", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
    "100::1", "2001:db8::1", "3fff::1", "3fff:fff::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1",
    "2001:20::1", "5f00::1", "4000::1", "200::1",
    "::127.0.0.1", "::10.0.0.1", "::169.254.169.254", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:10.0.0.1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:192.0.2.1",
    "64:ff9b::169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::255.255.255.255", "64:ff9b:1::127.0.0.1",
    "64:ff9b:1:ffff::169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a00:1::", "2002:808:808::1",
    "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "::ffff:168.63.129.16", "64:ff9b::168.63.129.16",
    "2600:1901::5efe:127.0.0.1", "2600:1901::200:5efe:169.254.169.254",
]  # fmt: skip
INSIDE = [
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
    "198.18.0.1", "198.19.255.255", "fd00:ec2::1", "fc00::1", "fdff::1", "fec0::1", "feff::1", "::ffff:10.0.0.1",
    "::ffff:100.64.0.1", "64:ff9b::10.0.0.1", "64:ff9b::192.168.0.1", "64:ff9b::100.64.0.1", "64:ff9b:1::8.8.8.8",
    "64:ff9b:1::10.0.0.1", "2600:1901::5efe:10.0.0.1",
]  # fmt: skip
PUBLIC = [
    "130.211.34.183", "35.186.241.51", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1",
    "198.17.255.255", "198.20.0.1", "192.0.1.1", "192.0.3.1", "223.255.255.255", "11.0.0.1", "126.255.255.255",
    "2600:1901:0:94b6::", "2a00:1450::1", "2001:4860:4860::8888", "2001:200::1", "3ffe::1", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.unit
@pytest.mark.case("M10")
@pytest.mark.parametrize("peer", NEVER)
def test_m10_some_addresses_are_never_a_service(peer: str) -> None:
    for private in (False, True):
        with pytest.raises(AddressRefused):
            require_public("platform.adobe.io", peer, private_network=private)


@pytest.mark.unit
@pytest.mark.case("M10")
@pytest.mark.parametrize("peer", INSIDE)
def test_m10_an_address_of_this_network_is_allowed_only_by_the_operator(peer: str) -> None:
    with pytest.raises(AddressRefused, match=PRIVATE_VARIABLE):
        require_public("platform.adobe.io", peer, private_network=False)
    require_public("platform.adobe.io", peer, private_network=True)


@pytest.mark.unit
@pytest.mark.case("M10")
@pytest.mark.parametrize("peer", PUBLIC)
def test_m10_a_public_address_is_allowed(peer: str) -> None:
    require_public("platform.adobe.io", peer, private_network=False)
    with pytest.raises(AddressRefused, match="not this machine"):
        require_sandbox("localhost", peer, listed=False)


@pytest.mark.unit
@pytest.mark.case("M10")
def test_m10_without_tls_only_this_machine_is_allowed() -> None:
    for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        require_sandbox("localhost", peer, listed=False)
    others = (
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "::",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
    )
    for peer in others:
        with pytest.raises(AddressRefused):
            require_sandbox("localhost", peer, listed=False)


@pytest.mark.sandbox
@pytest.mark.case("M10")
def test_m10_a_refused_connection_is_closed() -> None:
    def refuse(peer: str) -> None:
        raise AddressRefused("No.", "Never.")

    with socket.create_server(("127.0.0.1", 0)) as server:
        connected = socket.create_connection(server.getsockname())
        with pytest.raises(AddressRefused):
            _require_allowed_peer(connected, refuse)
    assert connected.fileno() == -1


@pytest.mark.unit
@pytest.mark.case("M10")
@pytest.mark.parametrize("value", ["yes", "true", "1", "allow all"])
def test_m10_an_invalid_operator_setting_is_reported(value: str) -> None:
    with pytest.raises(ConfigError, match=PRIVATE_VARIABLE):
        NetworkSettings.of_environment({PRIVATE_VARIABLE: value})
    assert NetworkSettings.of_environment({PRIVATE_VARIABLE: "Allow "}).private_network
    assert not NetworkSettings.of_environment({}).private_network


@pytest.mark.sandbox
@pytest.mark.case("M10")
@pytest.mark.parametrize("inside", ["field", "items", "map"])
def test_m10_a_schema_reference_to_elsewhere_fetches_nothing(inside: str) -> None:
    with serve_http(script(Reply.json({"type": "string"}))) as elsewhere:
        reference = {"$ref": f"{elsewhere.url}/schema.json"}
        wrapped = {"field": reference, "items": array_of(reference), "map": map_of(reference)}[inside]
        with pytest.raises(SchemaError, match="instead of resolving it"):
            schema(odd=wrapped).require_event()
        assert elsewhere.requests == []
