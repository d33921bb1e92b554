"""Preview a day: show some events as Mixpanel sent them, next to the rows that AEP would get. Nothing is sent to AEP.

The steps export, transform and validate work in a temporary lake, which is removed at the end.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from include.errors import PartitionRefused, SchemaError, TooManyQuarantined
from include.json_types import JsonMapping, JsonObject, JsonValue
from include.lake.history import Source
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.time_convention import TimeEvidence
from include.plural import counted
from include.quality.aep_json import instant_text, without_nulls
from include.steps.run_day import DryRun
from include.steps.transform.dropped_identities import dropped_sentences
from include.steps.validate.invalid_rows import reason_of
from include.steps.workspace import Workspace
from include.xdm.events.event_parser import EventParser, ParsedEvent
from include.xdm.events.line_parser import REASONS
from include.xdm.mapping.mapping_set import MappingSet
from include.xdm.schema.xdm_schema import XdmSchema

MOST_EVENTS = 10_000
"""The maximum number of events that a preview reads."""


@dataclass(frozen=True)
class PreviewedEvent:
    """One event of a preview.

    ``raw``: the event as Mixpanel sent it. ``row``: the row that AEP would get, or None. ``reasons``: why the event
    would not be sent; empty if it would be sent.
    """

    raw: JsonValue
    row: JsonObject | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """The preview of the first events of a day, as the command ``preview`` prints it.

    Attributes:
        day: The day of the events.
        read: The number of lines that were read from Mixpanel.
        duplicates: How many of them have the ``_id`` of another event and would not be sent.
        valid: The number of events that would be sent.
        events: The first events, in Mixpanel's order.
        quarantined: The first events that would be quarantined.
        reasons: The number of quarantined events for each reason.
        notes: Sentences about values that would be left out of the rows.
        refusal: Why validation would refuse the day as a whole; empty if it would not.
    """

    day: date
    read: int
    duplicates: int
    valid: int
    events: Sequence[PreviewedEvent]
    quarantined: Sequence[PreviewedEvent]
    reasons: Counter[str]
    notes: Sequence[str]
    refusal: str


def preview_day(
    workspace: Workspace,
    source: Source,
    lines: Iterable[bytes],
    schema: XdmSchema,
    mapping: MappingSet,
    rows: int,
) -> Preview:
    """Return a preview of the first ``rows`` events of ``lines``, and of the first events that would be quarantined.

    ``workspace`` names the pipeline, the day and the clock; its lake is not used.

    Raises:
        PartitionNotClosed: the day is not over in the project's zone.
        SchemaError: the schema is not for events, or ``unmapped: fail`` meets a property without a mapping.
    """
    with TemporaryDirectory(prefix="mixpanel-aep-preview-") as folder:
        workspace = replace(workspace, lake=Lake(f"file://{folder}/lake"))
        return _Previewer(workspace, source, schema, mapping, Path(folder)).preview(list(lines), rows)


@dataclass(frozen=True)
class _Previewer:
    workspace: Workspace
    source: Source
    schema: XdmSchema
    mapping: MappingSet
    scratch: Path

    def preview(self, lines: Sequence[bytes], rows: int) -> Preview:
        steps = DryRun(self.workspace, self.source, _Lines(lines), self.schema, self.mapping)
        mapped = steps.transform(steps.export())
        refusal = _refusal(steps, mapped)
        refused = {record["row"]["_id"]: _reason_sentences(record) for record in self._quarantine("validate")}
        by_id = self._rows(mapped)
        reasons = Counter(
            {f"{name}: {REASONS.get(name, name)}": count for name, count in mapped.details["reasons"].items()}
        )
        for each in refused.values():
            reasons.update(each)
        events = list(self._events(lines, by_id, refused))
        return Preview(
            day=self.workspace.partition.day,
            read=len(lines),
            duplicates=mapped.counts.get("duplicates", 0),
            valid=len(by_id.keys() - refused.keys()),
            events=events[:rows],
            quarantined=[event for event in events if event.reasons][:rows],
            reasons=reasons,
            notes=[
                *(
                    f"{name}: {counted(count, 'value')} of another type would be left out"
                    for name, count in mapped.details["not_converted"].items()
                ),
                *dropped_sentences(mapped),
            ],
            refusal=refusal,
        )

    def _events(
        self,
        lines: Sequence[bytes],
        rows: Mapping[str, JsonObject],
        refused: Mapping[str, tuple[str, ...]],
    ) -> Iterator[PreviewedEvent]:
        for line, event in zip(lines, self._event_parser().parse(lines), strict=True):
            raw = _json_or_text(line)
            if isinstance(event, ParsedEvent):
                found = event.id.hex()
                yield PreviewedEvent(raw, rows.get(found), refused.get(found, ()))
            else:
                reason: str = event["reason"]
                yield PreviewedEvent(raw, None, (REASONS.get(reason, reason),))

    def _event_parser(self) -> EventParser:
        """Return a parser that gives each line the ``_id`` that transform gives it.

        The mapped rows have another order than the lines, so a line is joined with its row by ``_id``.
        """
        source = self.workspace.pipeline.mixpanel
        return EventParser(
            project_id=self.source.project_id,
            day=self.workspace.partition.day,
            wall_clock_zone=source.zone if source.time_is == "project_local" else None,
            now_ms=int(self.workspace.clock.seconds() * 1000),
            evidence=TimeEvidence(source.zone),
            time_in_ms=source.time_in_ms,
        )

    def _rows(self, mapped: Manifest) -> dict[str, JsonObject]:
        """Return the mapped rows by ``_id``, as the JSON objects that AEP would get."""
        import pyarrow.parquet as pq

        found = {}
        for path in self.workspace.local_files(mapped, self.scratch):
            for row in pq.read_table(path).to_pylist(maps_as_pydicts="strict"):
                shown = json.loads(json.dumps(without_nulls(row), ensure_ascii=False, default=instant_text))
                found[shown["_id"]] = shown
        return found

    def _quarantine(self, step: str) -> Iterator[JsonObject]:
        lake = self.workspace.lake
        for key in lake.keys(f"{self.workspace.partition.prefix}/quarantine"):
            if key.rpartition("/")[2].startswith(f"{step}-"):
                body = gzip.decompress(lake.read(key) or b"")
                yield from (json.loads(line) for line in body.split(b"\n") if line)


def _refusal(steps: DryRun, mapped: Manifest) -> str:
    """Validate the mapped rows; return the reason if the day is refused as a whole, otherwise an empty text."""
    try:
        steps.validate(mapped)
    except (TooManyQuarantined, PartitionRefused, SchemaError) as error:
        return error.sentence
    return ""


@dataclass(frozen=True)
class _Lines:
    """A stand-in for the Mixpanel client: an ``Exporter`` that returns the given lines."""

    lines: Sequence[bytes]

    @contextmanager
    def export(self, from_date: date, to_date: date, **request: object) -> Iterator[Iterable[bytes]]:  # noqa: ARG002
        yield iter(self.lines)


def _reason_sentences(record: JsonMapping) -> tuple[str, ...]:
    return tuple(reason_of(reason).sentence for reason in record["reasons"])


def _json_or_text(line: bytes) -> JsonValue:
    """Return a line as JSON, or as text if it is not valid JSON."""
    try:
        value: JsonValue = json.loads(line)
    except (ValueError, RecursionError):
        return line.decode("utf-8", "replace")
    return value
