"""What counts as a wait of a task next to a free slot."""

from __future__ import annotations

import pytest

from tests.distributed.pool_watch import PoolWatch

pytestmark = pytest.mark.unit
READY = {"a": "exports", "b": "exports", "c": "others"}


def test_a_wait_counts_while_the_tasks_pool_has_a_free_slot() -> None:
    watch = PoolWatch()
    watch.observe(0, READY, {"exports": 0, "others": 5}, 9)
    watch.observe(10, READY, {"exports": 1, "others": 5}, 9)
    watch.observe(14, READY, {"exports": 1, "others": 5}, 9)
    assert watch.longest == {"exports": 4, "others": 14}


def test_a_wait_begins_again_when_the_pool_or_the_executor_was_full() -> None:
    watch = PoolWatch()
    free = {"exports": 1, "others": 1}
    watch.observe(0, READY, free, 1)
    watch.observe(5, READY, free | {"exports": 0}, 1)
    watch.observe(6, READY, free, 1)
    watch.observe(9, READY, free, 1)
    assert watch.longest == {"exports": 3, "others": 9}
    watch.observe(10, READY, free, 0)
    watch.observe(11, READY, free, 1)
    watch.observe(12, READY, free, 1)
    assert watch.longest == {"exports": 3, "others": 9}, "nothing else can run while the executor is full"


def test_a_task_that_was_queued_and_is_ready_again_begins_again() -> None:
    watch = PoolWatch()
    free = {"exports": 1, "others": 1}
    watch.observe(0, READY, free, 1)
    watch.observe(5, {"a": "exports"}, free, 1)
    watch.observe(6, READY, free, 1)
    watch.observe(8, READY, free, 1)
    assert watch.longest == {"exports": 8, "others": 2}
