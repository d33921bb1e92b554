"""The webhook notifier: which address a connection means, what it posts, and that no error shows the address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.log import redact

from include.alerts.alert import Alert
from include.config.alerts import Alerts, NotifierSettings
from include.errors import ConfigError, PipelineError, RequestRefused, ServiceUnavailable
from mixpanel_aep.alerts.send import send
from mixpanel_aep.alerts.webhook import WebhookNotifier, _address
from tests.support.http_server import Reply, serve_http
from tests.support.pipeline_runner import PIPELINES

pytestmark = pytest.mark.airflow
ALERT = Alert("volume", "shop", date(2026, 7, 1), "It happened.", "Do this.", ("one",), "mixpanel-aep/board")


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "http", **fields}))


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"host": "https://hooks.example.com/a/b?c=d"}, "https://hooks.example.com/a/b?c=d"),
        ({"host": "hooks.example.com"}, "https://hooks.example.com"),
        ({"host": "hooks.example.com", "schema": "http", "port": 8080}, "http://hooks.example.com:8080"),
        ({"host": "https://hooks.example.com:1/a", "port": 8080}, "https://hooks.example.com:1/a"),
    ],
)
def test_the_address_is_the_host_or_made_of_its_parts(fields: Mapping[str, Any], address: str) -> None:
    connection = SimpleNamespace(**{"host": None, "schema": None, "port": None, **fields})
    assert _address(connection, "hook") == address


@pytest.mark.parametrize("host", [None, "", "file:///etc/passwd", "ftp://example.com", "https://"])
def test_an_invalid_address_of_a_webhook_is_refused_without_being_shown(host: str | None) -> None:
    with pytest.raises(ConfigError, match="has no address for a webhook"):
        _address(SimpleNamespace(host=host, schema=None, port=None), "hook")


def test_all_fields_are_posted_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_http(lambda _: Reply(200)) as server:
        connect(monkeypatch, host=server.url)
        WebhookNotifier("hook")({"alert": ALERT})
    (request,) = server.requests
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/json")
    assert json.loads(request.body) == ALERT.fields
    assert request.headers["Authorization"] is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404, b"secret body"), RequestRefused),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/other"}), RequestRefused),
        (Reply(wire=b""), ServiceUnavailable),
    ],
)
def test_a_receiver_that_does_not_accept_is_an_error_without_its_address(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, error: type[PipelineError]
) -> None:
    with serve_http(lambda _: reply) as server:
        connect(monkeypatch, host=f"{server.url}/path-not-real")
        with pytest.raises(error) as refused:
            WebhookNotifier("hook")({"alert": ALERT})
    assert "path-not-real" not in str(refused.value)
    assert "secret body" not in str(refused.value)
    assert len(server.requests) == 1, "no redirect is followed, and nothing is repeated"


def test_addresses_in_the_arguments_of_any_notifier_are_masked() -> None:
    """Addresses of chat services hold tokens, under names that do not say so."""
    kwargs = {
        "config": {"path": "slack://token-a-not-real/token-b-not-real"},
        "urls": ["https://x.example/y-not-real"],
    }
    settings = NotifierSettings.model_validate({"class": "not_installed.Notifier", "kwargs": kwargs})
    pipeline = PIPELINES["hostile"].model_copy(update={"alerts": Alerts(notifiers=(settings,))})
    assert send(pipeline, None, [ALERT], {}) == 0
    assert "not-real" not in str(redact(json.dumps(kwargs)))


def test_the_path_of_an_address_is_masked_in_the_errors_of_http_libraries() -> None:
    """They show it as ``url: /services/...``, without the host."""
    kwargs = {"target": "https://hooks.example.com/services/T000/B000/token-c-not-real?key=token-d-not-real"}
    short = {
        "text": "Runbook: https://wiki.example.com/mixpanel, then ask https://wiki.example.com/a/long/path"
    }
    for each in (kwargs, short, {"url": "http://[broken"}):
        settings = NotifierSettings.model_validate({"class": "not_installed.Notifier", "kwargs": each})
        pipeline = PIPELINES["hostile"].model_copy(update={"alerts": Alerts(notifiers=(settings,))})
        assert send(pipeline, None, [ALERT], {}) == 0
    error = (
        "Max retries exceeded with url: /services/T000/B000/token-c-not-real?key=token-d-not-real (Caused by"
    )
    assert "not-real" not in str(redact(error))
    assert "token-c" not in str(redact("POST /services/T000/B000/token-c-not-real HTTP/1.1"))
    assert redact("Open mixpanel-aep") == "Open mixpanel-aep"
