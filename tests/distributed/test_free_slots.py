"""What counts as a free slot next to a waiting task."""

from __future__ import annotations

import pytest

from tests.distributed.free_slots import TaskTimes, longest_free

pytestmark = pytest.mark.unit
SLOTS = {"exports": 1, "others": 5}


def free(*tasks: TaskTimes, executor: int = 9, since: float = 0, until: float = 100) -> dict[str, float]:
    return longest_free(tasks, SLOTS, executor, since, until)


def test_a_slot_is_free_from_the_end_of_a_task_until_the_next_one_is_queued() -> None:
    first, second = TaskTimes("exports", 0, 1, 10), TaskTimes("exports", 0, 14, 20)
    assert free(first, second) == {"exports": 4}


def test_a_full_pool_does_not_count() -> None:
    assert free(TaskTimes("exports", 0, 0, 50), TaskTimes("exports", 1, 50, 60)) == {}


def test_a_full_executor_does_not_count() -> None:
    at_work, waits = TaskTimes("exports", 0, 0, 30), TaskTimes("others", 0, 40, None)
    assert free(at_work, waits, executor=1) == {"others": 10}
    assert free(at_work, waits, executor=2) == {"others": 40}


def test_a_task_that_is_never_queued_waits_until_the_end() -> None:
    assert free(TaskTimes("others", 20, None, None), until=70) == {"others": 50}


def test_a_pool_that_is_filled_in_part_still_has_a_free_slot() -> None:
    tasks = [TaskTimes("others", 0, moment, 90) for moment in (1, 2, 3, 4)]
    assert free(*tasks, TaskTimes("others", 0, 60, 90)) == {"others": 60}


def test_the_time_before_the_measurement_does_not_count() -> None:
    assert free(TaskTimes("others", 0, 30, 40), since=25) == {"others": 5}
