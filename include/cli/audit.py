"""``audit``: every day from the pipeline's first to the last settled one is accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.aep.client import AepClient
from include.cli.exit_codes import ExitCode
from include.cli.printing import Output
from include.cli.progress import working
from include.cli.project import Project
from include.errors import DaysMissing
from include.lake.history import History
from include.steps.audit import Audit, AuditedDay, audit_days
from include.steps.binding import open_history
from include.steps.origin import today
from include.steps.transform import schema_and_mapping

_MOST_LINES = 40


def audit(project: Project, out: Output) -> int:
    """Account for every day since the pipeline's start.

    Each day's ledger is compared with AEP's own list of batches. Days that are
    missing, and days that were loaded under another filter, mapping, schema or
    account of time, are listed. It fails as the DAG's audit does: when a day is
    missing for longer than missing_grace_hours of the pipeline file.
    """
    now = project.clock.now()
    with working("Comparing the ledgers with AEP"):
        _, found = audited(project)
    for span, day in _spans(found.missing):
        out.say("no", "missing", f"{span}: {day.status.value}: {day.reason}")
    for span, day in _spans(found.outdated):
        out.say("!", "outdated", f"{span} was loaded under another {', '.join(day.outdated)}")
    if found.outdated:
        name = project.pipeline.name
        out.say("", "", f"To renew such days: mixpanel-aep run {name} DAY DAY --replace")
    problem: DaysMissing | None = None
    try:
        found.require_complete(now, project.pipeline.missing_grace_hours)
    except DaysMissing as error:
        problem = error
        out.say("no", "audit", str(error))
    counts = ", ".join(f"{count} {name}" for name, count in found.counts.items() if name != "rows")
    out.title(
        f"audit: {len(found.days)} days: {counts or 'none has settled yet'}; {found.counts['rows']} rows are active"
    )
    out.result(_to_json(found) | {"complete": problem is None, "problem": str(problem or "")})
    return ExitCode.OK if problem is None else ExitCode.REFUSED


def audited(project: Project) -> tuple[History, Audit]:
    """Return the history of the pipeline's dataset, and what AEP says of its days now."""
    pipeline, aep = project.pipeline, project.aep
    opened = open_history(project.lake, pipeline, aep, project.mixpanel_settings.source, all_days=True)
    current = _current(project, aep, opened.dataset)
    return opened.history, audit_days(opened.history, pipeline, aep, project.clock.now(), current)


def _current(project: Project, aep: AepClient, dataset: Any) -> dict[str, str]:
    """What shapes a day that would be loaded now."""
    schema, mapping = schema_and_mapping(project.pipeline, aep, dataset)
    return today(project.pipeline, mapping.digest, schema.digest)


def _spans(days: tuple[AuditedDay, ...]) -> Iterator[tuple[str, AuditedDay]]:
    """Days that follow each other and have the same trouble, as one."""
    spans: list[list[AuditedDay]] = []
    for day in days:
        last = spans[-1][-1] if spans else None
        if (
            last is not None
            and (day.day - last.day).days == 1
            and (last.status, last.reason, last.outdated) == (day.status, day.reason, day.outdated)
        ):
            spans[-1].append(day)
        else:
            spans.append([day])
    for span in spans[:_MOST_LINES]:
        first, last_day = span[0].day, span[-1].day
        yield (str(first) if first == last_day else f"{first}..{last_day} ({len(span)} days)"), span[0]
    if len(spans) > _MOST_LINES:
        yield f"and {len(spans) - _MOST_LINES} more", spans[_MOST_LINES][0]


def _to_json(found: Audit) -> dict[str, Any]:
    return {
        "pipeline": found.pipeline,
        "counts": found.counts,
        "days": [
            {
                "day": day.day,
                "status": day.status.value,
                "missing": day.is_missing,
                "reason": day.reason,
                "rows": day.rows,
                "outdated": list(day.outdated),
                "remedy": day.remedy.value,
            }
            for day in found.days
        ],
        "undated_batches": list(found.undated),
    }
