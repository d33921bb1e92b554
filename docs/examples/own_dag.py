"""An own DAG from the operators: it loads a day only if the day has enough events.

Copy it into the DAG folder, and change NAME. Set `airflow.schedule: null` in the pipeline file, so that the daily DAG that
ships does not load the same days; its reconcile and verify DAGs go on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

from include.config.loader import load_pipeline, pipelines_folder
from mixpanel_aep.forms import params_of_backfill
from mixpanel_aep.operators.export import MixpanelExportOperator
from mixpanel_aep.operators.ingest import AepIngestOperator
from mixpanel_aep.operators.stage import AepStageOperator
from mixpanel_aep.operators.transform import XdmTransformOperator
from mixpanel_aep.operators.validate import XdmValidateOperator
from mixpanel_aep.task_args import task_args
from mixpanel_aep.timetable import DailyPartitionTimetable

NAME = "shop"
LEAST_EVENTS = 3

pipeline = load_pipeline(pipelines_folder() / f"{NAME}.yaml")

with DAG(
    f"own_{NAME}",
    schedule=DailyPartitionTimetable(pipeline.mixpanel.day_zone.key, str(pipeline.start_date)),
    start_date=datetime.combine(pipeline.start_date, datetime.min.time(), pipeline.mixpanel.day_zone),
    catchup=False,
    max_active_runs=2,
    params=params_of_backfill(),
    tags=["mixpanel", "aep", "own"],
) as dag:
    # The operators find each other's results by these task ids.
    export = MixpanelExportOperator(task_id="export", **task_args(pipeline, "export"))
    transform = XdmTransformOperator(task_id="transform", **task_args(pipeline, "transform"))
    validate = XdmValidateOperator(task_id="validate", **task_args(pipeline, "validate"))
    stage = AepStageOperator(task_id="stage", **task_args(pipeline, "stage"))
    ingest = AepIngestOperator(task_id="ingest", **task_args(pipeline, "ingest"))

    @task
    def require_enough_events(exported: Any) -> int:
        """Fail before anything is loaded; an operator returns counts and addresses, never rows."""
        events = int(exported["counts"]["exported"])
        if events < LEAST_EVENTS:
            raise AirflowFailException(
                f"The day has {events} events, fewer than {LEAST_EVENTS}. Ask who sends them."
            )
        return events

    export >> transform >> validate >> stage >> require_enough_events(export.output) >> ingest
