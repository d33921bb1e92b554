"""``alerts test``: a person tries the notifiers of a pipeline file, with a real mail server and a real webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from include.cli.__main__ import main
from include.config.loader import PIPELINES
from tests.airflow.alert_stage import HOOK_SECRET, PATH_SECRET, SMTP, WEBHOOK, connected_receivers
from tests.support.command_line import Printed
from tests.support.http_server import HttpServer, Reply
from tests.support.mail_server import MailServer

pytestmark = pytest.mark.airflow
MAIL = {"class": SMTP, "kwargs": {"to": "on-call@example.com"}, "kinds": ["failed", "late"]}
HOOK = {"class": WEBHOOK, "kwargs": {"conn_id": "alerts_webhook"}, "kinds": ["missing", "late"]}
Try = Callable[..., Printed]


@dataclass
class Receivers:
    """The two places that receive alerts."""

    mail: MailServer
    hook: HttpServer


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Receivers]:
    reply = getattr(request, "param", Reply(204))
    with connected_receivers(monkeypatch, reply) as (mail, hook):
        yield Receivers(mail, hook)


@pytest.fixture
def try_alerts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Try:
    """Return a function that writes a pipeline with some notifiers and runs the command."""

    def run(notifiers: list[dict[str, object]], *options: str) -> Printed:
        text = (PIPELINES / "shop.yaml").read_text(encoding="utf-8")
        more = yaml.safe_dump({"alerts": {"notifiers": notifiers}}) if notifiers else ""
        (tmp_path / "shop.yaml").write_text(text + more, encoding="utf-8")
        lake = f"file://{tmp_path}/lake"
        code = main(["alerts", "test", "shop", "--pipelines", str(tmp_path), "--lake", lake, *options])
        found = capsys.readouterr()
        assert HOOK_SECRET not in found.out + found.err
        assert PATH_SECRET not in found.out + found.err
        return Printed(code, found.out, found.err)

    return run


def test_each_notifier_sends_one_message_that_says_that_it_is_a_test(
    receivers: Receivers, try_alerts: Try, tmp_path: Path
) -> None:
    for _ in range(2):
        found = try_alerts([MAIL, HOOK])
        assert found.code == 0, found
        assert "ok sent      SmtpNotifier, kind failed" in found.out
        assert "ok sent      WebhookNotifier, kind missing" in found.out
    assert receivers.mail.subjects == ["mixpanel-aep shop: test of an alert, failed"] * 2
    assert receivers.mail.messages[0]["To"] == "on-call@example.com"
    assert "This is a test of the alerts of pipeline shop (kind failed)" in receivers.mail.text()
    post = json.loads(receivers.hook.requests[0].body)
    assert (post["kind"], post["remedy"]) == ("missing", "No action is needed.")
    assert post["link"] == "https://airflow.example.com/mixpanel-aep/board/dag/mixpanel_to_aep_shop"
    assert receivers.hook.requests[0].headers["Authorization"] == f"Bearer {HOOK_SECRET}"
    assert not (tmp_path / "lake").exists(), "the lake remembers no test"


def test_a_kind_is_sent_by_the_notifiers_that_are_named_for_it(receivers: Receivers, try_alerts: Try) -> None:
    found = try_alerts([MAIL, HOOK], "--kind", "missing", "--json")
    assert found.json["deliveries"] == [
        {"notifier": SMTP, "kind": None, "cause": ""},
        {"notifier": WEBHOOK, "kind": "missing", "cause": ""},
    ]
    assert "skipped   SmtpNotifier" in try_alerts([MAIL], "--kind", "missing").out
    assert try_alerts([MAIL, HOOK], "--kind", "late", "--kind", "failed").code == 0
    assert receivers.mail.subjects == [
        f"mixpanel-aep shop: test of an alert, {kind}" for kind in ("failed", "late")
    ]
    assert [json.loads(each.body)["kind"] for each in receivers.hook.requests] == ["missing", "late"]


@pytest.mark.parametrize("receivers", [Reply(403)], indirect=True)
def test_a_message_that_was_not_sent_has_its_cause_and_exit_code_1(
    receivers: Receivers, try_alerts: Try
) -> None:
    wrong = {**MAIL, "kwargs": {"to": "airflow@example.com", "smtp_conn_id": "no_such_connection"}}
    found = try_alerts([HOOK, wrong])
    assert found.code == 1
    assert "RequestRefused: The webhook of connection alerts_webhook responded with HTTP 403." in found.out
    assert (
        "no not sent  SmtpNotifier, kind failed: AirflowException: SMTP connection is not found." in found.out
    )
    assert receivers.mail.messages == []


def test_a_pipeline_without_alerts_and_an_unknown_kind_are_refused(try_alerts: Try) -> None:
    found = try_alerts([])
    assert (found.code, "The file of pipeline shop has no section alerts." in found.err) == (1, True)
    found = try_alerts([MAIL], "--kind", "fail")
    assert (found.code, "'fail' is not a kind of alert" in found.err) == (2, True)


def test_without_airflow_the_command_says_so(try_alerts: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.cli.local_airflow.find_spec", lambda _: None)
    found = try_alerts([MAIL])
    assert found.code == 1
    assert "Airflow is not installed and configured on this machine." in found.err
    assert "Hint: Run the command where Airflow's tasks run" in found.err
