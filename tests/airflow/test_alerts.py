"""Alerts through Airflow: its tasks, a real mail server and a real webhook."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun as DagRunOfApi
from airflow.api_fastapi.execution_api.datamodels.taskinstance import TIRunContext
from airflow.callbacks.callback_requests import TaskCallbackRequest
from airflow.dag_processing.dagbag import DagBag
from airflow.dag_processing.processor import _execute_task_callbacks
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from include.config.airflow import AirflowSettings
from mixpanel_aep.alerts.callbacks import run_failed
from tests.airflow.airflow_runner import BUNDLE, PROJECT, Airflow, AirflowRun
from tests.airflow.alert_stage import DAY, HOOK_SECRET, PATH_SECRET, SMTP, WEBHOOK, Stage, alert_stage
from tests.faults.case import three
from tests.faults.cases.export import with_more
from tests.faults.process_run import DAYS, STEPS
from tests.faults.scenario import event
from tests.support.http_server import Reply

pytestmark = pytest.mark.airflow


@pytest.fixture
def stage(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Stage]:
    with alert_stage(airflow, monkeypatch, getattr(request, "param", Reply(204))) as opened:
        yield opened


def break_mixpanel(changed: pytest.MonkeyPatch) -> None:
    """The service account's secret was changed in Mixpanel."""
    name = "AIRFLOW_CONN_MIXPANEL_HOSTILE"
    changed.setenv(name, json.dumps({**json.loads(os.environ[name]), "password": "another-not-real"}))


def fail_export(stage: Stage, monkeypatch: pytest.MonkeyPatch, run: AirflowRun) -> None:
    with monkeypatch.context() as changed:
        break_mixpanel(changed)
        assert run.attempt("export") == "failed"


def test_a_failed_day_is_one_mail_and_one_post_however_often_it_fails_for_that_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage.airflow.run("first", kind="scheduled")
    fail_export(stage, monkeypatch, run)
    name = stage.airflow.scenario.pipeline.name
    assert stage.mail.subjects == [f"mixpanel-aep {name} {DAY}: failed"]
    assert stage.mail.messages[0]["To"] == "on-call@example.com"
    (post,) = stage.received()
    assert post["sentence"].startswith(f"Day {DAY} of pipeline {name} failed in export: Mixpanel rejected")
    assert post["remedy"]
    link = f"https://airflow.example.com/mixpanel-aep/board/day/{stage.airflow.dag.dag_id}/{DAY}"
    assert post["link"] == link
    assert link in stage.mail.text()
    assert stage.hook.requests[0].headers["Authorization"] == f"Bearer {HOOK_SECRET}"
    run.clear("export")
    fail_export(stage, monkeypatch, run)
    fail_export(stage, monkeypatch, stage.airflow.run("second"))
    assert len(stage.mail.messages) == len(stage.received()) == 1
    run.clear("export")
    run.green()
    assert len(stage.mail.messages) == len(stage.received()) == 1


def test_the_days_of_a_backfill_that_fail_for_one_reason_are_one_alert(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in DAYS:
        fail_export(stage, monkeypatch, stage.airflow.run(f"of-{day}", day, kind="backfill"))
    assert stage.kinds() == ["failed"]
    assert "Other days of the backfill" in stage.received()[0]["remedy"]


def test_a_green_day_with_much_quarantine_is_an_alert_and_its_rerun_is_not(stage: Stage) -> None:
    stage.airflow.scenario.add(with_more("n", '"x":NaN'))
    run = stage.airflow.run("first", kind="scheduled").run_partition()
    assert stage.kinds() == ["quarantine"]
    (post,) = stage.received()
    assert "1 of 4 events of" in post["sentence"]
    assert f"/mixpanel-aep/board/report/{stage.airflow.dag.dag_id}/{DAY}" in post["link"]
    assert len(stage.mail.messages) == 1
    run.clear(*STEPS)
    run.run_partition()
    stage.airflow.run("second").run_partition()
    assert stage.kinds() == ["quarantine"]
    assert len(stage.mail.messages) == 1


def test_a_day_within_its_limits_causes_no_alert(stage: Stage) -> None:
    stage.airflow.run("first", kind="scheduled").green()
    assert stage.kinds() == []
    assert stage.mail.messages == []


def test_a_notifier_gets_the_kinds_that_it_is_named_for_and_its_own_texts(stage: Stage) -> None:
    stage.airflow.scenario.add(with_more("n", '"x":NaN'))
    payload = {"text": "{{ alert.sentence }}", "run": "{{ run_id }}"}
    stage.settings(
        notifiers=[
            {"class": SMTP, "kwargs": {"to": "a@example.com"}, "kinds": ["failed", "late"]},
            {"class": WEBHOOK, "kwargs": {"conn_id": "alerts_webhook", "payload": payload}},
        ]
    )
    stage.airflow.run("first", kind="scheduled").run_partition()
    assert stage.mail.messages == []
    (post,) = stage.received()
    assert post["run"] == "scheduled__first"
    assert "1 of 4 events" in post["text"]


def test_the_name_of_a_property_is_never_a_template(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client of Mixpanel chooses names; a template could read Airflow's variables."""
    monkeypatch.setenv("AIRFLOW_VAR_PRIVATE", "value-not-real-0815")
    run = stage.airflow.run("before", kind="scheduled").run_partition()
    write_index(stage)
    name = "{{ var.value.private }} <!channel> {{ 6 * 7 }}"
    stage.airflow.scenario.add(
        event("Viewed", day=DAYS[1], key="new", **{name: 1}),
    )
    stage.airflow.run("after", DAYS[1], kind="scheduled").run_partition()
    assert run.state("ingest") == "success"
    assert stage.kinds() == ["properties"]
    for text in (stage.received()[0]["text"], stage.mail.text(), str(stage.mail.subjects)):
        assert "not-real" not in text
        assert "42" not in text
        assert "<!channel" not in text
    assert "?? var.value.private ?? ??channel?" in stage.received()[0]["text"]


def write_index(stage: Stage) -> None:
    """As the audit of the reconcile DAG does."""
    from include.board.index import write_board_index
    from include.steps.reconcile.audit import Audit

    scenario = stage.airflow.scenario
    write_board_index(
        scenario.history, scenario.pipeline.name, Audit(scenario.pipeline.name, ()), datetime.now(UTC)
    )


@pytest.mark.parametrize("stage", [Reply(500)], indirect=True)
def test_an_alert_that_cannot_be_sent_leaves_the_day_green_says_why_and_is_sent_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    stage.airflow.scenario.add(with_more("n", '"x":NaN'))
    with monkeypatch.context() as changed:
        changed.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": 9,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "a@example.com", "retry_limit": 1}}))  # fmt: skip
        run = stage.airflow.run("first", kind="scheduled").run_partition()
    heard = caplog.text + "".join(capfd.readouterr())
    assert "was not sent through SmtpNotifier. ConnectionRefusedError" in heard
    assert (
        "was not sent through WebhookNotifier. RequestRefused: The webhook of connection alerts_webhook"
        in heard
    )
    assert HOOK_SECRET not in heard
    assert PATH_SECRET not in heard
    assert stage.mail.messages == []
    run.clear("ingest")
    run.run_partition()
    assert len(stage.mail.messages) == 1, "it was not sent before"


def test_a_run_that_timed_out_is_an_alert_and_one_with_a_failed_task_has_one_already(stage: Stage) -> None:
    scenario = stage.airflow.scenario
    pipeline = scenario.pipeline.model_copy(update={"lake": scenario.where.lake})
    context = {"dag": stage.airflow.dag, "run_id": "scheduled__x"}
    run_failed(pipeline, {**context, "reason": "task_failure"})
    assert stage.kinds() == []
    run_failed(pipeline, {**context, "reason": "timed_out"})
    run_failed(pipeline, {**context, "reason": "timed_out"})
    assert stage.kinds() == ["failed"]
    assert "took longer than its time limit" in stage.received()[0]["sentence"]
    assert stage.airflow.dag.on_failure_callback
    assert stage.airflow.serialized().has_on_failure_callback


def test_a_task_whose_process_was_killed_is_an_alert_that_the_dag_processor_sends(stage: Stage) -> None:
    """The task itself can send nothing; the scheduler asks the DAG processor for its callback."""
    run = stage.airflow.run("x", kind="scheduled")
    run.queue("transform")
    with create_session() as session:
        ti = session.merge(run.found("transform"))
        request = TaskCallbackRequest(
            filepath="mixpanel_to_aep.py",
            bundle_name=BUNDLE,
            bundle_version=None,
            ti=ti,
            msg="killed",
            task_callback_type=TaskInstanceState.FAILED,
            context_from_server=TIRunContext(
                dag_run=DagRunOfApi.model_validate(ti.dag_run, from_attributes=True), max_tries=4
            ),
        )
    bag: Any = SimpleNamespace(dags={stage.airflow.dag.dag_id: stage.airflow.dag})
    _execute_task_callbacks(bag, request, structlog.get_logger())
    (post,) = stage.received()
    assert post["partition"] == str(DAY)
    assert (
        "failed in transform: The task reported no reason; its process may have been terminated."
        in post["sentence"]
    )


# Reconcile.


def reconcile(stage: Stage) -> dict[str, str]:
    """A run of the reconcile DAG of the pipeline, all of whose days are over; the states of its tasks."""
    pipeline = stage.airflow.scenario.pipeline
    found = DagBag(str(PROJECT / "dags/mixpanel_aep_reconcile.py")).dags[pipeline.reconcile_dag_id].test()
    with create_session() as session:
        of_run = (TaskInstance.dag_id == found.dag_id, TaskInstance.run_id == found.run_id)
        rows = session.execute(select(TaskInstance.task_id, TaskInstance.state).where(*of_run))
        return {task: str(state) for task, state in rows}


def test_reconcile_sends_missing_days_late_and_vanished_events_and_ending_credentials_once(
    stage: Stage,
) -> None:
    soon = str(datetime.now(UTC).date() + timedelta(days=20))
    days = {"start_date": DAYS[0], "end_date": DAYS[1], "late_days": 1, "missing_grace_hours": 1}
    where = stage.airflow.scenario.where
    stage.airflow.scenario.change(pipeline=where.pipeline.model_copy(update=days))
    stage.settings(credentials={"Mixpanel account": soon})
    scenario = stage.airflow.scenario
    scenario.add(*three(DAYS[1]))
    stage.airflow.run("x", DAYS[1], kind="scheduled").run_partition()
    assert stage.kinds() == []
    scenario.add(event("Viewed", day=DAYS[1], key="late-1"))
    gone = {"insert_ids": [f"i-Added-{DAYS[1]}"]}
    scenario.stage.post(f"/mixpanel/projects/{scenario.project_id}/deletions", gone)
    states = reconcile(stage)
    assert states["alerts"] == "success"
    assert states["audit"] == "failed", "a day is missing"
    texts = {alert["kind"]: alert["text"] for alert in stage.received()}
    assert sorted(stage.kinds()) == ["credentials", "missing", "refresh"], (
        "and not failed, for the missing day"
    )
    assert f"expires on {soon}, in 20 days" in texts["credentials"]
    assert (
        f"1 day of pipeline {scenario.pipeline.name} is missing in AEP: {DAYS[0]} (never run)"
        in texts["missing"]
    )
    assert f"{DAYS[1]}: 1 late event loaded" in texts["refresh"]
    assert f"{DAYS[1]}: Mixpanel no longer returns 1 of the loaded events" in texts["refresh"]
    reconcile(stage)
    assert len(stage.received()) == len(stage.mail.messages) == 3, "nothing is sent a second time"


def test_a_failed_task_of_reconcile_is_an_alert_about_its_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_mixpanel(monkeypatch)
    assert reconcile(stage)["refresh"] == "failed"
    failures = [alert for alert in stage.received() if alert["kind"] == "failed"]
    assert [alert["partition"] for alert in failures] == [""] * len(failures)
    dag_id = stage.airflow.scenario.pipeline.reconcile_dag_id
    assert any(alert["sentence"].startswith(f"{dag_id} failed in refresh: ") for alert in failures)


def test_the_failed_audit_is_an_alert_where_no_notifier_names_the_missing_days(stage: Stage) -> None:
    days = {"start_date": DAYS[0], "end_date": DAYS[1], "late_days": 0, "missing_grace_hours": 1}
    where = stage.airflow.scenario.where
    stage.airflow.scenario.change(pipeline=where.pipeline.model_copy(update=days))
    webhook = {"class": WEBHOOK, "kwargs": {"conn_id": "alerts_webhook"}, "kinds": ["failed"]}
    stage.settings(notifiers=[webhook])
    stage.airflow.scenario.add(*three(DAYS[1]))
    stage.airflow.run("x", DAYS[1], kind="scheduled").run_partition()
    assert reconcile(stage)["audit"] == "failed"
    assert [alert["kind"] for alert in stage.received() if "failed in audit" in alert["sentence"]] == [
        "failed"
    ]


def test_a_notifier_that_hangs_ends_with_the_task_and_reconcile_stays_green(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {"start_date": DAYS[0], "end_date": DAYS[0], "late_days": 0, "missing_grace_hours": 1}
    where = stage.airflow.scenario.where
    tasks = AirflowSettings.model_validate({"tasks": {"alerts": {"timeout_hours": 0.001}}})
    stage.airflow.scenario.change(pipeline=where.pipeline.model_copy(update={**days, "airflow": tasks}))
    stage.settings(
        credentials={"Mixpanel account": "2020-01-01"},
        notifiers=[{"class": WEBHOOK, "kwargs": {"conn_id": "alerts_webhook"}}],
    )
    stage.airflow.scenario.add(*three(DAY))
    stage.airflow.run("x", kind="scheduled").green()
    called: list[str] = []

    def hang(notifier: Any, context: Any) -> None:
        called.append(context["alert"].kind)
        Event().wait(60)

    monkeypatch.setattr("mixpanel_aep.alerts.webhook.WebhookNotifier.notify", hang)
    began = monotonic()
    states = reconcile(stage)
    assert called == ["credentials"]
    assert states["alerts"] == "success"
    assert monotonic() - began < 50
