"""Makes what the pipelines need in AEP: identity namespaces, field groups, schemas, identities, datasets.

What it does: for every pipeline file, reads AEP's state, plans every change, and makes exactly these. When: once before
a pipeline is unpaused, and again whenever a pipeline file or a field of a field group was added. Run twice it changes
nothing. What it would do can be read before: ``mixpanel-aep plan PIPELINE``.
"""

from __future__ import annotations

from include.version import require_package

# Before the other imports: an older package may not have what they name.
require_package(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.bundle import require_bundled_pipelines
from include.config.loader import load_pipelines
from mixpanel_aep.operators.setup import AepSetupOperator, shared_resources

RUNBOOK = """
### Setup of the pipelines in AEP

One task a pipeline file. It reads AEP's state, logs the plan with every change in order, and makes exactly these
changes: identity namespaces, field groups, schema, identities, Profile and dataset. `mixpanel-aep plan PIPELINE` shows the
same plan before. Nothing is removed or restricted, so it can be run at any time; fields that only AEP has stay.

**Red?** The first line of the log says what is wrong and what to do. A plan that cannot succeed as a whole is refused
before its first change. Where a right is missing the line names it; run the task again then: it continues with what is
missing. `docs/setup.md` has the rights, and the changes that cannot be undone.
"""

require_bundled_pipelines(__file__)  # here and not in the other DAG files, which go on with what is read

with DAG(
    "mixpanel_aep_setup",
    description="Identity namespaces, field groups, schemas, descriptors and datasets of all pipelines",
    doc_md=RUNBOOK,
    schedule=None,
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - it has no schedule
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(minutes=20),
    },
    tags=["mixpanel", "aep", "setup"],
) as dag:
    last: dict[tuple[str, str], AepSetupOperator] = {}
    for pipeline in load_pipelines():
        task = AepSetupOperator(task_id=pipeline.name, pipeline=pipeline, pool="aep_ingest")
        # One after the other where they change the same field group, schema or dataset; the others at the same time.
        for shared in shared_resources(pipeline):
            if shared in last:
                last[shared] >> task
            last[shared] = task
