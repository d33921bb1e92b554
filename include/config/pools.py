"""Airflow's pools that the DAGs need, as in ``airflow_pools.yaml``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """How many tasks of one kind may run at the same time, with the reason."""

    name: str
    slots: int
    description: str


POOLS = (
    # Mixpanel allows 3 export requests a second and 60 an hour for a project; the client enforces the hourly limit.
    Pool("mixpanel_export", 3, "Exports from Mixpanel at the same time"),
    # AEP ingests 20 GB an hour into the data lake.
    Pool("aep_ingest", 4, "Batches uploaded to AEP at the same time"),
    # AEP's Query Service may allow one session per organization.
    Pool("aep_query", 1, "Sessions of AEP's Query Service at the same time"),
)
