"""The fields of the forms in Airflow with which a user starts runs: of the daily DAG, of a backfill, and of one day."""

from __future__ import annotations

from airflow.sdk import Param


def params_of_backfill() -> dict[str, Param]:
    """Return the fields of the forms for a single run of the daily DAG and for a backfill, by the name of the param.

    Airflow 3.3 shows the same fields in both forms. They do not include the day, because a backfill would ignore it.
    Another DAG has a form for one day (:func:`params_of_day`).
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
    """Return the fields of the form for one day, by the name of the param; the field for the day is required.

    ``zone``: the name of the time zone in which Mixpanel counts the project's days.
    """
    day = Param(
        type="string",
        format="date",
        title="Which day?",
        description=f"A day that has ended, in the time zone {zone}.",
    )
    return {"day": day, **params_of_backfill()}
