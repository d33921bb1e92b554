"""Reads from Airflow's database what its scheduler has done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Engine, text

from tests.distributed.free_slots import TaskTimes

PREFIX = "mixpanel_to_aep_load_"
STEPS = ("export", "transform", "validate", "stage", "ingest")
_CASES = " ".join(f"when '{later}' then '{earlier}'" for earlier, later in pairwise(STEPS))
_TIMES = f"""
    select ti.pool, extract(epoch from coalesce(p.end_date, r.start_date)), extract(epoch from ti.queued_dttm),
        extract(epoch from ti.end_date)
    from task_instance ti
    join dag_run r on r.dag_id = ti.dag_id and r.run_id = ti.run_id and r.start_date is not null
    left join task_instance p on p.dag_id = ti.dag_id and p.run_id = ti.run_id
        and p.task_id = case ti.task_id {_CASES} end
    where ti.dag_id like '{PREFIX}%' and (ti.task_id = '{STEPS[0]}' or p.state = 'success')"""
_WAITS = f"""
    with earlier as (
        select ti.task_id, ti.pool, ti.start_date, ti.scheduled_dttm, ti.queued_dttm,
            coalesce(p.end_date, r.start_date) as ready
        from task_instance ti
        join dag_run r on r.dag_id = ti.dag_id and r.run_id = ti.run_id
        left join task_instance p on p.dag_id = ti.dag_id and p.run_id = ti.run_id
            and p.task_id = case ti.task_id {_CASES} end
        where ti.start_date >= :since and ti.dag_id like '{PREFIX}%')
    select pool, count(*),
        percentile_cont(array[0.5, 0.95, 1]) within group (order by extract(epoch from scheduled_dttm - ready)),
        percentile_cont(array[0.5, 0.95, 1]) within group (order by extract(epoch from queued_dttm - scheduled_dttm)),
        percentile_cont(array[0.5, 0.95, 1]) within group (order by extract(epoch from start_date - queued_dttm))
    from earlier group by pool order by pool"""


@dataclass(frozen=True)
class Waits:
    """The waits of the tasks of one pool: median, 95th percentile, maximum, each in seconds.

    ``scheduled``: until the scheduler saw that the task may run; ``queued``: until it had a slot; ``started``: until it ran.
    """

    pool: str
    tasks: int
    scheduled: tuple[float, ...]
    queued: tuple[float, ...]
    started: tuple[float, ...]


@dataclass(frozen=True)
class Figures:
    """Airflow's metadata database."""

    engine: Engine

    def dags(self) -> int:
        return int(self._rows("select count(*) from dag where not is_stale")[0][0])

    def parse_seconds(self) -> list[tuple[str, float]]:
        """Return the time of the last parse of each DAG file."""
        rows = self._rows("select relative_fileloc, max(last_parse_duration) from dag group by 1 order by 1")
        return [(str(file), float(seconds or 0)) for file, seconds in rows]

    def runs(self) -> dict[str, int]:
        """Return how many runs of the pipelines are in each state."""
        query = f"select state, count(*) from dag_run where dag_id like '{PREFIX}%' group by 1"
        return {str(state): int(count) for state, count in self._rows(query)}

    def tasks(self, since: datetime) -> dict[str, int]:
        """Return how many tasks have ended in each state since a moment."""
        query = f"select state, count(*) from task_instance where dag_id like '{PREFIX}%' and end_date >= :since group by 1"
        return {str(state): int(count) for state, count in self._rows(query, since=since)}

    def megabytes(self) -> float:
        return float(self._rows("select pg_database_size(current_database())")[0][0]) / 1e6

    def slots(self) -> dict[str, int]:
        """Return the size of each pool."""
        return {str(pool): int(size) for pool, size in self._rows("select pool, slots from slot_pool")}

    def times(self) -> list[TaskTimes]:
        """Return the times of all tasks whose earlier tasks have succeeded."""
        return [
            TaskTimes(str(pool), float(ready), *(each if each is None else float(each) for each in later))
            for pool, ready, *later in self._rows(_TIMES)
        ]

    def waits(self, since: datetime) -> list[Waits]:
        return [
            Waits(pool, count, *(tuple(map(float, each)) for each in waits))
            for pool, count, *waits in self._rows(_WAITS, since=since)
        ]

    def set_slots(self, slots: int) -> None:
        """Give every pool this number of slots."""
        with self.engine.begin() as connection:
            connection.execute(text("update slot_pool set slots = :slots"), {"slots": slots})

    def _rows(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))
