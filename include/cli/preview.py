"""``preview``: events of a day next to the rows that AEP would get, and what would be quarantined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from itertools import islice
from typing import Annotated, Any

import typer

from include.cli.options import Day
from include.cli.printing import Output
from include.cli.progress import working
from include.cli.project import Project
from include.redact import one_line
from include.steps.preview import MOST_EVENTS, Preview, PreviewedEvent, preview_day
from include.steps.transform import schema_and_mapping

_LONGEST_VALUE = 300

Rows = Annotated[int, typer.Option("--rows", min=1, max=1000, help="How many events to show.")]
Events = Annotated[
    int, typer.Option("--events", min=1, max=MOST_EVENTS, help="How many events of the day to read.")
]


def preview(project: Project, out: Output, *, day: Day, rows: Rows = 5, events: Events = 1000) -> None:
    """Show events of a day as Mixpanel sent them and as AEP would get them.

    It reads the pipeline file and the mapping as they are now, and the first
    events of the day: from the lake if the day was exported under the same
    filter, else from Mixpanel. What would be quarantined is shown with its
    reasons. Nothing is kept or sent. The events are shown with their values.
    """
    with working("Mapping some events"):
        schema, mapping = schema_and_mapping(project.pipeline, project.aep)
        source = project.mixpanel_settings.source
        lines, place = _lines(project, day, events)
        found = preview_day(project.workspace(day), source, lines, schema, mapping, min(rows, events))
    _show(found, place, out)
    out.result(
        asdict(found) | {"from": place, "reasons": dict(found.reasons), "pipeline": project.pipeline.name}
    )


def _lines(project: Project, day: date, most: int) -> tuple[list[bytes], str]:
    """The day's first events, and where they are from."""
    export = project.exported_as_now(day)
    if export is not None:
        with project.lines_of(day, export) as lines:
            return list(islice(lines, most)), "the lake"
    with project.sample(day, day, most) as lines:
        return list(lines), "Mixpanel"


def _show(found: Preview, place: str, out: Output) -> None:
    for number, event in enumerate(found.events, 1):
        _show_event(f"Event {number}", event, out)
    shown = {id(event) for event in found.events}
    for event in found.quarantined:
        if id(event) not in shown:
            _show_event("Event that would be quarantined", event, out)
    out.title(
        f"{found.read} events from {place}: {found.valid} would be sent, {found.duplicates} are duplicates, "
        f"{found.read - found.valid - found.duplicates} would be quarantined"
    )
    for reason, count in found.reasons.most_common():
        out.say("!", "quarantine", f"{count} events: {reason}")
    for note in found.notes:
        out.say("!", "", note)
    if found.refusal:
        out.say("!", "", f"If the whole day is like these events: {found.refusal}")


def _show_event(text: str, event: PreviewedEvent, out: Output) -> None:
    out.title(text)
    for reason in event.reasons:
        out.say("!", "", f"would be quarantined: {reason}")
    left, right = list(_flat(event.raw)), list(_flat(event.row))
    size = max(len(left), len(right))
    left += [""] * (size - len(left))
    right += [""] * (size - len(right))
    out.columns(("Mixpanel", "AEP (XDM)"), list(zip(left, right, strict=True)))


def _flat(value: Any, name: str = "") -> Iterator[str]:
    """Leaves as ``path: value``."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}[{number}]")
    elif name or value is not None:
        text = one_line(value if isinstance(value, str) else str(value), _LONGEST_VALUE)
        yield f"{name}: {text}" if name else text
