"""A connection reaches no other host, transport or header."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import ConfigError
from include.mixpanel.settings import APP_HOSTS, DATA_HOSTS, MixpanelSettings

pytestmark = pytest.mark.unit
SECRET = "canary-s3cret-4711"


def settings(**changes: Any) -> MixpanelSettings:
    fields: dict[str, Any] = {
        "conn_id": "shop",
        "login": "svc.abc123.mp-service-account",
        "password": SECRET,
        "host": "",
        "port": None,
        "extra": {"region": "eu", "project_id": 2384945},
    }
    return MixpanelSettings.from_connection(**fields | changes)


def extra(**changes: Any) -> dict[str, Any]:
    return {"region": "eu", "project_id": 2384945} | changes


@pytest.mark.parametrize("region", ["us", "eu", "in"])
def test_a_region_decides_the_hosts(region: str) -> None:
    made = settings(extra=extra(region=region))
    assert made.data_url == f"https://{DATA_HOSTS[region]}"
    assert made.app_url == f"https://{APP_HOSTS[region]}"
    assert region not in made.other_regions.split(" or ")


def test_the_regions_host_may_be_written() -> None:
    assert settings(host="data-eu.mixpanel.com", port=443) == settings()


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("data.mixpanel.com", None),  # Another region's.
        ("169.254.169.254", None),
        ("localhost", 8080),
        ("http://data-eu.mixpanel.com", None),
        ("file:///etc/passwd", None),
        ("user@data-eu.mixpanel.com", None),
        ("d\u0430ta-eu.mixpanel.com", None),  # A Cyrillic a.
        ("data-eu.mixpanel.com.evil.example", None),
        ("data-eu.mixpanel.com\r\nX-A: b", None),
        ("", 80),
        ("data-eu.mixpanel.com", 8443),
    ],
)
def test_other_hosts_and_ports_are_refused(host: str, port: int | None) -> None:
    with pytest.raises(ConfigError, match="Connection shop has a host or port"):
        settings(host=host, port=port)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "::1", "[::1]"])
def test_a_sandbox_on_this_machine_is_accepted(host: str) -> None:
    made = settings(host=host, port=8123, extra=extra(sandbox=True))
    assert made.data_url == made.app_url == made.sandbox_url
    assert made.data_url.startswith("http://")
    assert made.data_url.endswith(":8123")


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "169.254.169.254", "data.mixpanel.com", "127.0.0.1.evil.example", "0.0.0.0", "0177.0.0.1",
     "::ffff:127.0.0.1", "localhost@evil.example", "localhost/x", "localhost\n", "", "http://localhost"],
)  # fmt: skip
def test_a_sandbox_elsewhere_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="sandbox"):
        settings(host=host, port=8123, extra=extra(sandbox=True))


@pytest.mark.parametrize("port", [None, 0, -1, 65536])
def test_a_sandbox_needs_a_port(port: int | None) -> None:
    with pytest.raises(ConfigError):
        settings(host="127.0.0.1", port=port, extra=extra(sandbox=True))


def test_production_allows_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_AEP_ENV", "production")
    settings()
    with pytest.raises(ConfigError, match="this deployment as production"):
        settings(host="127.0.0.1", port=8123, extra=extra(sandbox=True))
    with pytest.raises(ConfigError, match="this deployment as production"):
        MixpanelSettings("u", SECRET, 1, "us", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("key", "near"),
    [("regoin", "region"), ("verify", None), ("proxies", None), ("endpoint_url", None), ("projectid", "project_id")],
)  # fmt: skip
def test_an_unknown_extra_field_is_refused_by_name(key: str, near: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(extra=extra(**{key: False}))
    assert repr(key) in str(caught.value)
    assert "project_id, region, sandbox" in str(caught.value)
    assert (f"did you mean {near!r}" in str(caught.value)) is (near is not None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": ""}, "login"),
        ({"login": None}, "login"),
        ({"login": "a:b"}, "login"),
        ({"login": "a\r\nX-Evil: 1"}, "login"),
        ({"password": ""}, "password"),
        ({"password": "a\nb"}, "password"),
        ({"extra": {"region": "us"}}, "project_id"),
        ({"extra": extra(project_id="12&x=1")}, "project_id"),
        ({"extra": extra(project_id="12\n")}, "project_id"),
        ({"extra": extra(project_id="\u0661\u0662")}, "project_id"),
        ({"extra": extra(project_id=-3)}, "project_id"),
        ({"extra": extra(project_id=True)}, "project_id"),
        ({"extra": extra(region="ru")}, "region"),
        ({"extra": extra(sandbox="maybe")}, "sandbox"),
        ({"extra": extra(sandbox=1)}, "sandbox"),
    ],
)
def test_an_invalid_field_is_named_without_its_value(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**changes)
    assert field in str(caught.value)
    assert "shop" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "Evil" not in str(caught.value)


def test_text_values_are_accepted_because_a_uri_has_no_others() -> None:
    made = settings(extra={"region": "EU", "project_id": "2384945", "sandbox": "False"})
    assert made == settings()
    assert settings(extra={"project_id": "1"}).region == "us"


def test_repr_shows_no_credentials() -> None:
    made = settings()
    for text in (repr(made), str(made), f"{made}"):
        assert SECRET not in text
        assert made.basic_token not in text
        assert "2384945" in text


def test_the_project_may_be_in_the_field_of_airflows_form() -> None:
    assert settings(extra={"region": "eu"}, schema="2384945") == settings()
    assert settings(schema="2384945") == settings(), "in both places"
    with pytest.raises(
        ConfigError, match="project_id of the extra fields differs from the field of the form"
    ):
        settings(schema="7")
