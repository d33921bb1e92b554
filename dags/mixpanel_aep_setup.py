"""Makes what the pipelines need in AEP: identity namespaces, field groups, schemas, descriptors, datasets.

What it does: for every pipeline file, looks for each of them by name and makes those that are missing. When: once
before a pipeline is unpaused, and again whenever a pipeline file or a field of a
field group was added. Run twice it changes nothing.
"""

from __future__ import annotations

from include.version import require_package

# Before the other imports: an older package may not have what they name.
require_package(dags="0.1.0")

from datetime import datetime, timedelta

from airflow.sdk import DAG

from include.config.bundle import require_bundled_pipelines
from include.config.loader import load_pipelines
from mixpanel_aep.operators.setup import AepSetupOperator

RUNBOOK = """
### Setup of the pipelines in AEP

One task a pipeline file. It creates, where missing: identity namespaces, the field group, the schema, identity
descriptors and the dataset; a field group that is there grows with its file, as far as AEP allows. It never removes or
restricts what is there, so it can be run at any time; fields that only AEP has are warned of in the log, and stay.

**Red?** The first line of the log says what is wrong and what to do: usually the connection *Adobe Experience
Platform*, or a right that its product profile lacks (dataset and schema management).
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
    previous = None
    for pipeline in load_pipelines():
        task = AepSetupOperator(task_id=pipeline.name, pipeline=pipeline, pool="aep_ingest")
        # One after the other: pipelines may share namespaces and field groups.
        if previous is not None:
            previous >> task
        previous = task
