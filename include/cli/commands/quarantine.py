"""``quarantine list``, ``show`` and ``replay``: show events that were not sent, and load them after a correction."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from include.board.quarantine import QuarantinedRow, first_rows
from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.options import MAX_NUMBER, Day, OptionalDay, ShowValues, days_from_to
from include.cli.progress import show_activity
from include.cli.project import Project
from include.cli.run_day import days_runner
from include.plural import counted
from include.steps.quarantine import QuarantinedDay, quarantined_days

Rows = Annotated[int, typer.Option("--rows", min=1, max=MAX_NUMBER, help="How many events to show.")]


def list_days(project: Project, out: Output) -> None:
    """List the days with quarantined events, and their reasons.

    Only the lake is read. A day that validation refused as a whole is also listed.
    """
    with show_activity("Reading the quarantine"):
        days = quarantined_days(project.lake, project.pipeline.name)
    rows = [
        (str(day.day) if not number else "", f"{count:,}", reason)
        for day in days
        for number, (reason, count) in enumerate(day.reasons.most_common())
    ]
    out.table("", rows, head=("day", "events", "reason"))
    total = sum(day.events for day in days)
    out.title(f"{counted(total, 'event')} of {counted(len(days), 'day')} in quarantine")
    out.result({"pipeline": project.pipeline.name, "events": total, "days": [_to_json(day) for day in days]})


def show(project: Project, out: Output, *, day: Day, rows: Rows = 5, show_values: ShowValues = False) -> None:
    """Show the quarantined events of a day with their reasons.

    Values are hidden because they may be personal data. --show-values shows
    them.
    """
    found = _read_day(project, day)
    keys = [file.key for file in found.files] if found else []
    events = first_rows(project.lake, keys, rows, show_values=show_values)
    for number, event in enumerate(events, 1):
        out.title(f"Event {number}, refused by {event.step}")
        for reason in event.reasons:
            out.print_status("!", "", reason)
        out.table("", event.fields)
    total = found.events if found else 0
    out.title(
        f"{day}: {counted(total, 'event')} in quarantine" + (f", {len(events):,} shown" if total else "")
    )
    if events and not show_values:
        out.print_status("", "", "Values are hidden; --show-values shows them.")
    out.result(
        {
            "pipeline": project.pipeline.name,
            "day": day,
            "in_quarantine": total,
            "events": list(map(_event_json, events)),
        }
    )


def replay(project: Project, out: Output, *, day: Day, last: OptionalDay = None) -> int:
    """Run days again so that quarantined events are loaded.

    Correct the mapping, the schema or the pipeline's quality limits first. The
    days are mapped and validated again from the exports in the lake, and valid
    rows are added to the active ones. The exit code is 1 while events of these
    days remain in quarantine.
    """
    days = days_from_to(day, last, "the replay")
    before = {each: _count_quarantined(project, each) for each in days}
    results: list[dict[str, object]] = []
    out.so_far = {"pipeline": project.pipeline.name, "days": results}
    with days_runner(project, out, days) as runner:
        for each in days:
            done = runner.run(each)
            left = _count_quarantined(project, each)
            results.append({**done, "quarantined_before": before[each], "quarantined_now": left})
            _report(each, before[each], left, out)
    out.result(out.so_far)
    return ExitCode.REFUSED if any(result["quarantined_now"] for result in results) else ExitCode.OK


def _report(day: date, before: int, left: int, out: Output) -> None:
    if not before:
        out.print_status("ok", "replay", f"{day}: quarantine had no events")
    elif not left:
        out.print_status("ok", "replay", f"{day}: {counted(before, 'event')} left quarantine, none remains")
    elif left < before:
        out.print_status("!", "replay", f"{day}: {left:,} of {counted(before, 'event')} still in quarantine")
    else:
        out.print_status(
            "no",
            "replay",
            f"{day}: {counted(left, 'event')} in quarantine, as before. Correct the mapping, the schema or quality of the "
            "pipeline file, and compare with mixpanel-aep preview",
        )


def _read_day(project: Project, day: date) -> QuarantinedDay | None:
    """Return the quarantine of a day, or None if it has no quarantined events."""
    with show_activity("Reading the quarantine"):
        return next(iter(quarantined_days(project.lake, project.pipeline.name, day)), None)


def _count_quarantined(project: Project, day: date) -> int:
    found = _read_day(project, day)
    return found.events if found else 0


def _event_json(row: QuarantinedRow) -> dict[str, object]:
    return {"step": row.step, "reasons": list(row.reasons), "fields": dict(row.fields)}


def _to_json(day: QuarantinedDay) -> dict[str, object]:
    return {"day": day.day, "events": day.events, "reasons": dict(day.reasons.most_common())}
