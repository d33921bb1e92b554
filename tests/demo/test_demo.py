"""The demo's proof can fail: lost, duplicate and phantom rows are counted; and its settings are validated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
import requests

from include.lake.lake import Lake
from scripts.demo.evidence import Comparison, Sandbox
from scripts.demo.report import verify_all
from scripts.demo.settings import PORTS, DemoError, DemoSettings
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, loaded_sandbox

DAY = date(2026, 7, 1)
NOON = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp())


@pytest.fixture
def carried(tmp_path: Path) -> Iterator[PipelineRunner]:
    with loaded_sandbox(tmp_path, DAY) as server:
        yield PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])


def load_behind_its_back(runner: PipelineRunner, file_format: str, body: bytes) -> None:
    """Add a batch that no run of the pipeline created."""
    aep = runner.aep
    dataset = aep.catalog.require_dataset(runner.pipeline.aep.dataset)["id"]
    batch = aep.batches.create(dataset, file_format, "another producer's")
    aep.batches.upload(batch, dataset, f"rows.{file_format}", lambda: BytesIO(body), len(body))
    aep.batches.complete(batch)


@pytest.mark.sandbox
def test_a_removed_batch_is_a_loss(carried: PipelineRunner) -> None:
    carried.aep.batches.revert(carried.result(DAY).batch)
    assert carried.compare(DAY) == Comparison(lost=8, duplicate=0, phantom=0)


@pytest.mark.sandbox
def test_a_day_that_a_window_exported_and_no_run_has_loaded_is_not_lost(carried: PipelineRunner) -> None:
    event = {
        "event": "Early",
        "properties": {"time": NOON - 86_400, "$insert_id": "early", "distinct_id": "d"},
    }
    place = f"{carried.url}/_sandbox/mixpanel/projects/{carried.project_id}/events"
    requests.post(place, json={"events": [event]}, timeout=30).raise_for_status()
    before = DAY - timedelta(days=1)
    with carried.mixpanel.export(before, DAY) as stream:
        assert b"early" in b"".join(stream)
    assert carried.compare(DAY) == Comparison(lost=0, duplicate=0, phantom=0)
    assert carried.compare(before, DAY) == Comparison(lost=1, duplicate=0, phantom=0)


@pytest.mark.sandbox
def test_rows_loaded_twice_are_duplicates(carried: PipelineRunner) -> None:
    staged = carried.stage(DAY)
    load_behind_its_back(carried, "parquet", carried.lake.read(staged.files[0].key) or b"")
    assert carried.compare(DAY) == Comparison(lost=0, duplicate=8, phantom=0)


@pytest.mark.sandbox
def test_a_row_that_mixpanel_did_not_return_is_a_phantom(carried: PipelineRunner) -> None:
    row = {"_id": "made-up", "timestamp": "2026-07-01T00:00:00Z"}
    load_behind_its_back(carried, "json", json.dumps(row).encode() + b"\n")
    assert carried.compare(DAY) == Comparison(lost=0, duplicate=0, phantom=1)


@pytest.mark.sandbox
def test_the_verify_line_counts_what_aeps_data_lake_holds(carried: PipelineRunner) -> None:
    def line() -> str:
        return str(verify_all([carried.pipeline], Sandbox(carried.url), carried.lake))

    assert line() == "verify: 1 partitions, 8 ids, lost 0, duplicate 0, phantom 0"
    carried.aep.batches.revert(carried.result(DAY).batch)
    assert line() == "verify: 1 partitions, 8 ids, lost 8, duplicate 0, phantom 0"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"LAKE": "ftp"}, "LAKE=ftp is unknown; set LAKE=file or LAKE=s3."),
        ({"PORT": "80a"}, "PORT=80a is not a port; use a number from 1 to 65535."),
        ({"SANDBOX_PORT": "70000"}, "SANDBOX_PORT=70000 is not a port; use a number from 1 to 65535."),
    ],
)
def test_an_invalid_setting_is_reported_in_one_sentence(env: dict[str, str], says: str) -> None:
    with pytest.raises(DemoError) as refused:
        DemoSettings.from_environment(env)
    assert str(refused.value) == says


@pytest.mark.unit
def test_new_files_are_in_airflow_within_seconds_where_a_person_works_with_it(tmp_path: Path) -> None:
    waits = ("AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL", "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL")
    settings = DemoSettings("file", PORTS, tmp_path)
    assert not set(waits) & settings.airflow_environment().keys()
    env = replace(settings, has_new_files=True).airflow_environment()
    assert sum(int(env[name]) for name in waits) <= 15
