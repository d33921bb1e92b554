"""The pools of Airflow that the DAGs need, as ``airflow_pools.yaml`` has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """How many tasks of a kind may run at the same time, and why."""

    name: str
    slots: int
    description: str


POOLS = (
    # Mixpanel allows 3 export requests a second and 60 an hour for a project; the hour is kept by the client.
    Pool("mixpanel_export", 3, "Exports from Mixpanel at the same time"),
    # AEP takes 20 GB an hour into the data lake.
    Pool("aep_ingest", 4, "Batches uploaded to AEP at the same time"),
    # AEP's Query Service may allow an organization one session.
    Pool("aep_query", 1, "Sessions of AEP's Query Service at the same time"),
)
