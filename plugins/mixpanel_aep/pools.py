"""Adds missing pools when a scheduler starts: in Airflow, a task whose pool is missing waits forever.

Only the scheduler's log would show it. An existing pool keeps its number of slots.
"""

from __future__ import annotations

import logging

from airflow.listeners import hookimpl

from include.config.loader import load_readable_pipelines
from include.config.pools import POOLS

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Add missing pools when a scheduler, triggerer or DAG processor starts.

    Airflow also calls this in the process of every task, which must not use the database.
    """
    if (
        type(component).__module__ != "airflow.jobs.job"
    ):  # its class is not imported: that would slow every task down
        return
    for name in add_missing_pools():
        log.warning("Airflow had no pool %s: it was added with the slots of airflow_pools.yaml", name)


def missing_pools() -> list[str]:
    """Return the names of the pools that Airflow's metadata database lacks: this project's, and those of pipeline files."""
    from airflow.models import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        there = set(session.scalars(select(Pool.pool)))
    own = [pool.name for pool in POOLS]
    named = {name for pipeline in load_readable_pipelines()[0] for name in pipeline.airflow.pools}
    return [name for name in [*own, *sorted(named - {*own})] if name not in there]


def add_missing_pools() -> list[str]:
    """Add this project's missing pools; return their names. Two schedulers may do it at the same time.

    A pool that only a pipeline file names is not added: its number of slots is unknown.
    """
    from airflow.models import Pool

    missing = missing_pools()
    added = [pool for pool in POOLS if pool.name in missing]
    for name in sorted({*missing} - {pool.name for pool in added}):
        log.error("Airflow has no pool %s, which a pipeline file names: tasks wait for it. Create it.", name)
    for pool in added:
        Pool.create_or_update_pool(pool.name, pool.slots, pool.description, include_deferred=False)
    return [pool.name for pool in added]
