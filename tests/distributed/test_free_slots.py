"""What counts as a wait of a task next to a free slot."""

from __future__ import annotations

import pytest

from tests.distributed.free_slots import TaskTimes, longest_waits

pytestmark = pytest.mark.unit
SLOTS = {"exports": 1, "others": 5}


def waits(*tasks: TaskTimes, executor: int = 9, since: float = 0, until: float = 100) -> dict[str, float]:
    return longest_waits(tasks, SLOTS, executor, since, until)


def test_a_task_waits_next_to_the_slot_that_another_one_left() -> None:
    first, second = TaskTimes("exports", 0, 0, 10), TaskTimes("exports", 0, 14, 20)
    assert waits(first, second) == {"exports": 4}


def test_a_full_pool_does_not_count() -> None:
    assert waits(TaskTimes("exports", 0, 0, 50), TaskTimes("exports", 1, 50, 60)) == {"exports": 0}


def test_a_full_executor_does_not_count() -> None:
    at_work, waiting = TaskTimes("exports", 0, 0, 30), TaskTimes("others", 0, 40, None)
    assert waits(at_work, waiting, executor=1)["others"] == 10
    assert waits(at_work, waiting, executor=2)["others"] == 40


def test_a_task_that_is_never_queued_waits_until_the_end() -> None:
    assert waits(TaskTimes("others", 20, None, None), until=70) == {"others": 50}


def test_a_wait_begins_again_when_the_pool_was_full() -> None:
    others = TaskTimes("exports", 0, 10, 15), TaskTimes("exports", 0, 22, 30)
    assert waits(*others, TaskTimes("exports", 0, 33, 40)) == {"exports": 10}


def test_many_short_waits_are_not_one_long_wait() -> None:
    tasks = [TaskTimes("others", start, start + 2, start + 90) for start in range(4)]
    assert waits(*tasks) == {"others": 2}


def test_the_time_before_the_measurement_does_not_count() -> None:
    assert waits(TaskTimes("others", 0, 30, 40), since=25) == {"others": 5}
