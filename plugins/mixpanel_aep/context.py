"""Reads the inputs of an Airflow run: its partition key and its conf. No other module reads them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from include.config.model import LAST_DAY
from include.errors import ConfigError
from include.json_types import JsonObject
from include.redact import one_line
from mixpanel_aep.lakes import LAKE_VARIABLE, open_lake

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["LAKE_VARIABLE", "open_lake", "partition_of", "should_replace", "validate_conf"]

_CONF_KEYS = frozenset({"partition_date", "reprocess", "export_again"})


def validate_conf(context: Context, known: Collection[str] = ()) -> JsonObject:
    """Return the run's conf, after a check that it has only ``known`` keys.

    Airflow accepts unknown keys. Without this check, a run with a misspelt key would succeed and ignore the key.

    Raises:
        ConfigError: the conf has other keys; the message names them, without their values.
    """
    conf = context["dag_run"].conf or {}
    unknown = sorted(map(str, set(conf) - set(known)))
    if unknown:
        raise ConfigError(
            f"This run's conf has unknown keys: {one_line(', '.join(unknown), 200)}.",
            f"Known keys: {', '.join(sorted(known))}." if known else "This DAG accepts no conf keys.",
        )
    return dict(conf)


def partition_of(context: Context) -> date:
    """Return the day that a run processes: its partition key, or ``partition_date`` of its conf.

    Raises:
        ConfigError: the run has neither, or two different days, or its conf has an unknown key.
    """
    conf = validate_conf(context, _CONF_KEYS)
    named = [text for text in (context["dag_run"].partition_key, conf.get("partition_date")) if text]
    if not named:
        raise ConfigError(
            "This run has no partition.",
            "Start the DAG mixpanel_aep_day_..., whose form has a field for the day, or choose Backfill for several days.",
        )
    days = [parse_day(text) for text in named]
    if days[0] != days[-1]:
        raise ConfigError(
            f"This run has the partition key {days[0]}, but its partition_date is {days[-1]}.",
            "Trigger the run again with only one of the two, or with the same day in both.",
        )
    return days[0]


def parse_day(text: object) -> date:
    """Convert a text from a run's partition key or conf, such as ``2026-07-01``, to a date.

    Raises:
        ConfigError: the value is not a text in this form.
    """
    try:
        day = date.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        day = None
    # fromisoformat also accepts 20260701 and 2026-W27-3, so that one day would have several keys in Airflow.
    if day is None or day.isoformat() != text or day > LAST_DAY:
        raise ConfigError("This run's day is not a valid day.", "Write the day in the form 2026-07-01.")
    return day


def should_replace(context: Context) -> bool:
    """Return whether the run replaces the partition's active rows: its conf has ``reprocess: replace``.

    Raises:
        ConfigError: ``reprocess`` is neither ``append`` nor ``replace``.
    """
    reprocess = dict(context["dag_run"].conf or {}).get("reprocess", "append")
    if not isinstance(reprocess, str) or reprocess not in ("append", "replace"):
        raise ConfigError(
            "This run's reprocess must be append or replace.",
            "Trigger the run again with one of these two values.",
        )
    return reprocess == "replace"


def requested_refresh(context: Context) -> str | None:
    """Return the name of the refresh if the run's conf has ``export_again: true``, otherwise None.

    With None, the run uses an existing export of the day.

    Raises:
        ConfigError: ``export_again`` is not a boolean.
    """
    again = dict(context["dag_run"].conf or {}).get("export_again", False)
    if not isinstance(again, bool):
        raise ConfigError(
            "This run's export_again must be true or false.",
            "Trigger the run again with one of these two values.",
        )
    return refresh_name(context) if again else None


def refresh_name(context: Context) -> str:
    """Return the name of the refresh (the new export) that this task requests.

    A retry has the same name, so that it finds the export of the previous try. After the task was cleared, the name is
    another one, because Airflow increases ``max_tries`` of a task when it is cleared, and only then. The run's
    ``clear_number`` is not suitable: it also changes when only a later task is cleared.
    """
    return f"{run_name(context)}/{context['ti'].max_tries}"


def is_backfill(context: Context) -> bool:
    """Return whether the run belongs to a backfill."""
    return bool(context["dag_run"].run_type == "backfill")


def run_name(context: Context) -> str:
    """Return the name of the run in ledger records: ``<dag_id>/<run_id>``, the same for every try of a task."""
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"
