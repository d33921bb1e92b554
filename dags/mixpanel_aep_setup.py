"""A DAG that creates what the pipelines need in AEP: namespaces, field groups, schemas, identities, datasets.

What it does: for each pipeline file, it reads AEP's state, plans the changes, and applies exactly these changes. When:
run it before a pipeline is unpaused, and again after a pipeline file, or a field of a field group, was added. A second
run changes nothing. ``mixpanel-aep plan PIPELINE`` shows the changes in advance.
"""

from __future__ import annotations

from include.version import require_package_version

# This check is before the other imports, because an older package may not have the names that they import.
require_package_version(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.bundle import require_bundled_pipelines
from include.config.loader import load_pipelines
from mixpanel_aep.alerts.send import require_notifiers
from mixpanel_aep.operators.setup import AepSetupOperator, shared_resources
from mixpanel_aep.task_args import task_args

RUNBOOK = """
### Setup of the pipelines in AEP

One task for each pipeline file. It reads AEP's state, logs the plan with every change in order, and applies exactly these
changes: identity namespaces, field groups, schema, identities, Profile and dataset. `mixpanel-aep plan PIPELINE` shows the
same plan in advance. Nothing is removed or restricted, so it can be run at any time; fields that exist only in AEP stay.

**Red?** The first line of the log says what is wrong and what to do. A plan that cannot succeed as a whole is refused
before its first change. If a permission is missing, the line names it: add it and run the task again, which makes the
remaining changes. `docs/setup.md` lists the permissions, and the changes that cannot be undone.
"""

require_bundled_pipelines(
    __file__
)  # only in this file: the other DAG files continue with the valid pipeline files
pipelines = load_pipelines()
require_notifiers(pipelines)

with DAG(
    "mixpanel_aep_setup",
    description="Identity namespaces, field groups, schemas, descriptors and datasets of all pipelines",
    doc_md=RUNBOOK,
    schedule=None,
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the DAG has no schedule
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    tags=["mixpanel", "aep", "setup"],
) as dag:
    last: dict[tuple[str, str], AepSetupOperator] = {}
    for pipeline in pipelines:
        task = AepSetupOperator(task_id=pipeline.name, **task_args(pipeline, "setup"))
        # Tasks that change the same field group, schema or dataset run one after the other, the others in parallel.
        for shared in shared_resources(pipeline):
            if shared in last:
                last[shared] >> task
            last[shared] = task
