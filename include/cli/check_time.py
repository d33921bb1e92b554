"""Check the setting ``time_is`` of a pipeline file: whether the times of events are UTC or local time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from include.cli.project import Project
from include.mixpanel.time_convention import TimeEvidence, check_time_convention
from include.plural import counted
from include.xdm.events.event_parser import ENOUGH_EVIDENCE, EventParser

_DAYS = 3


def check_time(project: Project) -> str:
    """Compare the times of live events with their times of arrival at Mixpanel; return the result as a sentence.

    A live event (``is_live``) is sent when it happens, so the difference of the two times shows the zone of its
    ``time``.

    Raises:
        ConfigError: most of the events contradict ``time_is`` of the pipeline file.
    """
    source = project.pipeline.mixpanel
    evidence, place = _collect_evidence(project)
    check_time_convention(evidence, source, project.pipeline.name)
    numbers = f"{evidence.utc:,} of {counted(evidence.rows, 'live event')} read as utc, {evidence.project_local:,} as project_local"
    lowest = evidence.lowest_hours  # also None if no difference is common
    hours = f", the lowest common difference is {lowest:g} hours" if lowest is not None else ""
    verdict = "agrees" if evidence.verdict else "is neither confirmed nor contradicted"
    return f"time_is: {source.time_is} {verdict} ({place}): {numbers}{hours}"


def _collect_evidence(project: Project) -> tuple[TimeEvidence, str]:
    """Count recent live events by the convention of their times; return the counts and a description of the events.

    The events are those of the newest days in the lake or, without such days, a sample from Mixpanel.
    """
    evidence = TimeEvidence(project.pipeline.mixpanel.zone)
    days = project.exported_days(_DAYS)
    for day in days:
        with project.raw_lines(day) as lines:
            _add_evidence(project, evidence, lines)
    if days:
        return evidence, f"{days[-1]} to {days[0]} in the lake"
    first, last = project.newest_days(_DAYS)
    with project.sample(first, last, ENOUGH_EVIDENCE) as lines:
        _add_evidence(project, evidence, lines)
    return evidence, f"a sample of {first} to {last}"


def _add_evidence(project: Project, evidence: TimeEvidence, lines: Iterable[bytes]) -> None:
    """Count the live events in raw lines of any day in ``evidence``."""
    source = project.pipeline.mixpanel
    event_parser = EventParser(
        project_id=project.mixpanel_settings.project_id,
        day=project.pipeline.start_date,
        wall_clock_zone=None,
        now_ms=int(project.clock.seconds() * 1000),
        evidence=evidence,
        time_in_ms=source.time_in_ms,
    )
    for _ in event_parser.parse(islice(lines, ENOUGH_EVIDENCE)):
        pass
