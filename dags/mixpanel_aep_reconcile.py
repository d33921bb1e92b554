"""For each pipeline file, a DAG that refreshes recent days, because events can arrive late, and audits all days.

What it does: it exports the last ``late_days`` days from Mixpanel again, in one export, and runs the steps for each of
these days. Active rows stay; rows that are not active yet are loaded in addition. It also aborts batches that crashed
runs left open, reports which older days have changed, audits all days, and removes files whose retention has ended.
"""

from __future__ import annotations

from include.version import require_package_version

# This check is before the other imports, because an older package may not have the names that they import.
require_package_version(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from include.plural import counted
from mixpanel_aep.alerts.callbacks import alert_args
from mixpanel_aep.operators.alerts import AlertsOperator
from mixpanel_aep.operators.clean import CleanOperator
from mixpanel_aep.operators.ingest import dataset_asset
from mixpanel_aep.operators.reconcile import (
    AuditOperator,
    ReconcileCloseOperator,
    ReconcileDayOperator,
    ReconcileRefreshOperator,
)
from mixpanel_aep.task_args import task_args

RUNBOOK = """
### {name}: late events

**When.** {when} {window} It can also be triggered at any other time. A second run
loads nothing twice. Clearing *refresh* with its downstream tasks exports from Mixpanel again; clearing only a *day* repeats that
task with the export of *refresh*.

**What the tasks report.** *day*: `late` rows were loaded in addition to the others; `vanished` rows are active in AEP and no
longer returned by Mixpanel (deleted or merged there): they stay until the day is run with *replace*; `changed` rows came back with
other properties, and also stay as they were loaded until then; `forgotten` rows are of people who were removed with
`mixpanel-aep forget`, and have to be deleted in AEP. *close*:
`late_beyond_window` names older days that changed; run each of them with *Export from Mixpanel again* in *{day_dag_id}*.
*audit* checks every day from the pipeline's start to the last settled day: it is active, empty, or missing with a reason. The
task also lists days that were loaded with another filter, mapping or schema than the current ones: to renew them, backfill
them with *replace*. *clean* removes files that no load needs any more, and files whose `retention` in the pipeline file has
ended; it is skipped if the lake's role may not remove objects and the pipeline file has no `retention`.

| red task | what to do |
|---|---|
| refresh | as for *export* in *{dag_id}*: read the first line of the log |
| day | as for the step that the log names; the other days are not affected |
| close | usually the AEP credential lacks a permission; no other task depends on it |
| finish | this task does nothing: it fails if a task before it failed, so that the run fails |
| clean | the lake's role may not remove objects (`docs/security.md`), or a manifest cannot be read; no other task depends on it |
| audit | days are missing in AEP for longer than `missing_grace_hours`: the log names each day with the reason; backfill them |
"""


WINDOW = (
    "It exports the last {late_days} of the pipeline again, in one of Mixpanel's 60 exports an hour, and loads "
    "the events that arrived late."
)
NO_WINDOW = (
    "`late_days` is 0 in the pipeline file, so *refresh* refreshes no day and *day* is skipped; *close* runs."
)


WHEN = {
    "after_settling": "Daily, an hour after yesterday may be exported.",
    None: "Only when it is triggered: `airflow.reconcile_schedule` is null in the pipeline file.",
}


def build(pipeline: Pipeline) -> DAG:
    """Return the DAG that refreshes the recent days of a pipeline and audits all its days."""
    window = (WINDOW if pipeline.late_days else NO_WINDOW).format(
        late_days=counted(pipeline.late_days, "day")
    )
    schedule = pipeline.airflow.reconcile_schedule
    when = (
        WHEN.get(schedule)
        or f"On the schedule `{schedule}` (`airflow.reconcile_schedule` of the pipeline file)."
    )
    hour = int(pipeline.settle_hours + 1) % 24
    with DAG(
        pipeline.reconcile_dag_id,
        description=f"Late events of the last {counted(pipeline.late_days, 'day')} of {pipeline.name}",
        doc_md=RUNBOOK.format(
            name=pipeline.name,
            when=when,
            window=window,
            dag_id=pipeline.dag_id,
            day_dag_id=pipeline.day_dag_id,
        ),
        schedule=f"0 {hour} * * *" if schedule == "after_settling" else schedule,
        start_date=datetime.combine(
            pipeline.start_date, datetime.min.time(), tzinfo=pipeline.mixpanel.day_zone
        ),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=20),
        tags=["mixpanel", "aep", "reconcile", pipeline.name, *pipeline.airflow.tags],
        **alert_args(pipeline),
    ) as dag:
        refresh = ReconcileRefreshOperator(task_id="refresh", **task_args(pipeline, "refresh"))
        days = ReconcileDayOperator.partial(
            task_id="day",
            **task_args(pipeline, "day"),
            max_active_tis_per_dagrun=1,
            map_index_template="{{ task.day }}",
            outlets=[dataset_asset(pipeline)],
        ).expand(day=refresh.output)
        close = ReconcileCloseOperator(
            task_id="close", trigger_rule="all_done", **task_args(pipeline, "close")
        )
        audit = AuditOperator(task_id="audit", trigger_rule="all_done", **task_args(pipeline, "audit"))
        clean = CleanOperator(task_id="clean", trigger_rule="all_done", **task_args(pipeline, "clean"))
        # Airflow derives the state of a run from its last tasks. This task fails the run if any task before it failed.
        finish = EmptyOperator(
            task_id="finish", trigger_rule="none_failed", **pipeline.airflow.task_args("finish")
        )
        days >> close >> audit >> clean
        [refresh, days, close, audit, clean] >> finish
        if pipeline.alerts:
            clean >> AlertsOperator(
                task_id="alerts",
                trigger_rule="all_done",
                on_failure_callback=None,
                **task_args(pipeline, "alerts"),
            )
    return dag


pipelines, _ = load_readable_pipelines()  # mixpanel_aep_setup.py reports the errors of invalid files
for each in pipelines:
    globals()[each.reconcile_dag_id] = build(each)
