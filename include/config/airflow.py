"""The section ``airflow:`` of a pipeline file, and the defaults of each task of its DAGs."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from include.config.cron import normalize_cron

LONGEST_HOURS = 20
"""The longest timeout of a task: less than the visibility timeout of deploy/, after which Celery starts a task again."""
TaskName = Literal[
    "export", "transform", "shards", "validate_shard", "validate", "stage", "ingest",
    "look", "day", "close", "audit", "clean", "alerts", "finish", "verify", "setup", "start",
]  # fmt: skip


@dataclass(frozen=True)
class TaskDefaults:
    """The defaults of one task in Airflow: retries, timeout, pool and others."""

    retries: int = 4
    retry_delay_seconds: int = 30
    max_retry_delay_seconds: int = 20 * 60
    timeout_hours: float = 8
    pool: str = "default_pool"
    priority: int = 1


TASKS: dict[TaskName, TaskDefaults] = {
    # A large day takes hours to export; the wait until it has settled does not occupy a worker slot.
    "export": TaskDefaults(timeout_hours=12, pool="mixpanel_export"),
    "transform": TaskDefaults(timeout_hours=2),
    "shards": TaskDefaults(timeout_hours=0.25),
    "validate_shard": TaskDefaults(timeout_hours=2),
    "validate": TaskDefaults(timeout_hours=2),
    "stage": TaskDefaults(timeout_hours=2),
    "ingest": TaskDefaults(pool="aep_ingest"),
    "look": TaskDefaults(pool="mixpanel_export"),
    "day": TaskDefaults(pool="aep_ingest"),
    "close": TaskDefaults(pool="mixpanel_export"),
    "audit": TaskDefaults(),
    "clean": TaskDefaults(),
    "alerts": TaskDefaults(
        timeout_hours=0.25
    ),  # a notifier may hang, and the next reconcile run waits for this one
    "finish": TaskDefaults(),
    # Query Service may allow an organization a single session (EP:query-service/packaging.md).
    "verify": TaskDefaults(6, 120, 3600, 12, "aep_query"),
    "setup": TaskDefaults(2, 20, 60, 1 / 3, "aep_ingest"),
    "start": TaskDefaults(timeout_hours=0.25),
}
"""The defaults of every task, by its name in Airflow; ``setup`` is the pipeline's task of ``mixpanel_aep_setup``.

``shards`` and ``validate_shard`` exist only with ``shard_events``.
"""


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("write a name without line breaks, and without spaces around it")
    return value


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _daily(text: str) -> str:
    if text != "daily":
        raise ValueError("write daily or null; settle_hours decides when a day is exported")
    return text


def _after_settling_or_cron(text: str) -> str:
    if text == "after_settling":
        return text
    try:
        return normalize_cron(text)
    except ValueError as error:
        raise ValueError(f"{error}; or write after_settling or null") from None


def _matching(pattern: str, meaning: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"write {meaning}")
        return value

    return AfterValidator(check)


Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
PoolName = Annotated[str, _matching(r"[A-Za-z0-9_.-]{1,250}", "the name of a pool in Airflow")]
Retries = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[int, Field(ge=1, le=24 * 3600)]
Priority = Annotated[int, Field(ge=1, le=10_000)]
Cpu = Annotated[
    str,
    BeforeValidator(_as_text),
    _matching(r"[1-9]\d{0,4}m|[1-9]\d{0,2}|\d{1,3}\.\d{1,3}", "a number of CPUs such as 500m or 2"),
]
Memory = Annotated[str, _matching(r"[1-9]\d{0,5}(Mi|Gi)", "an amount of memory such as 512Mi or 2Gi")]


_UNITS = {"m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30}


def quantity_number(quantity: str) -> float:
    """Return a Kubernetes quantity as a number: ``500m`` as 0.5 CPUs, ``2Gi`` as bytes."""
    unit = next((unit for unit in _UNITS if quantity.endswith(unit)), "")
    return float(quantity.removesuffix(unit)) * _UNITS.get(unit, 1)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskSettings(_Section):
    """The settings of one task; missing ones are taken from the section ``airflow``, then from ``TASKS``."""

    retries: Retries | None = None
    retry_delay_seconds: Seconds | None = None
    """The first delay; each further one is twice as long."""
    max_retry_delay_seconds: Seconds | None = None
    timeout_hours: Annotated[float, Field(gt=0, le=LONGEST_HOURS)] | None = None
    pool: PoolName | None = None
    priority: Priority | None = None
    queue: Label | None = None
    """The Celery queue, or the queue that a KubernetesExecutor ignores."""
    cpu: Cpu | None = None
    """The CPUs that the task's pod requests (KubernetesExecutor); the three keys below are also of the pod."""
    memory: Memory | None = None
    max_cpu: Cpu | None = None
    max_memory: Memory | None = None

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        for name in ("cpu", "memory"):
            least, most = getattr(self, name), getattr(self, f"max_{name}")
            if least is not None and most is not None and quantity_number(least) > quantity_number(most):
                raise ValueError(f"{name} {least} is more than max_{name} {most}")
        return self


class AirflowSettings(_Section):
    """How Airflow runs the pipeline's DAGs."""

    owner: Label = "data-platform"
    tags: tuple[Label, ...] = ()
    """Tags of the DAGs, in addition to this project's own tags."""
    schedule: Annotated[str, AfterValidator(_daily)] | None = "daily"
    """None: the daily DAG runs only on request (a backfill, one day, or ``catch_up_days``)."""
    reconcile_schedule: Annotated[str, AfterValidator(_after_settling_or_cron)] | None = "after_settling"
    """A cron expression in the zone of the project's days; None: only on request."""
    max_active_runs: Annotated[int, Field(ge=1, le=50)] = 4
    """How many days the daily DAG loads at the same time."""
    retries: Retries | None = None
    retry_delay_seconds: Seconds | None = None
    max_retry_delay_seconds: Seconds | None = None
    priority: Priority | None = None
    tasks: dict[TaskName, TaskSettings] = {}

    # Each keyword argument has its own type, and callers unpack them into the constructors of operators.
    def task_args(self, name: TaskName) -> dict[str, Any]:
        """Return the keyword arguments of Airflow's ``BaseOperator`` for a task, without those for its pod."""
        task = self._task_defaults(name)
        return {
            "owner": self.owner,
            "retries": task.retries,
            "retry_delay": timedelta(seconds=task.retry_delay_seconds),
            "retry_exponential_backoff": 2.0,  # a multiplier; True would mean 1.0, a constant delay
            "max_retry_delay": timedelta(seconds=task.max_retry_delay_seconds),
            "execution_timeout": timedelta(hours=task.timeout_hours),
            "pool": task.pool,
            "priority_weight": task.priority,
            **({"queue": queue} if (queue := self.tasks.get(name, TaskSettings()).queue) else {}),
        }

    def pod_resources(self, name: TaskName) -> dict[str, str]:
        """Return the pod size that the file sets for a task: ``cpu``, ``memory``, ``max_cpu``, ``max_memory``."""
        own = self.tasks.get(name, TaskSettings())
        sizes = {key: getattr(own, key) for key in ("cpu", "memory", "max_cpu", "max_memory")}
        return {key: value for key, value in sizes.items() if value is not None}

    @property
    def pools(self) -> frozenset[str]:
        """The names of all pools in the pipeline file."""
        return frozenset(each.pool for each in self.tasks.values() if each.pool)

    def _task_defaults(self, name: TaskName) -> TaskDefaults:
        """Return the defaults of a task, with the values of this section and then those of the task's own settings."""
        configured = {
            field.name: value
            for settings in (self, self.tasks.get(name))
            for field in fields(TaskDefaults)
            if (value := getattr(settings, field.name, None)) is not None
        }
        return replace(TASKS[name], **configured)
