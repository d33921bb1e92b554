"""For each pipeline file, a weekly DAG that compares the rows in AEP's data lake with the ledgers, by their ``_id``s.

What it does: it reads checksums of each day's ids from AEP's data lake, and the ids themselves where the checksums
differ. It writes nothing to AEP.
"""

from __future__ import annotations

from include.version import require_package_version

# This check is before the other imports, because an older package may not have the names that they import.
require_package_version(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.loader import load_readable_pipelines
from include.config.model import Pipeline
from mixpanel_aep.alerts.callbacks import alert_args
from mixpanel_aep.operators.verify import VerifyOperator
from mixpanel_aep.task_args import task_args

RUNBOOK = """
### {name}: does AEP contain what was loaded?

**When.** {when} It can also be triggered at any other time. It compares every day that has changed since it was last
verified, then the days whose last verification is the oldest, until the queries of the run have taken {budget} seconds.

**What it compares.** By day, the `_id`s in AEP's data lake with those that are active according to the ledger. All
batches of this project are included, even if no ledger contains them; rows of other producers are only counted.

| task *verify* is | what it means, and what to do |
|---|---|
| green | the compared days are equal; the log has the counts |
| red | rows are *lost*, *duplicate* or *phantom* (not in the ledger): the log names days, counts and batches. `mixpanel-aep verify {name} DAY` compares a day again, `mixpanel-aep ledger show {name} DAY` shows what was loaded. Adopt a valid batch, revert an invalid batch, and run a day with lost rows again with *replace* in *{dag_id}* |
| skipped | not verified, with the reason: the credential lacks the permission *Manage Queries*, the organization lacks Query Service, or it was busy until the last try |
"""
SCHEDULED = "On the schedule `{schedule}` (`verify.schedule` of the pipeline file)."
NOT_SCHEDULED = "Only when it is triggered: `verify.schedule` is null in the pipeline file."


def build(pipeline: Pipeline) -> DAG:
    """Return the DAG that compares AEP's data lake with the ledgers of a pipeline."""
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


pipelines, _ = load_readable_pipelines()  # mixpanel_aep_setup.py reports the errors of invalid files
for each in pipelines:
    globals()[each.verify_dag_id] = build(each)
