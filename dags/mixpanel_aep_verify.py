"""One weekly verify DAG for every pipeline file: compares AEP's data lake with the ledgers, as sets of ``_id``.

What it does: reads fingerprints of each day's ids from AEP's data lake, and the ids if the fingerprints differ. It writes
nothing into AEP.
"""

from __future__ import annotations

from include.version import require_package_version

# Before the other imports: an older package may lack the names that they import.
require_package_version(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from mixpanel_aep.alerts.callbacks import alert_args
from mixpanel_aep.operators.verify import VerifyOperator
from mixpanel_aep.task_args import task_args

RUNBOOK = """
### {name}: does AEP hold what was loaded?

**When.** {when} It can be triggered at any other time. It compares every day that changed since it was last verified,
then the days that were not verified for the longest time, as long as the queries of one run take less than
{budget} seconds.

**What it compares.** The `_id`s in AEP's data lake with those that the ledger lists as active, by day. Rows of every batch
of this project count, whether or not a ledger knows it; rows of other producers are left out and counted.

| task *verify* is | what it means, and what to do |
|---|---|
| green | the compared days are equal; the log has the counts |
| red | rows are *lost*, *duplicate* or *phantom* (not known to the ledger): the log names days, counts and batches. `mixpanel-aep verify {name} DAY` compares a day again, `mixpanel-aep ledger show {name} DAY` shows what was loaded. Adopt a valid batch, revert an invalid one, run a day with lost rows again with *replace* in *{dag_id}* |
| skipped | not verified, with the reason: the credential lacks the permission *Manage Queries*, the organization lacks Query Service, or it was busy until the last try |
"""
SCHEDULED = "On the schedule `{schedule}` (`verify.schedule` of the pipeline file)."
NOT_SCHEDULED = "Only when it is triggered: `verify.schedule` is null in the pipeline file."


def build(pipeline: Pipeline) -> DAG:
    """Return the verify DAG of one pipeline."""
    settings = pipeline.verify
    when = SCHEDULED.format(schedule=settings.schedule) if settings.schedule else NOT_SCHEDULED
    with DAG(
        pipeline.verify_dag_id,
        description=f"AEP's data lake compared with the ledgers of {pipeline.name}",
        doc_md=RUNBOOK.format(
            name=pipeline.name, when=when, budget=settings.budget_seconds, dag_id=pipeline.dag_id
        ),
        schedule=settings.schedule,
        start_date=datetime.combine(
            pipeline.start_date, datetime.min.time(), tzinfo=pipeline.mixpanel.day_zone
        ),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=20),
        tags=["mixpanel", "aep", "verify", pipeline.name, *pipeline.airflow.tags],
        **alert_args(pipeline),
    ) as dag:
        VerifyOperator(task_id="verify", **task_args(pipeline, "verify"))
    return dag


pipelines, _ = load_readable_pipelines()  # mixpanel_aep_setup.py reports the errors of the others
for each in pipelines:
    globals()[each.verify_dag_id] = build(each)
