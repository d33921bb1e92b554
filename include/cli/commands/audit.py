"""``audit``: check that every day from the pipeline's start to the last settled day is in AEP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from include.aep.client import AepClient
from include.aep.model import Dataset
from include.cli.console import Output
from include.cli.exit_codes import ExitCode
from include.cli.progress import show_activity
from include.cli.project import Project
from include.errors import DaysMissing
from include.lake.history import History
from include.plural import counted
from include.steps.history.open_history import open_history
from include.steps.history.provenance import current_made_of
from include.steps.reconcile.audit import Audit, AuditedDay, Remedy, audit_days
from include.steps.transform import schema_and_mapping

_MAX_SPANS = 40


def audit(project: Project, out: Output) -> int:
    """Check that every day since the pipeline's start is in AEP.

    Each day's ledger is compared with AEP's list of batches. Days that are
    missing, and days that were loaded with another filter, mapping, schema or
    time convention, are listed. The exit code is 1 if a day is missing for longer
    than missing_grace_hours of the pipeline file; the DAG's audit fails then too.
    """
    now = project.clock.now()
    with show_activity("Comparing the ledgers with AEP"):
        _, found = audit_pipeline(project)
    name = project.pipeline.name
    for span in _spans(found.missing):
        reason = span.day.reason if span.day.reason != span.day.status.value else ""
        out.print_status("no", "missing", f"{span}: {span.day.status.value}{f': {reason}' if reason else ''}")
        out.print_status("", "", f"Then: {_remedy(span, name)}")
    for span in _spans(found.outdated):
        out.print_status("!", "outdated", f"{span} was loaded with another {', '.join(span.day.outdated)}")
        out.print_status("", "", f"To renew it: mixpanel-aep run {name} {span.run_arguments} --replace")
    for batch in found.undated:
        out.print_status("no", "audit", f"AEP lists active batch {batch} of this project without a day")
    problem: DaysMissing | None = None
    try:
        found.require_complete(now, project.pipeline.missing_grace_hours)
    except DaysMissing as error:
        problem = error
    counts = ", ".join(f"{count} {each}" for each, count in found.counts.items() if each != "rows")
    out.title(
        f"audit: {counted(len(found.days), 'day')}: {counts or 'none has settled yet'}; "
        f"{counted(found.counts['rows'], 'row')} active in AEP"
    )
    out.result(_to_json(found) | {"complete": problem is None, "problem": str(problem or "")})
    return ExitCode.OK if problem is None else ExitCode.REFUSED


def audit_pipeline(project: Project) -> tuple[History, Audit]:
    """Compare the ledgers of all days with AEP's batches; return the dataset's history and the result of the audit."""
    pipeline, aep = project.pipeline, project.aep
    opened = open_history(project.lake, pipeline, aep, project.mixpanel_settings.source, all_days=True)
    current = _current(project, aep, opened.dataset)
    return opened.history, audit_days(opened.history, pipeline, aep, project.clock.now(), current)


def _current(project: Project, aep: AepClient, dataset: Dataset) -> dict[str, str]:
    """Return the digests of the settings with which a day would be loaded now."""
    schema, mapping = schema_and_mapping(project.pipeline, aep, dataset)
    return current_made_of(project.pipeline, mapping.digest, schema.digest)


@dataclass(frozen=True)
class _Span:
    """Consecutive days with the same problem: from ``day`` to ``last``."""

    day: AuditedDay
    last: date

    def __str__(self) -> str:
        count = (self.last - self.day.day).days + 1
        return str(self.last) if count == 1 else f"{self.day.day}..{self.last} ({count} days)"

    @property
    def run_arguments(self) -> str:
        """The days as arguments of ``mixpanel-aep run``."""
        return str(self.last) if self.last == self.day.day else f"{self.day.day} {self.last}"


def _spans(days: tuple[AuditedDay, ...]) -> list[_Span]:
    """Group consecutive days with the same problem; return the newest 40 spans, newest first. ``days``: in order."""
    spans: list[_Span] = []
    for day in days:
        before = spans[-1] if spans else None
        if (
            before is not None
            and (day.day - before.last).days == 1
            and _problem_key(day) == _problem_key(before.day)
        ):
            spans[-1] = replace(before, last=day.day)
        else:
            spans.append(_Span(day, day.day))
    return spans[::-1][:_MAX_SPANS]


def _problem_key(day: AuditedDay) -> tuple[object, ...]:
    """Return a key to group days by: days with the same problem have the same key."""
    return day.status, day.reason, day.outdated


def _remedy(span: _Span, name: str) -> str:
    """Return what to do about a span of missing days. ``name``: the pipeline's name."""
    if span.day.remedy is Remedy.RUN:
        return f"mixpanel-aep run {name} {span.run_arguments}"
    text: str = span.day.remedy.value.replace("PIPELINE", name).replace("DAY", str(span.day.day))
    return text.replace("run a backfill", f"mixpanel-aep run {name} {span.run_arguments}")


def _to_json(found: Audit) -> dict[str, object]:
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
