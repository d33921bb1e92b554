"""Finds from the times of tasks how long a slot was free while a task waited for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple


class TaskTimes(NamedTuple):
    """When a task could run, when the scheduler gave it a slot, and when it ended; seconds since the epoch, or None."""

    pool: str
    ready: float
    queued: float | None
    ended: float | None


def longest_free(
    tasks: Iterable[TaskTimes], slots: Mapping[str, int], executor_slots: int, since: float, until: float
) -> dict[str, float]:
    """Return the longest time in seconds, by pool, for which a slot was free and a task of the pool was ready.

    A slot counts as free only while the executor accepts tasks. ``slots``: the size of each pool.
    """
    occupied, waiting, began, longest = Counter[str](), Counter[str](), dict[str, float](), dict[str, float]()
    changes = sorted(change for task in tasks for change in _changes(task))
    for (moment, pool, waits, occupies), (next_moment, *_) in pairwise([*changes, (until, "", 0, 0)]):
        waiting[pool] += waits
        occupied[pool] += occupies
        if next_moment == moment:
            continue
        for each, size in slots.items():
            is_free = waiting[each] > 0 and occupied[each] < size and occupied.total() < executor_slots
            if not is_free:
                began.pop(each, None)
            elif next_moment > since:
                began.setdefault(each, max(moment, since))
                longest[each] = max(longest.get(each, 0.0), min(next_moment, until) - began[each])
    return longest


def _changes(task: TaskTimes) -> Iterator[tuple[float, str, int, int]]:
    """Yield the moments at which the numbers of waiting tasks and of occupied slots change."""
    yield task.ready, task.pool, 1, 0
    if task.queued is not None:
        yield task.queued, task.pool, -1, 1
        if task.ended is not None:
            yield task.ended, task.pool, 0, -1
