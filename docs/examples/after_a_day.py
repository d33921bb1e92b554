"""A DAG that runs once for each day that is active in AEP: it waits for the day's partition of the dataset's asset.

Copy it into the DAG folder, change NAME, and write your own work into the task. A day that is loaded again, or that gets late
events, runs it again with the same partition key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, task

from include.config.loader import load_pipeline, pipelines_folder
from mixpanel_aep.operators.ingest import dataset_asset

NAME = "shop"

dataset = dataset_asset(load_pipeline(pipelines_folder() / f"{NAME}.yaml"))

with DAG(
    f"after_a_day_of_{NAME}",
    schedule=PartitionedAssetTimetable(assets=dataset),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - it has no schedule by time
    catchup=False,
    tags=["mixpanel", "aep", "own"],
) as dag:

    @task
    def use_the_day(**context: Any) -> dict[str, Any]:
        """Return the day, and what the newest load of it says."""
        newest = context["triggering_asset_events"][dataset][-1]
        counts = {name: newest.extra[name] for name in ("staged", "active", "refused", "late")}
        return {"day": context["dag_run"].partition_key, "batch": newest.extra["batch"], **counts}

    use_the_day()
