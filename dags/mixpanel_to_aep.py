"""One daily DAG for every pipeline file in ``include/pipelines``.

What it does: export, transform, validate, stage and ingest one calendar day of a Mixpanel project. The day is the
run's partition key. Every task can be repeated at any time: finished work is found and not repeated.
"""

from __future__ import annotations

from include.version import require_package

# Before the other imports: an older package may lack the names that they import.
require_package(dags="0.1.0")

import logging
from datetime import datetime, timedelta

from airflow.sdk import DAG, Param

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from mixpanel_aep.alerts.callbacks import alert_args, on_loaded
from mixpanel_aep.alerts.deadline import deadline_of
from mixpanel_aep.operators.export import MixpanelExportOperator
from mixpanel_aep.operators.ingest import AepIngestOperator
from mixpanel_aep.operators.stage import AepStageOperator
from mixpanel_aep.operators.transform import XdmTransformOperator
from mixpanel_aep.operators.validate import XdmValidateOperator
from mixpanel_aep.timetable import DailyPartitionTimetable

RUNBOOK = """
### {name}: Mixpanel events into the AEP dataset *{dataset}*

**When.** Daily at midnight of {zone}, for the day that just ended; the day is exported {settle_hours:g} hours after
it ended. **History:** *Trigger → Backfill*, choose the days. **One day:** trigger with a partition key such as
`2026-07-01`.

**Run it again** at any time: a finished step finds its output in the lake and does nothing, and a partition that is
active in AEP is never loaded twice. **Late events:** {late}. **Another mapping:** rows that are active
stay as they were; trigger the day with *replace*, and AEP removes the old rows when the new ones are active.

| red task | what it means | what to do |
|---|---|---|
| export | Mixpanel did not return the whole day, or not to these credentials | read the first line of the log; retries resolve network errors and rate limits, but not wrong credentials or a wrong region |
| transform | the mapping or the dataset's schema does not fit | correct `include/pipelines/mappings/{mapping}` or the field group, then clear the task |
| validate | more than {max_quarantined:.2%} of the events were refused | open *Report* in this task's *Details*; correct the mapping or the schema, or allow more in `quality.max_quarantined`, then clear *transform* |
| stage | the lake cannot be read or written | repair the lake, clear the task |
| ingest | AEP refused the batch, lost rows, or is slow | open *AEP batch* in this task's *Details* and follow the log's hint; no second batch is created while the first may still become active |
"""

LATE = (
    "*{pipeline.reconcile_dag_id}* loads those of the last {pipeline.late_days} days automatically; for an older day "
    "trigger it here with *Export the day again*"
)
NO_LATE = "`late_days` is 0, so *{pipeline.reconcile_dag_id}* loads none; trigger the day here with *Export the day again*"

PARAMS = {
    "partition_date": Param(
        None, type=["null", "string"], format="date", title="Partition",
        description="The day, when the run has no partition key.",
    ),
    "reprocess": Param(
        "append", type="string", enum=["append", "replace"], title="What is active already",
        description="append: it stays, and only events that are not active yet are loaded. "
        "replace: AEP removes it when the newly mapped day is active; use it after a change of the mapping.",
    ),
    "export_again": Param(
        False, type="boolean", title="Export the day again",
        description="Exports the day from Mixpanel again even if it was exported before, for events that arrived late. "
        "Clearing the task export of such a run exports again; a retry does not.",
    ),
}  # fmt: skip
"""The parameters of one run in the trigger form."""

DEFAULTS = {
    "owner": "data-platform",
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=20),
    "execution_timeout": timedelta(hours=2),
}


def build(pipeline: Pipeline) -> DAG:
    """Return the DAG of one pipeline."""
    source = pipeline.mixpanel
    with DAG(
        pipeline.dag_id,
        description=f"Mixpanel events into the AEP dataset {pipeline.aep.dataset}, one day at a time",
        doc_md=RUNBOOK.format(
            name=pipeline.name,
            dataset=pipeline.aep.dataset,
            zone=source.day_zone.key,
            settle_hours=pipeline.settle_hours,
            late=(LATE if pipeline.late_days else NO_LATE).format(pipeline=pipeline),
            mapping=pipeline.mapping,
            max_quarantined=pipeline.quality.max_quarantined,
        ),
        schedule=DailyPartitionTimetable(
            source.day_zone.key, str(pipeline.start_date), str(pipeline.end_date or "")
        ),
        start_date=datetime.combine(pipeline.start_date, datetime.min.time(), tzinfo=source.day_zone),
        catchup=False,
        max_active_runs=4,
        dagrun_timeout=timedelta(hours=36 + pipeline.settle_hours),
        deadline=deadline_of(pipeline),
        params=PARAMS,
        tags=["mixpanel", "aep", pipeline.name],
        **alert_args(pipeline, DEFAULTS),
    ) as dag:  # fmt: skip
        # A large day takes hours to export; the wait until it has settled does not occupy a worker slot.
        export = MixpanelExportOperator(
            task_id="export", pipeline=pipeline, pool="mixpanel_export", execution_timeout=timedelta(hours=12)
        )
        transform = XdmTransformOperator(task_id="transform", pipeline=pipeline)
        validate = XdmValidateOperator(task_id="validate", pipeline=pipeline)
        stage = AepStageOperator(task_id="stage", pipeline=pipeline)
        ingest = AepIngestOperator(
            task_id="ingest",
            pipeline=pipeline,
            pool="aep_ingest",
            execution_timeout=timedelta(hours=8),
            **on_loaded(pipeline),
        )
        export >> transform >> validate >> stage >> ingest
    return dag


pipelines, faults = load_readable_pipelines()
for fault in faults:
    # A broken file must not stop the other pipelines; mixpanel_aep_setup.py reports it as an import error.
    logging.getLogger(__name__).error("%s", fault)
for each in pipelines:
    globals()[each.dag_id] = build(each)
