"""AEP refuses a row of a day in Airflow: the run is green and reports the count."""

from __future__ import annotations

import pytest

from tests.airflow.airflow_runner import Airflow

pytestmark = pytest.mark.airflow


def test_a_run_is_green_with_the_refused_rows_counted(airflow: Airflow) -> None:
    scenario = airflow.scenario
    aep = scenario.pipeline.aep.model_copy(update={"error_threshold_percent": 50.0})
    scenario.change(pipeline=scenario.pipeline.model_copy(update={"aep": aep}))
    airflow.parse()
    scenario.forced({"outcome": "refused", "rows": 1})
    run = airflow.run("one").run_partition()
    counts = run.xcom("ingest")["counts"]
    assert (counts["staged"], counts["active"], counts["refused"]) == (3, 2, 1)
    (listed,) = run.xcom("ingest")["listed"]
    assert "INGEST-1212-400: rows have errors" in listed
    airflow.exact()
    again = airflow.run("two").run_partition()
    assert again.xcom("ingest")["again"] is True
    assert again.xcom("ingest")["counts"]["refused"] == 1
    assert len(scenario.batches()) == 1
