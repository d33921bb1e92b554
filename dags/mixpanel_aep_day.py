"""For each pipeline file, a DAG with a form for one day: it starts a run of the daily DAG for that day.

Airflow 3.3 shows the same fields for a single run and for a backfill. So the daily DAG's forms have no field for the
day, which a backfill would ignore, and this DAG has a form in which the day is required.
"""

from __future__ import annotations

from include.version import require_package_version

# This check is before the other imports, because an older package may not have the names that they import.
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

**When.** Trigger this DAG, and choose the day in the form. The task *start* starts a run of *{dag_id}* for that day,
and ends. To follow that run, open *Run of the day* in the task's *Details*. The id of that run contains the day.

**Again?** A day can be loaded at any time and as often as you like: finished steps are not repeated, and an event that
is active in AEP is never loaded twice. For several days, choose *Trigger → Backfill* in *{dag_id}*.

| red task | what to do |
|---|---|
| start | *{dag_id}* is paused, or Airflow's API server was unavailable: read the first line of the log, then clear the task |
"""


def build(pipeline: Pipeline) -> DAG:
    """Return the DAG ``mixpanel_aep_day_...`` of a pipeline, with which a user loads one day."""
    zone = pipeline.mixpanel.day_zone
    with DAG(
        pipeline.day_dag_id,
        description=f"Load one day of {pipeline.name}: the form has a field for the day",
        doc_md=RUNBOOK.format(name=pipeline.name, dag_id=pipeline.dag_id),
        schedule=None,
        start_date=datetime.combine(pipeline.start_date, datetime.min.time(), tzinfo=zone),
        catchup=False,
        is_paused_upon_creation=False,  # without a schedule, no run starts unless a user triggers it
        max_active_runs=4,
        dagrun_timeout=timedelta(hours=2),
        params=params_of_day(zone.key),
        tags=["mixpanel", "aep", "day", pipeline.name, *pipeline.airflow.tags],
    ) as dag:
        StartDayOperator(task_id="start", **task_args(pipeline, "start"))
    return dag


pipelines, _ = load_readable_pipelines()  # mixpanel_aep_setup.py reports the errors of invalid files
for each in pipelines:
    globals()[each.day_dag_id] = build(each)
