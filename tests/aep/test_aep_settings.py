"""An AEP connection reaches no other host, transport or header."""

from __future__ import annotations

from typing import Any

import pytest

from include.aep.settings import DEFAULT_SCOPES, AepSettings
from include.errors import ConfigError

pytestmark = pytest.mark.unit
SECRET = "p8e-canary+secret"
EXTRA = {"org_id": "0123456789ABCDEF@AdobeOrg", "aep_sandbox": "prod"}


def settings(**changes: Any) -> AepSettings:
    fields: dict[str, Any] = {
        "conn_id": "adobe",
        "login": "a1b2c3",
        "password": SECRET,
        "host": None,
        "port": None,
        "extra": EXTRA,
    }
    return AepSettings.from_connection(**fields | changes)


def test_the_hosts_are_adobes() -> None:
    made = settings()
    assert made.platform_url == "https://platform.adobe.io"
    assert made.ims_url == "https://ims-na1.adobelogin.com"
    assert made.scopes == DEFAULT_SCOPES
    assert settings(host="platform.adobe.io", port=443) == made


@pytest.mark.parametrize(
    ("scopes", "read"),
    [("openid, AdobeID", ("openid", "AdobeID")), (["openid"], ("openid",)), ("", DEFAULT_SCOPES), (None, DEFAULT_SCOPES)],
)  # fmt: skip
def test_scopes_as_list_or_text(scopes: object, read: tuple[str, ...]) -> None:
    assert settings(extra=EXTRA | {"scopes": scopes}).scopes == read


@pytest.mark.parametrize(
    "host", ["platform.adobe.io.evil.example", "127.0.0.1", "ims-na1.adobelogin.com", "http://x"]
)
def test_other_hosts_are_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="host or port"):
        settings(host=host)


def test_a_sandbox_must_be_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = EXTRA | {"sandbox": True}
    made = settings(host="127.0.0.1", port=9, extra=extra)
    assert made.platform_url == made.ims_url == "http://127.0.0.1:9"
    with pytest.raises(ConfigError, match="on this machine"):
        settings(host="platform.adobe.io", port=443, extra=extra)
    monkeypatch.setenv("MIXPANEL_AEP_ENV", "production")
    with pytest.raises(ConfigError, match="this deployment as production"):
        settings(host="127.0.0.1", port=9, extra=extra)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": ""}, "login"),
        ({"login": "a\r\nX-Evil: 1"}, "login"),
        ({"password": None}, "password"),
        ({"password": "a b"}, "password"),
        ({"extra": EXTRA | {"org_id": "0123@adobeorg"}}, "org_id"),
        ({"extra": EXTRA | {"org_id": "0123@AdobeOrg\n"}}, "org_id"),
        ({"extra": EXTRA | {"org_id": "@AdobeOrg"}}, "org_id"),
        ({"extra": EXTRA | {"aep_sandbox": "Prod"}}, "aep_sandbox"),
        ({"extra": EXTRA | {"aep_sandbox": "p/../q"}}, "aep_sandbox"),
        ({"extra": {"org_id": "0@AdobeOrg"}}, "aep_sandbox"),
        ({"extra": EXTRA | {"scopes": ["a b"]}}, "scopes"),
        ({"extra": EXTRA | {"scopes": [1]}}, "scopes"),
        ({"extra": EXTRA | {"scopes": 5}}, "scopes"),
        ({"extra": EXTRA | {"scopes": ","}}, "scopes"),
        ({"extra": EXTRA | {"org": "x"}}, "org_id"),
        ({"extra": EXTRA | {"verify": False}}, "verify"),
        ({"extra": EXTRA | {"endpoint_url": "http://x"}}, "endpoint_url"),
    ],
)
def test_an_invalid_field_is_named_without_its_value(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**changes)
    assert field in str(caught.value)
    assert "adobe" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "Evil" not in str(caught.value)


def test_repr_shows_no_secret() -> None:
    made = settings()
    assert all(secret not in repr(made) + str(made) for secret in made.secrets)
    assert "p8e-canary%2Bsecret" in made.secrets


def test_the_organization_may_be_in_the_field_of_airflows_form() -> None:
    made = settings()
    assert settings(extra={"aep_sandbox": "prod"}, schema=made.org_id) == made
    with pytest.raises(ConfigError, match="org_id of the extra fields differs from the field of the form"):
        settings(schema="OTHER@AdobeOrg")
