"""The section ``airflow:`` of a pipeline file, and the default settings of each task of the pipeline's DAGs."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from include.config.cron import normalize_cron

MAX_TIMEOUT_HOURS = 20
"""The longest timeout of a task: below the visibility timeout in ``deploy/``, after which Celery runs a task again."""
TaskName = Literal[
    "export", "transform", "shards", "validate_shard", "validate", "stage", "ingest",
    "refresh", "day", "close", "audit", "clean", "alerts", "finish", "verify", "setup", "start",
]  # fmt: skip


@dataclass(frozen=True)
class TaskDefaults:
    """The settings of one Airflow task if the pipeline file does not set them.

    Attributes:
        retries: how often Airflow retries the task.
        retry_delay_seconds: the delay before the first retry; each further delay is twice as long.
        max_retry_delay_seconds: the longest delay before a retry.
        timeout_hours: the time after which Airflow ends an attempt.
        pool: the name of the task's pool in Airflow.
        priority: the task's priority weight in Airflow.
    """

    retries: int = 4
    retry_delay_seconds: int = 30
    max_retry_delay_seconds: int = 20 * 60
    timeout_hours: float = 8
    pool: str = "default_pool"
    priority: int = 1


TASKS: dict[TaskName, TaskDefaults] = {
    # The export of a large day takes hours. While the task waits for the day to settle, it is deferred, and the wait
    # does not count toward the timeout.
    "export": TaskDefaults(timeout_hours=12, pool="mixpanel_export"),
    "transform": TaskDefaults(timeout_hours=2),
    "shards": TaskDefaults(timeout_hours=0.25),
    "validate_shard": TaskDefaults(timeout_hours=2),
    "validate": TaskDefaults(timeout_hours=2),
    "stage": TaskDefaults(timeout_hours=2),
    "ingest": TaskDefaults(pool="aep_ingest"),
    "refresh": TaskDefaults(pool="mixpanel_export"),
    "day": TaskDefaults(pool="aep_ingest"),
    "close": TaskDefaults(pool="mixpanel_export"),
    "audit": TaskDefaults(),
    "clean": TaskDefaults(),
    "alerts": TaskDefaults(
        timeout_hours=0.25
    ),  # a notifier may hang, and the next reconcile run waits for the end of this one
    "finish": TaskDefaults(),
    # Query Service may allow an organization a single session (EP:query-service/packaging.md).
    "verify": TaskDefaults(6, 120, 3600, 12, "aep_query"),
    "setup": TaskDefaults(2, 20, 60, 1 / 3, "aep_ingest"),
    "start": TaskDefaults(timeout_hours=0.25),
}
"""The default settings of every task, by the task's name in Airflow.

``setup`` is the pipeline's task in the DAG ``mixpanel_aep_setup``. ``shards`` and ``validate_shard`` exist only if the
pipeline file sets ``shard_events``.
"""


_RENAMED_TASKS = {"look": "refresh"}


def _refuse_old_names(tasks: object) -> object:
    """Return the section ``tasks`` unchanged; if it has the former name of a task, raise an error with the new name."""
    if isinstance(tasks, dict):
        for old, new in _RENAMED_TASKS.items():
            if old in tasks:
                raise ValueError(f"the task {old!r} was renamed to {new!r}; rename the key")
    return tasks


def _require_printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("write a name without line breaks, and without spaces around it")
    return value


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _require_daily(text: str) -> str:
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
    """Return a validator for texts that ``pattern`` matches as a whole; its error says to write ``meaning``."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"write {meaning}")
        return value

    return AfterValidator(check)


Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_require_printable)]
PoolName = Annotated[str, _matching(r"[A-Za-z0-9_.-]{1,250}", "the name of a pool in Airflow")]
Retries = Annotated[int, Field(ge=0, le=100, strict=True)]
Seconds = Annotated[int, Field(ge=1, le=24 * 3600, strict=True)]
Priority = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Cpu = Annotated[
    str,
    BeforeValidator(_as_text),
    _matching(r"[1-9]\d{0,4}m|[1-9]\d{0,2}|\d{1,3}\.\d{1,3}", "a number of CPUs such as 500m or 2"),
]
Memory = Annotated[str, _matching(r"[1-9]\d{0,5}(Mi|Gi)", "an amount of memory such as 512Mi or 2Gi")]


_UNITS = {"m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30}


def quantity_number(quantity: str) -> float:
    """Convert a Kubernetes quantity to a number: ``500m`` to 0.5 (CPUs), ``2Gi`` to 2147483648 (bytes)."""
    unit = next((unit for unit in _UNITS if quantity.endswith(unit)), "")
    return float(quantity.removesuffix(unit)) * _UNITS.get(unit, 1)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskSettings(_Section):
    """The settings of one task in the section ``airflow.tasks`` of a pipeline file.

    A setting of None has the value of the section ``airflow``, or else of ``TASKS``.
    """

    retries: Retries | None = None
    retry_delay_seconds: Seconds | None = None
    """The delay before the first retry; each further delay is twice as long."""
    max_retry_delay_seconds: Seconds | None = None
    timeout_hours: Annotated[float, Field(ge=0.0001, le=MAX_TIMEOUT_HOURS, strict=True)] | None = None
    pool: PoolName | None = None
    priority: Priority | None = None
    queue: Label | None = None
    """The queue of the CeleryExecutor; the KubernetesExecutor ignores it."""
    cpu: Cpu | None = None
    """The CPU request of the task's pod (KubernetesExecutor only)."""
    memory: Memory | None = None
    """The memory request of the task's pod."""
    max_cpu: Cpu | None = None
    """The CPU limit of the task's pod."""
    max_memory: Memory | None = None
    """The memory limit of the task's pod."""

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        for name in ("cpu", "memory"):
            least, most = getattr(self, name), getattr(self, f"max_{name}")
            if least is not None and most is not None and quantity_number(least) > quantity_number(most):
                raise ValueError(f"{name} {least} is more than max_{name} {most}")
        return self


class AirflowSettings(_Section):
    """The section ``airflow:`` of a pipeline file: how Airflow runs the pipeline's DAGs."""

    owner: Label = "data-platform"
    tags: tuple[Label, ...] = ()
    """Tags of the DAGs, in addition to this project's own tags."""
    schedule: Annotated[str, AfterValidator(_require_daily)] | None = "daily"
    """``daily``: the daily DAG loads each day. None: it only runs for backfills, single days and ``catch_up_days``."""
    reconcile_schedule: Annotated[str, AfterValidator(_after_settling_or_cron)] | None = "after_settling"
    """When the reconcile DAG runs: ``after_settling``, once a day has settled; or a cron expression; or None: manually.

    The cron expression is in the time zone in which Mixpanel counts the project's days.
    """
    max_active_runs: Annotated[int, Field(ge=1, le=50, strict=True)] = 4
    """How many runs of the daily DAG, each of which loads a day, may be active at the same time."""
    retries: Retries | None = None
    retry_delay_seconds: Seconds | None = None
    max_retry_delay_seconds: Seconds | None = None
    priority: Priority | None = None
    tasks: Annotated[dict[TaskName, TaskSettings], BeforeValidator(_refuse_old_names)] = {}

    # The values have different types, and callers unpack the dictionary into the constructors of operators: so Any.
    def task_args(self, name: TaskName) -> dict[str, Any]:
        """Return the keyword arguments of Airflow's ``BaseOperator`` for a task, except those for its pod."""
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
            # In each round, the scheduler only considers as many waiting tasks as workers have free slots, those with
            # the highest weights. By default the first task of a day has the highest weight: exports of backfills that
            # wait for the few slots of their pool would keep later tasks, whose pools have free slots, from starting.
            "weight_rule": "upstream",
            **({"queue": queue} if (queue := self.tasks.get(name, TaskSettings()).queue) else {}),
        }

    def pod_resources(self, name: TaskName) -> dict[str, str]:
        """Return the settings ``cpu``, ``memory``, ``max_cpu`` and ``max_memory`` of a task, if they are set."""
        own = self.tasks.get(name, TaskSettings())
        sizes = {key: getattr(own, key) for key in ("cpu", "memory", "max_cpu", "max_memory")}
        return {key: value for key, value in sizes.items() if value is not None}

    @property
    def pools(self) -> frozenset[str]:
        """The names of all pools that the pipeline file assigns to tasks."""
        return frozenset(each.pool for each in self.tasks.values() if each.pool)

    def _task_defaults(self, name: TaskName) -> TaskDefaults:
        """Return the settings of a task: its own, else those of the section ``airflow``, else those of ``TASKS``."""
        configured = {
            field.name: value
            for settings in (self, self.tasks.get(name))
            for field in fields(TaskDefaults)
            if (value := getattr(settings, field.name, None)) is not None
        }
        return replace(TASKS[name], **configured)
