"""One DAG for every pipeline file, with a form that loads one day: it starts a run of the daily DAG for that day.

Airflow 3.3 shows the same fields for a single run and for a backfill. The day therefore has a form of its own, where it
is required, and the form of the daily DAG's backfill has no field that a backfill would ignore.
"""

from __future__ import annotations

from include.version import require_package_version

# Before the other imports: an older package may lack the names that they import.
require_package_version(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from mixpanel_aep.forms import params_of_day
from mixpanel_aep.operators.start_day import StartDayOperator
from mixpanel_aep.task_args import task_args

RUNBOOK = """
### {name}: load one day

**When.** Trigger it, and choose the day in the form. The task *start* starts a run of *{dag_id}* for that day and ends; open
*Run of the day* in its *Details* to follow the run. The run's id begins with the day.

**Again?** A day can be loaded at any time and as often as you like: finished steps are found and not repeated, and an event
that is active in AEP is never loaded twice. For several days, choose *Trigger → Backfill* in *{dag_id}*.

| red task | what to do |
|---|---|
| start | *{dag_id}* is paused, or Airflow's API server was not available: read the first line of the log, then clear the task |
"""


def build(pipeline: Pipeline) -> DAG:
    """Return the DAG that loads one day of a pipeline on request."""
    zone = pipeline.mixpanel.day_zone
    with DAG(
        pipeline.day_dag_id,
        description=f"Load one day of {pipeline.name}: the form has a field for the day",
        doc_md=RUNBOOK.format(name=pipeline.name, dag_id=pipeline.dag_id),
        schedule=None,
        start_date=datetime.combine(pipeline.start_date, datetime.min.time(), tzinfo=zone),
        catchup=False,
        is_paused_upon_creation=False,  # it has no schedule, so that no run starts without a request
        max_active_runs=4,
        dagrun_timeout=timedelta(hours=2),
        params=params_of_day(zone.key),
        tags=["mixpanel", "aep", "day", pipeline.name, *pipeline.airflow.tags],
    ) as dag:
        StartDayOperator(task_id="start", **task_args(pipeline, "start"))
    return dag


pipelines, _ = load_readable_pipelines()  # mixpanel_aep_setup.py reports the errors of the others
for each in pipelines:
    globals()[each.day_dag_id] = build(each)
