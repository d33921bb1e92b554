"""Concurrent runs, backfills, triggerers and workers, through Airflow itself (chapters O and R of the matrix)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.jobs.job import Job
from airflow.models.backfill import AlreadyRunningBackfill, ReprocessBehavior, _create_backfill
from airflow.models.trigger import Trigger
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.utils.session import create_session
from sqlalchemy import select

from mixpanel_aep.operators.setup import AepSetupOperator
from mixpanel_aep.triggers.batch import BatchTrigger
from tests.airflow.airflow_runner import PROJECT, Airflow
from tests.airflow.processes import Worker, wait_for
from tests.faults.process_run import DAYS, STEPS
from tests.faults.scenario import event
from tests.support.pipeline_runner import PIPELINES

pytestmark = pytest.mark.airflow


def test_a_killed_triggerer_is_replaced(airflow: Airflow, worker: Worker) -> None:
    """O07: the trigger moves to another triggerer, whose event is the only one."""
    # Defer before a triggerer sends heartbeats: SQLite may refuse a request that writes at the same time.
    run = airflow.watching()
    trigger_id = run.found("ingest").trigger_id
    with worker.triggerer() as first:
        one = wait_for(_triggerers)[0]
        wait_for(lambda: _triggerer_of(trigger_id) == one)
        with worker.triggerer():
            (other,) = wait_for(lambda: [job for job in _triggerers() if job != one])
            os.killpg(first, signal.SIGKILL)
            wait_for(lambda: _triggerer_of(trigger_id) == other)
            airflow.an_hour_later()
            wait_for(lambda: run.state("ingest") == "scheduled")
            assert run.found("ingest").trigger_id is None
    run.green()


def _triggerers() -> list[int]:
    with create_session() as session:
        query = select(Job.id).where(Job.job_type == "TriggererJob", Job.latest_heartbeat.is_not(None))
        return list(session.scalars(query))


def _triggerer_of(trigger_id: int | None) -> int | None:
    found = Trigger.bulk_fetch([trigger_id]) if trigger_id else {}
    return found[trigger_id].triggerer_id if trigger_id in found else None


def test_two_manual_runs_of_one_partition_at_once(airflow: Airflow, worker: Worker) -> None:
    """O01: one run is overtaken between its claim and its batch, reports this, and finds the work done when retried."""
    one, other = airflow.run("one").run_partition("stage"), airflow.run("other")
    worker.start(one, "ingest", "ledger.claimed.after:1=stop")
    overtaken = worker.stopped_task()
    other.run_partition()
    overtaken.resume()
    assert worker.wait() == 0
    assert one.state("ingest") == "up_for_retry"
    one.green()
    assert one.xcom("ingest")["again"] is True


def test_a_backfill_and_the_scheduled_run_load_one_day(airflow: Airflow) -> None:
    """O02 and O03: both poll the one batch. Airflow itself refuses the second of two backfills."""
    airflow.slow()
    bounds = [datetime.combine(day, datetime.min.time(), UTC) for day in DAYS[:2]]
    for name in ("first", "second"):
        try:
            _create_backfill(
                dag_id=airflow.dag.dag_id, from_date=bounds[0], to_date=bounds[1], max_active_runs=2,
                reverse=False, dag_run_conf=None, triggering_user_name=None,
                reprocess_behavior=ReprocessBehavior.COMPLETED,
            )  # fmt: skip
            assert name == "first"
        except AlreadyRunningBackfill:
            assert name == "second"
    runs = [*airflow.runs(), airflow.run("2026-07-02", kind="scheduled")]
    assert [run.day for run in runs] == [str(DAYS[0]), str(DAYS[1]), str(DAYS[0])]
    for run in runs:
        run.run_partition("stage")
    assert [run.attempt("ingest") for run in (runs[0], runs[2])] == ["deferred", "deferred"]
    airflow.an_hour_later()
    for run in (runs[2], runs[0]):
        run.event("ingest", status="success", in_time=True)
        run.green()
    runs[1].green()


def test_two_triggerers_run_one_trigger(airflow: Airflow) -> None:
    """O08: both only poll, and one of their two events is used."""
    run, before = airflow.watching(), airflow.written()
    trigger_id = run.found("ingest").trigger_id
    kept = Trigger.bulk_fetch([trigger_id])[trigger_id]
    airflow.an_hour_later()

    async def both() -> list[object]:
        triggers = [BatchTrigger(**kept.kwargs) for _ in range(2)]
        return [event.payload for event in await asyncio.gather(*(anext(each.run()) for each in triggers))]

    events = asyncio.run(both())
    assert events == [{"status": "success", "in_time": True}] * 2
    assert airflow.written() == before
    for payload in events:
        run.fire(trigger_id, payload)
    run.green()
    run.fire(trigger_id, events[0])
    assert run.state("ingest") == "success"


@pytest.mark.parametrize(
    ("step", "earlier", "point"), [("export", "", "export.piece"), ("ingest", "stage", "batch.upload.before")]
)
def test_a_worker_is_terminated_during_a_step(
    airflow: Airflow, worker: Worker, step: str, earlier: str, point: str
) -> None:
    """R05: a pod's eviction. The task ends at once, cleans up, and is retried."""
    run = airflow.run("scheduled")
    if earlier:
        run.run_partition(earlier)
    worker.start(run, step, f"{point}:1=stop")
    task = worker.stopped_task()
    started = time.monotonic()
    os.kill(worker.process.pid, signal.SIGTERM)
    task.resume()
    worker.wait(seconds=10)
    assert time.monotonic() - started < 10
    assert run.state(step) == "up_for_retry"
    run.green()


def test_a_retry_finds_the_refresh_of_its_run_and_a_cleared_run_asks_mixpanel_again(
    airflow: Airflow, worker: Worker
) -> None:
    """The first try of *export* with ``export_again`` ends after its refresh was recorded."""
    run = airflow.run("again", export_again=True)
    worker.start(run, "export", "refresh.after:1=stop")
    task = worker.stopped_task()
    os.kill(worker.process.pid, signal.SIGTERM)
    task.resume()
    worker.wait(seconds=10)
    assert run.state("export") == "up_for_retry"
    run.green()
    assert (run.found("export").try_number, airflow.exports()) == (2, 1)
    run.clear("transform")
    run.green()
    assert airflow.exports() == 1, "only a cleared export asks Mixpanel"
    airflow.scenario.add(event("Late", key="late"))
    run.clear(*STEPS)
    run.run_partition()
    assert airflow.exports() == 2
    airflow.exact()


def test_a_timeout_is_reported_as_a_timeout() -> None:
    """Airflow calls ``on_kill`` for a timeout too, and then raises it again."""
    operator = AepSetupOperator(task_id="setup", pipeline=PIPELINES["hostile"])
    with pytest.raises(SystemExit, match="The task was terminated"):
        operator.on_kill()
    with pytest.raises(AirflowTaskTimeout):
        try:
            raise AirflowTaskTimeout
        except AirflowTaskTimeout:
            operator.on_kill()
            raise


def test_two_pipelines_for_one_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O16: the second pipeline is refused when the DAGs are parsed, with both names; the first one stays."""
    data = PIPELINES["hostile"].model_dump(mode="json", by_alias=True, exclude={"name"}, exclude_none=True)
    for name in ("one", "other"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(data))
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    bag = DagBag(str(PROJECT / "dags"))
    (error,) = bag.import_errors.values()
    assert "Pipelines one.yaml and other.yaml both write to dataset 'Mixpanel Hostile Events'" in error
    assert sorted(bag.dags) == [
        "mixpanel_aep_day_one",
        "mixpanel_aep_reconcile_one",
        "mixpanel_aep_verify_one",
        "mixpanel_to_aep_one",
    ]
