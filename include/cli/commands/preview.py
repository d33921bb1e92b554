"""``preview``: show events of a day next to the rows that AEP would receive, and which would be quarantined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date
from itertools import islice
from typing import Annotated

import typer

from include.cli.console import Output
from include.cli.options import Day
from include.cli.progress import show_activity
from include.cli.project import Project
from include.plural import counted
from include.redact import one_line
from include.steps.preview import MOST_EVENTS, Preview, PreviewedEvent, preview_day
from include.steps.transform import schema_and_mapping
from include.xdm.dataprep.language.paths import Path
from include.xdm.mapping.mapping_set import MappingSet

_MAX_VALUE_CHARACTERS = 300

Rows = Annotated[int, typer.Option("--rows", min=1, max=1000, help="How many events to show.")]
Events = Annotated[
    int, typer.Option("--events", min=1, max=MOST_EVENTS, help="How many events of the day to read.")
]


def preview(project: Project, out: Output, *, day: Day, rows: Rows = 5, events: Events = 1000) -> None:
    """Show events next to the rows that AEP would receive.

    The first events of the day are mapped with the current pipeline file and
    mapping. They come from the lake if the day was exported under the same
    filter, otherwise from Mixpanel. Events that would be quarantined are shown
    with their reasons. All values are shown. Nothing is stored or sent.
    """
    with show_activity("Mapping some events"):
        schema, mapping = schema_and_mapping(project.pipeline, project.aep)
        source = project.mixpanel_settings.source
        lines, place = _lines(project, day, events)
        found = preview_day(project.workspace(day), source, lines, schema, mapping, min(rows, events))
    _show(found, mapping, place, out)
    out.result(
        asdict(found) | {"from": place, "reasons": dict(found.reasons), "pipeline": project.pipeline.name}
    )


def _lines(project: Project, day: date, most: int) -> tuple[list[bytes], str]:
    """Return the raw lines of the day's first events, at most ``most``, and a name for their source."""
    export = project.export_with_current_filter(day)
    if export is not None:
        with project.lines_of(day, export) as lines:
            return list(islice(lines, most)), "the lake"
    with project.sample(day, day, most) as lines:
        return list(lines), "Mixpanel"


def _show(found: Preview, mapping: MappingSet, place: str, out: Output) -> None:
    shown = {id(event) for event in found.events}
    more = [event for event in found.quarantined if id(event) not in shown]
    for number, event in enumerate([*found.events, *more], 1):
        _show_event(f"Event {number}", event, mapping, out)
    quarantined = found.read - found.valid - found.duplicates
    out.title(
        f"{counted(found.read, 'event')} from {place}: {found.valid:,} would be sent, "
        f"{counted(found.duplicates, 'duplicate')}, {quarantined:,} would be quarantined"
    )
    for reason, count in found.reasons.most_common():
        out.print_status("!", "", f"{counted(count, 'event')} would be quarantined: {reason}")
    for note in found.notes:
        out.print_status("!", "", note)
    if found.refusal:
        out.print_status("!", "", f"If the whole day is like these events: {found.refusal}")


def _show_event(text: str, event: PreviewedEvent, mapping: MappingSet, out: Output) -> None:
    out.title(text)
    for reason in event.reasons:
        out.print_status("!", "", f"would be quarantined: {reason}")
    out.columns(("Mixpanel", "AEP (XDM)"), list(_side_by_side(event, mapping)))


def _side_by_side(event: PreviewedEvent, mapping: MappingSet) -> Iterator[tuple[str, str]]:
    """Yield each property of an event next to the fields of the row that it fills, then all other fields."""
    targets: dict[Path, list[Path]] = {("properties", "time"): [("timestamp",)]}
    for each in mapping.mappings:
        for source in each.sources:
            targets.setdefault(source, []).append(each.destination)
    rows = dict(_leaves(event.row))
    for path, value in _leaves(event.raw):
        left = f"{'.'.join(map(str, path[1:] or path))}: {value}" if path else value
        filled = [at for target in targets.get(path, ()) for at in rows if at[: len(target)] == target]
        for number, at in enumerate(filled):
            yield left if not number else "", _field_line(at, rows.pop(at))
        if not filled:
            yield left, ""
    for at, value in rows.items():
        yield "", _field_line(at, value)


def _field_line(path: Path, value: str) -> str:
    return f"{'.'.join(map(str, path))}: {value}"


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value, as text, of each scalar, or list of scalars, in nested objects and lists."""
    inner: Iterable[tuple[str | int, object]] = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        inner = enumerate(value)
    if inner:
        for key, each in inner:
            yield from _leaves(each, (*path, key))
    elif value is not None:
        yield path, one_line(value if isinstance(value, str) else str(value), _MAX_VALUE_CHARACTERS)
