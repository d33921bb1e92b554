"""What a run is about: its partition, its name, its lake. Nothing else reads the run's key or conf."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from include.config.model import Pipeline
from include.errors import ConfigError
from include.lake.lake import Lake, default_lake
from include.redact import one_line

LAKE_VARIABLE = "mixpanel_aep_lake"
_CONF_KEYS = frozenset({"partition_date", "reprocess", "export_again"})


def refuse_conf(context: Mapping[str, Any], known: Collection[str] = ()) -> dict[str, Any]:
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
    """The partition that a run is for: its key, or ``partition_date`` of its conf where it has no key.

    Raises:
        ConfigError: the run names no day, or its conf holds something else.
    """
    run = context["dag_run"]
    conf = refuse_conf(context, _CONF_KEYS)
    key = run.partition_key or conf.get("partition_date")
    if not key:
        raise ConfigError(
            "This run has no partition.",
            "Trigger it with a partition key or partition_date such as 2026-07-01, or use Backfill for many days.",
        )
    try:
        day = date.fromisoformat(key if isinstance(key, str) else "")
    except ValueError:
        day = None
    # fromisoformat also reads 20260701 and 2026-W27-3: one day would have several names in Airflow.
    if day is None or day.isoformat() != key:
        raise ConfigError("This run's partition is no day.", "Write it like 2026-07-01.")
    return day


def replaces(context: Mapping[str, Any]) -> bool:
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


def look(context: Mapping[str, Any]) -> str | None:
    """The name under which the run looks at its day again, or None: an export that is there will do.

    Raises:
        ConfigError: its conf says neither yes nor no.
    """
    again = dict(context["dag_run"].conf or {}).get("export_again", False)
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
