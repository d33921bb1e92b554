"""For each pipeline file in ``include/pipelines``, a daily DAG that loads a day of a Mixpanel project into AEP.

What it does: the tasks export, transform, validate, stage and ingest load the day that is the run's partition key.
Every task can be repeated at any time: finished work is not repeated.
"""

from __future__ import annotations

from include.version import require_package_version

# This check is before the other imports, because an older package may not have the names that they import.
require_package_version(dags="0.1.0")

import logging
from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from include.plural import counted
from mixpanel_aep.alerts.callbacks import alert_args, loaded_alert_args
from mixpanel_aep.alerts.deadline import deadline_of
from mixpanel_aep.forms import params_of_backfill
from mixpanel_aep.operators.export import MixpanelExportOperator
from mixpanel_aep.operators.ingest import AepIngestOperator
from mixpanel_aep.operators.stage import AepStageOperator
from mixpanel_aep.operators.transform import XdmTransformOperator
from mixpanel_aep.operators.validate import (
    XdmShardsOperator,
    XdmValidateOperator,
    XdmValidateShardOperator,
)
from mixpanel_aep.task_args import task_args
from mixpanel_aep.timetable import DailyPartitionTimetable

RUNBOOK = """
### {name}: Mixpanel events into the AEP dataset *{dataset}*

**When.** {when} the day is exported {settle_hours:g} hours after it ended. **Past days:** choose *Trigger → Backfill*,
and the days. **One day:** trigger *{day_dag_id}*, whose form has a field for the day.

**Run a day again** at any time: a step whose output is in the lake does nothing, and rows that are active in AEP are
never loaded twice. **Late events:** {late}. **After a change of the mapping:** rows that are active
stay as they were; trigger the day with *replace*, and AEP removes the old rows when the new rows are active.

| red task | what it means | what to do |
|---|---|---|
| export | Mixpanel did not return the complete day, or refused the credentials | read the first line of the log; retries resolve network errors and rate limits, but not wrong credentials or a wrong region |
| transform | the mapping does not fit the dataset's schema | correct `include/pipelines/mappings/{mapping}` or the field group, then clear the task |
| validate | more than {max_quarantined:.2%} of the events were refused | open *Report* in this task's *Details*; correct the mapping or the schema, or allow more in `quality.max_quarantined`, then clear *transform* |
{shards}| stage | the lake cannot be read or written | repair the lake, clear the task |
| ingest | AEP refused the batch, reports too few rows, or is slow | open *AEP batch* in this task's *Details* and follow the log's hint; no second batch is created while the first may still become active |
"""

LATE = (
    "*{pipeline.reconcile_dag_id}* loads those of the last {late_days} automatically; for an older day, "
    "trigger *{pipeline.day_dag_id}* with *Export from Mixpanel again*"
)
NO_LATE = (
    "`late_days` is 0, so *{pipeline.reconcile_dag_id}* loads none; trigger *{pipeline.day_dag_id}* with *Export from "
    "Mixpanel again*"
)
SHARDS = (
    "| shards, validate_shard | a day with more than {shard_events:,} rows is validated in shards, whose results "
    "*validate* combines; for a smaller day, *validate_shard* is skipped. The causes are those of *validate* | clear "
    "the task: finished shards are not validated again |\n"
)
DAILY = "Daily at midnight of {zone}, for the day that just ended;"
ON_REQUEST = "Only when it is triggered, because `airflow.schedule` is null in the pipeline file;"


def build(pipeline: Pipeline) -> DAG:
    """Return the DAG that loads a pipeline's events, with one run for each day."""
    source = pipeline.mixpanel
    with DAG(
        pipeline.dag_id,
        description=f"Mixpanel events into the AEP dataset {pipeline.aep.dataset}, one day at a time",
        doc_md=RUNBOOK.format(
            name=pipeline.name,
            dataset=pipeline.aep.dataset,
            when=(DAILY if pipeline.airflow.schedule else ON_REQUEST).format(zone=source.day_zone.key),
            day_dag_id=pipeline.day_dag_id,
            settle_hours=pipeline.settle_hours,
            late=(LATE if pipeline.late_days else NO_LATE).format(
                pipeline=pipeline, late_days=counted(pipeline.late_days, "day")
            ),
            mapping=pipeline.mapping,
            max_quarantined=pipeline.quality.max_quarantined,
            shards=SHARDS.format(shard_events=pipeline.shard_events) if pipeline.shard_events else "",
        ),
        schedule=DailyPartitionTimetable(
            source.day_zone.key,
            str(pipeline.start_date),
            str(pipeline.end_date or ""),
            on_request=pipeline.airflow.schedule is None,
        ),
        start_date=datetime.combine(pipeline.start_date, datetime.min.time(), tzinfo=source.day_zone),
        catchup=False,
        max_active_runs=pipeline.airflow.max_active_runs,
        dagrun_timeout=timedelta(hours=36 + pipeline.settle_hours),
        deadline=deadline_of(pipeline),
        params=params_of_backfill(),
        tags=["mixpanel", "aep", pipeline.name, *pipeline.airflow.tags],
        **alert_args(pipeline),
    ) as dag:
        export = MixpanelExportOperator(task_id="export", **task_args(pipeline, "export"))
        transform = XdmTransformOperator(task_id="transform", **task_args(pipeline, "transform"))
        validate = XdmValidateOperator(
            task_id="validate",
            # For a small day, validate_shard is skipped, which must not skip this task.
            trigger_rule="none_failed_min_one_success" if pipeline.shard_events else "all_success",
            **task_args(pipeline, "validate"),
        )
        stage = AepStageOperator(task_id="stage", **task_args(pipeline, "stage"))
        ingest = AepIngestOperator(
            task_id="ingest", **task_args(pipeline, "ingest"), **loaded_alert_args(pipeline)
        )
        export >> transform >> validate >> stage >> ingest
        if pipeline.shard_events:
            shards = XdmShardsOperator(task_id="shards", **task_args(pipeline, "shards"))
            checked = XdmValidateShardOperator.partial(
                task_id="validate_shard",
                map_index_template="files {{ task.shard }}",
                **task_args(pipeline, "validate_shard"),
            ).expand(shard=shards.output)
            transform >> shards
            checked >> validate
    return dag


pipelines, faults = load_readable_pipelines()
for fault in faults:
    # A broken file must not stop the other pipelines; mixpanel_aep_setup.py reports it as an import error.
    logging.getLogger(__name__).error("%s", fault)
for each in pipelines:
    globals()[each.dag_id] = build(each)
