"""The part of Airflow's task context that operators read, for tests that run one operator alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass
class FakeTaskInstance:
    """A task instance with its own XCom store. ``max_tries``: Airflow raises it when the task is cleared."""

    max_tries: int = 4
    try_number: int = 1
    xcom: dict[tuple[str, str], Any] = field(default_factory=dict)
    task_id: str = "refresh"

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcom[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.xcom.get((task_ids, key))


def task_context(
    key: str | None = "2026-07-01",
    conf: Any = None,
    ti: FakeTaskInstance | None = None,
    run_type: str = "manual",
) -> dict[str, Any]:
    """Return the context of a task in run ``r`` of DAG ``d``."""
    run = SimpleNamespace(partition_key=key, conf=conf, dag_id="d", run_id="r", run_type=run_type)
    return {"dag_run": run, "ti": ti or FakeTaskInstance()}
