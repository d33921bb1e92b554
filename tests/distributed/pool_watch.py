"""Observes how long tasks wait although their pool and the executor have free slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class PoolWatch:
    """The waits of tasks that could run; give it the state of Airflow's tables again and again."""

    longest: dict[str, float] = field(default_factory=dict)
    """By pool: the longest time in seconds that a task was ready while every observation found a free slot."""
    _since: dict[str, float] = field(default_factory=dict)

    def observe(
        self, now: float, ready: Mapping[str, str], free: Mapping[str, int], executor_free: int
    ) -> None:
        """Add one observation.

        Args:
            now: monotonic seconds.
            ready: the pool of each task that is not queued, and whose earlier tasks have all succeeded, by the task's id.
            free: how many slots of each pool are free.
            executor_free: how many tasks more the executor accepts.
        """
        could_run = {task: pool for task, pool in ready.items() if executor_free > 0 and free[pool] > 0}
        self._since = {task: self._since.get(task, now) for task in could_run}
        for task, pool in could_run.items():
            self.longest[pool] = max(self.longest.get(pool, 0.0), now - self._since[task])
