"""Finds from the times of tasks how long one of them waited although its pool had a free slot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple


class TaskTimes(NamedTuple):
    """When a task could run, when the scheduler gave it a slot, and when it ended; seconds since the epoch, or None."""

    pool: str
    ready: float
    queued: float | None
    ended: float | None


def longest_waits(
    tasks: Sequence[TaskTimes], slots: Mapping[str, int], executor_slots: int, since: float, until: float
) -> dict[str, float]:
    """Return the longest time in seconds, by pool, for which a ready task waited while a slot was free without a pause.

    A slot counts as free only while the executor accepts tasks. ``slots``: the size of each pool.
    """
    free, longest = _free_times(tasks, slots, executor_slots, until), defaultdict[str, float](float)
    for task in tasks:
        first, last = max(task.ready, since), until if task.queued is None else min(task.queued, until)
        for began, ended in free[task.pool]:
            longest[task.pool] = max(longest[task.pool], min(ended, last) - max(began, first))
    return dict(longest)


def _free_times(
    tasks: Sequence[TaskTimes], slots: Mapping[str, int], executor_slots: int, until: float
) -> dict[str, list[tuple[float, float]]]:
    """Return when each pool had a free slot, as spans in order."""
    occupied, began = Counter[str](), dict.fromkeys(slots, 0.0)
    found: dict[str, list[tuple[float, float]]] = {pool: [] for pool in slots}
    changes = sorted(change for task in tasks for change in _changes(task))
    for (moment, pool, change), (next_moment, *_) in pairwise([*changes, (until, "", 0)]):
        occupied[pool] += change
        if next_moment == moment:
            continue
        for each, size in slots.items():
            is_free = occupied[each] < size and occupied.total() < executor_slots
            if is_free:
                began.setdefault(each, moment)
            elif each in began:
                found[each].append((began.pop(each), moment))
    for each, moment in began.items():
        found[each].append((moment, until))
    return found


def _changes(task: TaskTimes) -> Iterator[tuple[float, str, int]]:
    """Yield the moments at which the number of occupied slots changes."""
    if task.queued is not None:
        yield task.queued, task.pool, 1
        if task.ended is not None:
            yield task.ended, task.pool, -1
