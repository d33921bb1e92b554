"""The rules that decide which alerts are sent: pure functions of a pipeline's settings and of facts from the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from include.alerts.alert import Alert, name_list
from include.board.facts import Counts, DayFacts
from include.board.index import MOST_PROPERTIES, BoardIndex
from include.config.alerts import AlertKind, Alerts
from include.config.model import Pipeline
from include.plural import counted, is_or_are

IN_BACKFILLS: tuple[AlertKind, ...] = ("failed", "quarantine")
"""The kinds of alerts that are sent about days of a backfill.

The other kinds report what is unusual, new or late, which cannot be said about days in the past.
"""
_WEEKS = 4
_MIN_WEEKS = 3


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Attributes:
        task: the id of the task.
        sentence: the sentence of the error; empty if the task reported none.
        hint: the hint of the error, if any.
        error: the name of the error's class, if any.
    """

    task: str
    sentence: str = ""
    hint: str = ""
    error: str = ""


def failed_task_alert(
    pipeline: Pipeline, partition: date | None, failure: Failure, *, dag_id: str, run: str = ""
) -> Alert:
    """Return the alert about a failed task.

    Args:
        pipeline: the pipeline.
        partition: the day that the task processed; None if it does not process a single day.
        failure: why the task failed.
        dag_id: the id of the task's DAG, which the text names if ``partition`` is None.
        run: the id of the run, so that every failed run sends an alert; "": the same cause is only sent once.
    """
    what = f"Day {partition} of pipeline {pipeline.name}" if partition else dag_id
    sentence = failure.sentence or "The task reported no reason; its process may have been terminated."
    remedy = failure.hint or "Open the log of the failed task, then clear it."
    return Alert(
        "failed",
        pipeline.name,
        partition,
        f"{what} failed in {failure.task}: {sentence}",
        remedy,
        (f"{run}/{failure.task}/{failure.error or failure.sentence}",),
        page_path(pipeline, partition),
    )


def late_day_alert(pipeline: Pipeline, day: date, state: str) -> Alert:
    """Return the alert about a day that is not in AEP by its deadline. ``state``: the state of its Airflow run."""
    hours = pipeline.alerts.late_after_hours if pipeline.alerts else None
    return Alert(
        "late",
        pipeline.name,
        day,
        f"Day {day} of pipeline {pipeline.name} is not in AEP {hours or 0:g} hours after it settled; its run is {state}.",
        "Open the day on the board: it names the step and the reason.",
        ("late",),
        page_path(pipeline, day),
    )


def is_loaded(facts: DayFacts | None) -> bool:
    """Return whether a day has active batches in AEP, or was found to have no events. None: the day has no ledger."""
    return facts is not None and (bool(facts.batches) or facts.progress == "empty")


def loaded_day_alerts(pipeline: Pipeline, day: date, facts: DayFacts, index: BoardIndex) -> Iterator[Alert]:
    """Yield the alerts of the kinds ``quarantine``, ``volume`` and ``properties`` about a day that has been loaded.

    ``facts``: the facts about the day, including the names of its properties. ``index``: the board's index, with the
    earlier days that it is compared with.
    """
    settings = alert_settings(pipeline)
    counts = facts.counts
    if facts.trouble:  # the ledger or a manifest cannot be read, so all counts are 0
        return
    if settings.max_quarantined is not None and counts.exported:
        quarantined = counts.quarantined / counts.exported
        if quarantined > settings.max_quarantined:
            yield Alert(
                "quarantine",
                pipeline.name,
                day,
                f"{counts.quarantined:,} of {counted(counts.exported, 'event')} of {day} of pipeline {pipeline.name} "
                f"{is_or_are(counts.quarantined)} in quarantine ({quarantined:.2%}; the limit is {settings.max_quarantined:.2%}).",
                "Read the reasons in the day's report, correct the mapping or the schema, then run the day again.",
                ("quarantine",),
                f"mixpanel-aep/board/report/{pipeline.dag_id}/{day}",
            )
    yield from _volume(pipeline, settings, day, counts, index)
    yield from _properties(pipeline, settings, day, facts, index)


def _volume(
    pipeline: Pipeline, settings: Alerts, day: date, counts: Counts, index: BoardIndex
) -> Iterator[Alert]:
    """Yield an alert if a day has many more or fewer events than usual on this day of the week.

    Usual is the median of this day in the last four weeks, of which at least three must be loaded.
    """
    if settings.volume_factor is None:
        return
    before = [index.days.get(str(day - timedelta(weeks=number))) for number in range(1, _WEEKS + 1)]
    volumes = [facts.counts.exported for facts in before if is_loaded(facts) and facts is not None]
    if len(volumes) < _MIN_WEEKS:
        return
    usual = median(volumes)
    if counts.exported > usual * settings.volume_factor or counts.exported * settings.volume_factor < usual:
        yield Alert(
            "volume",
            pipeline.name,
            day,
            f"Mixpanel returned {counted(counts.exported, 'event')} for {day} of pipeline {pipeline.name}; the usual number "
            f"for this weekday is {usual:,.0f}.",
            "Check in Mixpanel whether the day has so many events. If a tracking change is the reason, no action is needed.",
            ("volume",),
            page_path(pipeline, day),
        )


def _properties(
    pipeline: Pipeline, settings: Alerts, day: date, facts: DayFacts, index: BoardIndex
) -> Iterator[Alert]:
    """Yield an alert if a day has properties, or columns with values of a wrong type, that no earlier day has."""
    if not settings.new_properties or not any(known < str(day) for known in index.days):
        return
    if len(index.properties) >= MOST_PROPERTIES:  # the index is full, so new properties cannot be recognized
        return
    new = _first_seen_on(day, facts.properties, index.properties)
    changed = _first_seen_on(day, facts.not_converted, index.not_converted)
    if not new and not changed:
        return
    parts = [f"properties for the first time: {name_list(new)}"] if new else []
    parts += [f"values of another type than before, for: {name_list(changed)}"] if changed else []
    yield Alert(
        "properties",
        pipeline.name,
        day,
        f"Events of {day} of pipeline {pipeline.name} have {'; '.join(parts)}.",
        "Map the properties if they are needed; without a mapping they stay in the unmapped JSON. For other types, "
        "correct the tracking or the mapping.",
        (*(f"new {name}" for name in new), *(f"type {name}" for name in changed)),
        page_path(pipeline, None),
    )


def _first_seen_on(day: date, names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return those of ``names`` that no day before ``day`` has, sorted. ``known``: the first day with each name."""
    return sorted(name for name in names if known.get(name, str(day)) >= str(day))


def alert_settings(pipeline: Pipeline) -> Alerts:
    """Return the ``alerts`` of the pipeline file, which must have them."""
    assert pipeline.alerts is not None  # callers skip pipelines without alerts
    return pipeline.alerts


def page_path(pipeline: Pipeline, day: date | None) -> str:
    """Return the path of the board's page about a day, or about the pipeline if ``day`` is None."""
    if day is None:
        return f"mixpanel-aep/board/dag/{pipeline.dag_id}"
    return f"mixpanel-aep/board/day/{pipeline.dag_id}/{day}"
