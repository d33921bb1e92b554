"""What a run is about: its partition, its name, its lake. Nothing else reads the run's key or conf."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from include.config.model import Pipeline
from include.errors import ConfigError
from include.lake.lake import Lake, default_lake

LAKE_VARIABLE = "mixpanel_aep_lake"
_CONF_KEYS = frozenset({"partition_date", "reprocess", "export_again"})


def partition_of(context: Mapping[str, Any]) -> date:
    """The partition that a run is for: its key, or ``partition_date`` of its conf where it has no key.

    Raises:
        ConfigError: the run names no day, or its conf holds something else.
    """
    run = context["dag_run"]
    conf = dict(run.conf or {})
    unknown = sorted(set(conf) - _CONF_KEYS)
    if unknown:
        raise ConfigError(
            f"This run's conf has unknown keys: {', '.join(unknown)}.",
            f"Known are {', '.join(sorted(_CONF_KEYS))}.",
        )
    key = run.partition_key or conf.get("partition_date")
    if not key:
        raise ConfigError(
            "This run has no partition.",
            "Trigger it with a partition key or partition_date such as 2026-07-01, or use Backfill for many days.",
        )
    try:
        return date.fromisoformat(str(key))
    except ValueError:
        raise ConfigError("This run's partition is no day.", "Write it like 2026-07-01.") from None


def replaces(context: Mapping[str, Any]) -> bool:
    """Whether the run loads its partition anew, in place of what is active (``reprocess: replace``).

    Raises:
        ConfigError: its conf says something else.
    """
    asked = dict(context["dag_run"].conf or {}).get("reprocess") or "append"
    if asked not in ("append", "replace"):
        raise ConfigError(
            "This run's reprocess is neither append nor replace.", "Trigger it again with one of them."
        )
    return bool(asked == "replace")


def look(context: Mapping[str, Any]) -> str | None:
    """The name under which the run looks at its day again, or None: an export that is there will do.

    Raises:
        ConfigError: its conf says neither yes nor no.
    """
    again = dict(context["dag_run"].conf or {}).get("export_again") or False
    if not isinstance(again, bool):
        raise ConfigError(
            "This run's export_again is neither true nor false.", "Trigger it again with one of them."
        )
    return run_name(context) if again else None


def run_name(context: Mapping[str, Any]) -> str:
    """Who is at work, for the ledger: the same for every try of one run."""
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"


def open_lake(pipeline: Pipeline) -> Lake:
    """The pipeline's lake: its own, else the Airflow variable ``mixpanel_aep_lake``, else the folder ``lake``."""
    from airflow.sdk import Variable

    return Lake(pipeline.lake or Variable.get(LAKE_VARIABLE, default=None) or default_lake())
