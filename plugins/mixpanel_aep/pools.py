"""Adds missing pools to Airflow when a scheduler starts.

A task whose pool is missing waits forever, and only the scheduler's log shows why. Existing pools are not changed.
"""

from __future__ import annotations

import logging

from airflow.listeners import hookimpl

from include.config.loader import load_readable_pipelines
from include.config.pools import POOLS

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Add missing pools when a scheduler, triggerer or DAG processor starts. Airflow calls this listener.

    Airflow also calls it in the process of every task, which must not use the metadata database.
    """
    if (
        type(component).__module__ != "airflow.jobs.job"
    ):  # compared by name, because importing the class would delay every task
        return
    for name in add_missing_pools():
        log.warning("Airflow had no pool %s: it was added with the slots of airflow_pools.yaml", name)


def missing_pools() -> list[str]:
    """Return the names of the pools that the DAGs need and Airflow's metadata database does not have.

    The DAGs need ``POOLS``, and the pools that pipeline files name.
    """
    from airflow.models import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        existing = set(session.scalars(select(Pool.pool)))
    own = [pool.name for pool in POOLS]
    named = {name for pipeline in load_readable_pipelines()[0] for name in pipeline.airflow.pools}
    return [name for name in [*own, *sorted(named - {*own})] if name not in existing]


def add_missing_pools() -> list[str]:
    """Add the missing pools of ``POOLS``, and return their names. Two schedulers may do this at the same time.

    A missing pool that only a pipeline file names is logged as an error, because its number of slots is unknown.
    """
    from airflow.models import Pool

    missing = missing_pools()
    added = [pool for pool in POOLS if pool.name in missing]
    for name in sorted({*missing} - {pool.name for pool in added}):
        log.error("Airflow has no pool %s, which a pipeline file names: tasks wait for it. Create it.", name)
    for pool in added:
        Pool.create_or_update_pool(pool.name, pool.slots, pool.description, include_deferred=False)
    return [pool.name for pool in added]
