"""The fields of the forms with which a person starts runs: of the daily DAG, of a backfill, and of one day."""

from __future__ import annotations

from airflow.sdk import Param


def params_of_backfill() -> dict[str, Param]:
    """Return the fields of the form for a run of the daily DAG, and for the runs of a backfill.

    Airflow 3.3 shows the same fields for a single run and for a backfill, so the day is not among them: a backfill would
    ignore it. One day has a form of its own (``params_of_day``).
    """
    return {
        "reprocess": Param(
            "append",
            type="string",
            enum=["append", "replace"],
            values_display={
                "append": "Keep them, and load only what is missing",
                "replace": "Replace them with the day as it is mapped today",
            },
            title="What should happen to events that are already in AEP?",
            description="Replace after a change of the mapping. AEP removes the old events when the new ones are active.",
        ),
        "export_again": Param(
            False,
            type="boolean",
            title="Export from Mixpanel again?",
            description="Yes finds events that arrived after the first export. No uses the export in the lake, if there is "
            "one.",
        ),
    }


def params_of_day(zone: str) -> dict[str, Param]:
    """Return the fields of the form for one day; Airflow starts no run while the day is empty."""
    day = Param(
        type="string",
        format="date",
        title="Which day?",
        description=f"A day that has ended, in the time zone {zone}.",
    )
    return {"day": day, **params_of_backfill()}
