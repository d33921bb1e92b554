"""Deadlines of scheduled days: Airflow's triggerer sends an alert about a missed one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.models.callback import Callback
from airflow.models.dagrun import DagRun
from airflow.models.deadline import Deadline
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from sqlalchemy import delete, select, update

from include.config.alerts import Alerts
from mixpanel_aep.alerts.deadline import deadline_of
from tests.airflow.airflow_runner import Airflow, AirflowRun
from tests.airflow.alert_stage import DAY, SMTP, Stage, alert_stage
from tests.airflow.processes import Worker, wait_for
from tests.support.http_server import Reply
from tests.support.pipeline_runner import PIPELINES

pytestmark = pytest.mark.airflow


@pytest.fixture
def stage(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with alert_stage(airflow, monkeypatch, Reply(204)) as opened:
        yield opened


def deadlines(dag_id: str) -> list[Any]:
    with create_session() as session:
        query = select(DagRun.run_id, Deadline.deadline_time).join(Deadline).where(DagRun.dag_id == dag_id)
        return list(session.execute(query))


@pytest.fixture
def no_deadlines() -> Iterator[None]:
    yield
    with create_session() as session:
        session.execute(delete(Deadline))
        session.execute(update(Callback).values(trigger_id=None))
        session.execute(delete(Callback))
        session.execute(delete(Trigger))


def miss(run: AirflowRun) -> None:
    """As the scheduler does once the deadline has passed."""
    with create_session() as session:
        of_run = (DagRun.run_id == run.run_id, DagRun.dag_id == run.airflow.dag.dag_id)
        dag_run = session.scalars(select(DagRun).where(*of_run)).one()
        (deadline,) = session.scalars(select(Deadline).where(Deadline.dagrun_id == dag_run.id))
        assert deadline.deadline_time < datetime.now(UTC)
        deadline.handle_miss(session)


def ended() -> str:
    """The state of the callback, once it has ended."""

    def state() -> str | None:
        with create_session() as session:
            found = session.scalars(select(Callback.state).join(Deadline).where(Deadline.missed)).one()
            return str(found) if found in ("success", "failed") else None

    return str(wait_for(state))


def test_a_scheduled_day_has_a_deadline_and_the_others_have_none(stage: Stage, no_deadlines: None) -> None:
    stage.settings(late_after_hours=2.5)
    stage.airflow.run("by-hand")
    stage.airflow.run("of-many", kind="backfill")
    stage.airflow.run("x", kind="scheduled")
    (found,) = deadlines(stage.airflow.dag.dag_id)
    pipeline = stage.airflow.scenario.pipeline
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=pipeline.mixpanel.day_zone) + timedelta(days=1)
    assert found.run_id == "scheduled__x"
    assert found.deadline_time == midnight + timedelta(hours=pipeline.settle_hours + 2.5)


@pytest.mark.parametrize(
    "alerts",
    [None, {"late_after_hours": None, "notifiers": [{"class": SMTP}]}, {"notifiers": [{"class": SMTP, "kinds": ["failed"]}]}],
)  # fmt: skip
def test_without_alerts_or_without_a_limit_no_day_has_a_deadline(alerts: dict[str, Any] | None) -> None:
    settings = Alerts.model_validate(alerts) if alerts else None
    assert deadline_of(PIPELINES["hostile"].model_copy(update={"alerts": settings})) is None


def test_a_missed_deadline_is_an_alert_that_a_real_triggerer_sends_once(
    stage: Stage, worker: Worker, no_deadlines: None
) -> None:
    run = stage.airflow.run("x", kind="scheduled")
    with worker.triggerer():
        miss(run)
        assert ended() == "success"
    assert stage.kinds() == ["late"]
    name = stage.airflow.scenario.pipeline.name
    assert re.fullmatch(
        rf"Day {DAY} of pipeline {name} is not in AEP 6 hours after it settled; its run is running.",
        stage.received()[0]["sentence"],
    )
    assert stage.mail.subjects == [f"mixpanel-aep {name} {DAY}: late"]


def test_a_missed_deadline_of_a_day_that_another_run_has_loaded_causes_no_alert(
    stage: Stage, worker: Worker, no_deadlines: None
) -> None:
    run = stage.airflow.run("x", kind="scheduled")
    stage.airflow.run("by-hand").green()
    with worker.triggerer():
        miss(run)
        assert ended() == "success"
    assert stage.kinds() == []
