"""The verify DAG: green with counts, red on a difference, skipped where AEP's data lake cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from include.lake.lake import Lake
from mixpanel_aep.operators.verify import VerifyOperator
from tests.airflow.connections import connection_variables
from tests.airflow.task_context import FakeTaskInstance, task_context
from tests.steps.verify.test_verify import DAY, NOON, OURS, Verifier, row
from tests.support.pipeline_runner import PIPELINES, loaded_sandbox

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifier]:
    with loaded_sandbox(tmp_path, DAY) as server:
        for name, value in connection_variables(server.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")
        yield Verifier(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])


def run(ti: FakeTaskInstance | None = None) -> Any:
    task = VerifyOperator(task_id="verify", pipeline=PIPELINES["hostile"])
    return task.execute(task_context(key=None, ti=ti))


def test_the_task_is_green_with_its_counts(loaded: Verifier) -> None:
    counts = {"partitions": 1, "ids": 8, "lost": 0, "duplicate": 0, "phantom": 0, "refused": 0}
    assert run() == {"counts": counts, "rows_of_others": 0, "postponed": [], "left": 0}


def test_the_task_fails_without_retry_if_aep_holds_other_rows(loaded: Verifier) -> None:
    batch = loaded.add_batch(OURS, [row("f" * 64, NOON)])
    with pytest.raises(
        AirflowFailException, match=rf"phantom 1; .*{batch} \(1\).*ledger show hostile 2026-07-01"
    ):
        run()


@pytest.mark.parametrize(("setting", "reason"), [("permission", "Manage Queries"), ("licence", "licence")])
def test_the_task_is_skipped_with_the_reason_if_reading_is_not_allowed(
    loaded: Verifier, setting: str, reason: str
) -> None:
    loaded.post("/aep/settings", {f"query_{setting}": "missing"})
    with pytest.raises(AirflowSkipException, match=f"not verified: .*{reason}"):
        run()


def test_the_task_is_skipped_with_the_reason_while_a_new_dataset_has_no_table(loaded: Verifier) -> None:
    loaded.post("/aep/settings", {"query_table_seconds": 3600})
    with pytest.raises(
        AirflowSkipException, match=r"not verified: .*table of a new dataset appears some time"
    ):
        run()
    loaded.post("/clock", {"advance_seconds": 3601})
    assert run()["counts"]["ids"] == 8


def test_a_busy_query_service_is_retried_and_finally_skipped(loaded: Verifier) -> None:
    with loaded.aep.lake_reader() as other:  # Occupy the only session.
        other.rows_by_batch(
            loaded.aep.catalog.require_dataset(loaded.pipeline.aep.dataset), NOON, NOON.replace(hour=13)
        )
        with pytest.raises(AirflowException, match="Session Limit") as raised:
            run()
        assert not isinstance(raised.value, AirflowFailException | AirflowSkipException)
        with pytest.raises(AirflowSkipException, match="Session Limit"):
            run(FakeTaskInstance(max_tries=6, try_number=7))
    assert run()["counts"]["ids"] == 8


@pytest.mark.parametrize(("schedule", "text"), [("null", "is null"), ('"30 3 * * 1"', "`30 3 * * 1`")])
def test_the_schedule_comes_from_the_pipeline_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, text: str
) -> None:
    good = (PROJECT / "include/pipelines/shop.yaml").read_text()
    (tmp_path / "shop.yaml").write_text(f"{good}\nverify:\n  schedule: {schedule}\n  budget_seconds: 60\n")
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    dag = DagBag(str(PROJECT / "dags")).dags["mixpanel_aep_verify_shop"]
    assert text in dag.doc_md
    assert "60 seconds" in re.sub(r"\s+", " ", dag.doc_md)
    assert dag.schedule == (None if schedule == "null" else schedule.strip('"'))
