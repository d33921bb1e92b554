"""A pipeline with alerts, a mail server and a webhook that receive them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from include.config.alerts import Alerts
from tests.airflow.airflow_runner import Airflow
from tests.faults.process_run import DAYS
from tests.support.http_server import HttpServer, Reply, serve_http
from tests.support.mail_server import MailServer, serve_mail

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
WEBHOOK = "mixpanel_aep.alerts.webhook.WebhookNotifier"
HOOK_SECRET, PATH_SECRET = "hook-token-not-real-4711", "T000/B000/path-token-not-real"
DAY = DAYS[0]


@dataclass
class Stage:
    """A pipeline with alerts, and the two places that receive them."""

    airflow: Airflow
    mail: MailServer
    hook: HttpServer

    def settings(self, **changes: Any) -> None:
        alerts = {
            "notifiers": [
                {"class": SMTP, "kwargs": {"to": "on-call@example.com"}},
                {"class": WEBHOOK, "kwargs": {"conn_id": "alerts_webhook"}},
            ],
            **changes,
        }
        where = self.airflow.scenario.where
        pipeline = where.pipeline.model_copy(update={"alerts": Alerts.model_validate(alerts)})
        self.airflow.scenario.change(pipeline=pipeline)
        self.airflow.parse()

    def received(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.hook.requests]

    def kinds(self) -> list[str]:
        return [alert["kind"] for alert in self.received()]


@contextmanager
def connected_receivers(
    monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> Iterator[tuple[MailServer, HttpServer]]:
    """Start a mail server and a webhook that answers with ``reply``, and connect Airflow with both."""
    with ExitStack() as stack:
        mail = stack.enter_context(serve_mail())
        hook = stack.enter_context(serve_http(lambda _: reply))
        smtp = {
            "conn_type": "smtp", "host": "127.0.0.1", "port": mail.port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com", "retry_limit": 1},
        }  # fmt: skip
        address = {"conn_type": "http", "host": f"{hook.url}/{PATH_SECRET}", "password": HOOK_SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(smtp))
        monkeypatch.setenv("AIRFLOW_CONN_ALERTS_WEBHOOK", json.dumps(address))
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com")
        yield mail, hook


@contextmanager
def alert_stage(airflow: Airflow, monkeypatch: pytest.MonkeyPatch, reply: Reply) -> Iterator[Stage]:
    """Return a pipeline with alerts, whose webhook answers with ``reply``."""
    with connected_receivers(monkeypatch, reply) as (mail, hook):
        monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
        found = Stage(airflow, mail, hook)
        found.settings()
        yield found
