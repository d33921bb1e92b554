"""What a run is about: its partition, its name, its lake. Nothing else reads the run's key or conf."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from include.errors import ConfigError
from include.redact import one_line
from mixpanel_aep.lakes import LAKE_VARIABLE, open_lake

__all__ = ["LAKE_VARIABLE", "open_lake", "partition_of", "should_replace", "validate_conf"]

_CONF_KEYS = frozenset({"partition_date", "reprocess", "export_again"})


def validate_conf(context: Mapping[str, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """What a person asks of the run, once it holds nothing but ``known`` keys: Airflow's own check of params lets
    any other key pass, and a run that ignores what it was asked looks as if it had done it.

    Raises:
        ConfigError: naming the unknown keys, and no value.
    """
    conf = context["dag_run"].conf or {}
    unknown = sorted(map(str, set(conf) - set(known)))
    if unknown:
        raise ConfigError(
            f"This run's conf has unknown keys: {one_line(', '.join(unknown), 200)}.",
            f"Known are {', '.join(sorted(known))}." if known else "This DAG takes none.",
        )
    return dict(conf)


def partition_of(context: Mapping[str, Any]) -> date:
    """Return the partition of a run: its partition key, else ``partition_date`` of its conf.

    Raises:
        ConfigError: the run names no day or two different days, or its conf has an unknown key.
    """
    conf = validate_conf(context, _CONF_KEYS)
    named = [text for text in (context["dag_run"].partition_key, conf.get("partition_date")) if text]
    if not named:
        raise ConfigError(
            "This run has no partition.",
            "Trigger it with a partition key or partition_date such as 2026-07-01, or use Backfill for many days.",
        )
    days = [_day(text) for text in named]
    if days[0] != days[-1]:
        raise ConfigError(
            f"This run has the partition key {days[0]}, but its partition_date is {days[-1]}.",
            "Trigger it again with one of them, or with the same day in both.",
        )
    return days[0]


def _day(text: object) -> date:
    try:
        day = date.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        day = None
    # fromisoformat also reads 20260701 and 2026-W27-3: one day would have several names in Airflow.
    if day is None or day.isoformat() != text:
        raise ConfigError("This run's partition is no day.", "Write it like 2026-07-01.")
    return day


def should_replace(context: Mapping[str, Any]) -> bool:
    """Whether the run loads its partition anew, in place of what is active (``reprocess: replace``).

    Raises:
        ConfigError: its conf says something else.
    """
    asked = dict(context["dag_run"].conf or {}).get("reprocess", "append")
    if not isinstance(asked, str) or asked not in ("append", "replace"):
        raise ConfigError(
            "This run's reprocess is neither append nor replace.", "Trigger it again with one of them."
        )
    return bool(asked == "replace")


def requested_refresh(context: Mapping[str, Any]) -> str | None:
    """Return the refresh name of a run with ``export_again``, or None: an export that is there will do.

    Raises:
        ConfigError: its conf says neither yes nor no.
    """
    again = dict(context["dag_run"].conf or {}).get("export_again", False)
    if not isinstance(again, bool):
        raise ConfigError(
            "This run's export_again is neither true nor false.", "Trigger it again with one of them."
        )
    return refresh_name(context) if again else None


def refresh_name(context: Mapping[str, Any]) -> str:
    """Return the name of the refresh that this task asks Mixpanel for: one for each time that the task is cleared.

    A retry has the same name, so that it finds the export of the try before it. Clearing a task makes a new name,
    because Airflow then raises the task's ``max_tries`` by the tries that were made, and at no other time. The run's
    ``clear_number`` would not do: it also changes when only a later task is cleared.
    """
    return f"{run_name(context)}/{context['ti'].max_tries}"


def run_name(context: Mapping[str, Any]) -> str:
    """Who is at work, for the ledger: the same for every try of one run."""
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"
