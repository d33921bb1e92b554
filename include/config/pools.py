"""The Airflow pools that the DAGs need; ``airflow_pools.yaml`` defines the same pools."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """An Airflow pool; ``slots`` is the number of its tasks that may run at the same time."""

    name: str
    slots: int
    description: str


POOLS = (
    # Mixpanel allows 3 export requests per second and 60 per hour for a project; the client enforces the hourly limit.
    Pool("mixpanel_export", 3, "Exports from Mixpanel at the same time"),
    # AEP ingests up to 20 GB per hour into the data lake.
    Pool("aep_ingest", 4, "Batches uploaded to AEP at the same time"),
    # AEP's Query Service may allow one session per organization.
    Pool("aep_query", 1, "Sessions of AEP's Query Service at the same time"),
)
