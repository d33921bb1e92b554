"""What users, lost events and a lost database do to one run, through Airflow itself (chapter O of the matrix)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.airflow.airflow_runner import Airflow, copy_database
from tests.faults.process_run import DAYS

pytestmark = pytest.mark.airflow


def test_an_event_is_not_trusted(airflow: Airflow) -> None:
    """O09: the event differs from AEP's status, and an event after the task was cleared has no effect."""
    run = airflow.watching()
    run.event("ingest", status="success", in_time=True)
    assert run.attempt("ingest") == "deferred"
    late = run.found("ingest").trigger_id
    run.clear("ingest")
    run.fire(late, {"status": "success", "in_time": True})
    assert run.state("ingest") == "none"
    assert run.attempt("ingest") == "deferred"
    airflow.an_hour_later()
    run.event("ingest", status="failed", in_time=True)
    run.green()


def test_a_deferred_task_is_cleared_and_run_again(airflow: Airflow) -> None:
    """L24: AEP is processing the batch; another run of the task finds it."""
    run = airflow.watching()
    before = airflow.written()
    run.clear("ingest")
    airflow.an_hour_later()
    run.green()
    assert airflow.written() == before


def test_a_deferred_task_is_marked_failed(airflow: Airflow) -> None:
    """L24: the batch is committed, so it is not aborted and nothing is recorded: the next run reads its status from AEP."""
    run, before = airflow.watching(), airflow.written()
    run.mark_failed("ingest")
    assert run.state("ingest") == "failed"
    airflow.an_hour_later()
    assert airflow.written() == before
    run.clear("ingest")
    run.green()


def test_a_restored_metadata_database_loads_nothing_twice(airflow: Airflow, tmp_path: Path) -> None:
    """O10: the metadata database is a copy of yesterday."""
    copy_database(tmp_path / "yesterday.db")
    airflow.run("scheduled").run_partition()
    before = airflow.written()
    copy_database(tmp_path / "yesterday.db", back=True)
    assert airflow.runs() == []
    run = airflow.run("scheduled")
    run.green()
    assert run.xcom("ingest")["again"] is True
    assert airflow.written() == before


def test_a_rerun_of_a_green_date_writes_nothing(airflow: Airflow) -> None:
    """O12."""
    run = airflow.run("first").run_partition()
    before = airflow.written()
    run.clear("export", "transform", "validate", "stage", "ingest")
    run.green()
    airflow.run("again").green()
    assert run.xcom("ingest")["again"] is True
    assert airflow.written() == before


def test_xcom_is_not_trusted(airflow: Airflow) -> None:
    """O18: an XCom that names no output of this partition is refused: another digest, a path, an empty value."""
    run = airflow.run("scheduled").run_partition("stage")
    value = run.xcom("stage")
    for tampered in (
        {"digest": "f" * 32},
        {"digest": "../../etc", "manifest": "file:///etc/passwd"},
        [],
        None,
    ):
        run.tamper("stage", tampered)
        assert run.attempt("ingest") == "failed"
        assert airflow.scenario.batches() == []
        run.clear("ingest")
    run.tamper("stage", value)
    run.green()


def test_only_the_transform_is_cleared(airflow: Airflow) -> None:
    """O17: after a change of the mapping. The following steps keep their inputs or run again; no row is duplicated."""
    run = airflow.run("scheduled").run_partition()
    given = run.xcom("transform")["digest"]
    changed = airflow.scenario.pipeline.model_copy(update={"unmapped": "drop"})
    airflow.scenario.change(pipeline=changed)
    airflow.parse()
    before = airflow.written()
    run.clear("transform")
    run.run_partition()
    assert run.xcom("transform")["digest"] != given
    run.clear("ingest")
    run.green()
    run.clear("validate", "stage", "ingest")
    run.green()
    assert airflow.written() == before


@pytest.mark.parametrize("days", [1, 0, -900], ids=["tomorrow", "today", "before start_date"])
def test_an_impossible_day_is_refused(airflow: Airflow, days: int) -> None:
    """O15: fails at once, without a retry or a request."""
    day = datetime.now(UTC).date() + timedelta(days=days)
    assert airflow.run("manual", day).attempt("export") == "failed"
    assert not list(airflow.scenario.lake.keys(f"{airflow.scenario.pipeline.name}/{day}"))
    assert airflow.scenario.batches() == []


def test_a_run_whose_days_disagree_or_whose_day_is_after_the_end_is_refused(airflow: Airflow) -> None:
    """O15: fails at once, without a retry or a request."""
    ends = airflow.scenario.pipeline.model_copy(update={"end_date": DAYS[0]})
    airflow.scenario.change(pipeline=ends)
    airflow.parse()
    asked = airflow.scenario.stage.get("/transcript")["entries"]
    runs = [airflow.run("two-days", DAYS[0], partition_date=str(DAYS[1])), airflow.run("after", DAYS[1])]
    for run in runs:
        assert run.attempt("export") == "failed"
        assert run.found("export").try_number == 1
    assert airflow.scenario.stage.get("/transcript")["entries"] == asked
    same = airflow.run("same", DAYS[0], partition_date=str(DAYS[0]))
    same.run_partition()
