"""Builders for the tests of the data plane: a schema, a pipeline, a day of events, a workspace. No sockets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.clock import Clock
from include.config.identities import IdentitySource
from include.config.model import Pipeline
from include.json_types import JsonMapping, JsonObject, JsonValue
from include.lake.history import Source
from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.quality.event_rules import EventRules
from include.steps.export.step import export_partition
from include.steps.transform import transform_partition
from include.steps.workspace import Workspace
from include.xdm.identities.bind_identities import BoundIdentity, bind_identities
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema

PROJECT_ID = 4_000_001
SOURCE = Source("us", PROJECT_ID)
DAY = date(2026, 7, 1)
NOON = 1782907200  # 2026-07-01T12:00:00Z
LATER = datetime(2026, 7, 3, tzinfo=UTC)
TENANT = "_acme"

STRING: JsonObject = {"type": "string"}
LONG = {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992}
INT = {"type": "integer", "minimum": -2147483648, "maximum": 2147483648}
SHORT = {"type": "integer", "minimum": -32768, "maximum": 32768}
BYTE = {"type": "integer", "minimum": -128, "maximum": 128}
NUMBER = {"type": "number"}
BOOLEAN = {"type": "boolean"}
DATE = {"type": "string", "format": "date"}
DATE_TIME = {"type": "string", "format": "date-time"}

IDENTITY_MAP = {
    "type": "object",
    "meta:xdmType": "map",
    "additionalProperties": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "id": STRING,
                "authenticatedState": {"type": "string", "enum": ["ambiguous", "authenticated", "loggedOut"]},
                "primary": BOOLEAN,
            },
        },
    },
}


def frozen(moment: datetime = LATER) -> Clock:
    """Return a clock that always reads ``moment`` and whose sleeps take no time."""
    return Clock(seconds=moment.timestamp, sleep=lambda seconds: None)


def array_of(items: JsonMapping) -> JsonObject:
    return {"type": "array", "items": dict(items)}


def map_of(values: JsonMapping) -> JsonObject:
    return {"type": "object", "meta:xdmType": "map", "additionalProperties": dict(values)}


def object_of(required: Sequence[str] = (), **properties: object) -> JsonObject:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def document(required: Sequence[str] = (), **fields: object) -> JsonObject:
    """Return a resolved event schema whose tenant has ``mixpanel`` with ``fields`` and the unmapped JSON."""
    mixpanel = object_of(required, **fields, unmapped=STRING)
    return {
        "$id": "https://ns.adobe.com/acme/schemas/1",
        "title": "Events",
        "version": "1.3",
        "meta:tenantNamespace": TENANT,
        "type": "object",
        "required": ["_id", "timestamp"],
        "properties": {
            "_id": {"type": "string", "format": "uri-reference"},
            "timestamp": DATE_TIME,
            "eventType": STRING,
            "identityMap": IDENTITY_MAP,
            TENANT: object_of(mixpanel=mixpanel),
        },
    }


def schema(required: Sequence[str] = (), **fields: object) -> XdmSchema:
    return XdmSchema(document(required, **fields))


def row(source: str, destination: str) -> dict[str, str]:
    """Return a row of a mapping set; a destination without a dot is below the tenant."""
    if destination not in ("eventType", "producedBy") and not destination.startswith("_"):
        destination = f"_{{TENANT_ID}}.mixpanel.{destination}"
    return {"sourceType": "ATTRIBUTE", "source": source, "destination": destination}


def pipeline(**changes: Any) -> Pipeline:
    """Return a pipeline of a ``utc`` project; ``mixpanel``, ``aep`` and ``quality`` are merged, other keys replaced."""
    data: JsonObject = {
        "name": "shop",
        "mixpanel": {"timezone": "Europe/Berlin", "time_is": "utc"},
        "aep": {"dataset": "Events", "schema": "Events"},
        "mapping": "shop.json",
        "identities": {"$user_id": "MixpanelUser", "$device_id": "MixpanelDevice"},
        "start_date": "2020-01-01",
    }
    for name, value in changes.items():
        data[name] = {**data[name], **value} if name in ("mixpanel", "aep") else value
    return Pipeline.model_validate(data)


def identities(**namespaces: object) -> tuple[BoundIdentity, ...]:
    """Return identities by name: a namespace, or another value that a pipeline file may have."""
    return bind_identities(
        {
            name: IdentitySource.model_validate(said if isinstance(said, dict) else {"namespace": said})
            for name, said in namespaces.items()
        }
    )


def workspace(lake: Lake, day: date = DAY, clock: Clock | None = None, **changes: Any) -> Workspace:
    return Workspace.of(lake, pipeline(**changes), day, clock or frozen())


def event(name: str = "Purchase", **properties: object) -> JsonObject:
    """Return an event at noon of DAY; a property given as None is omitted."""
    base = {"time": NOON, "distinct_id": "u-1", "$insert_id": "i-1", "$user_id": "u-1"}
    merged = {**base, **properties}
    return {"event": name, "properties": {key: value for key, value in merged.items() if value is not None}}


def line(value: JsonValue) -> bytes:
    """Return an event as Mixpanel writes it: compact, not escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


class Mixpanel:
    """A Mixpanel client that returns ``lines`` and counts its requests."""

    def __init__(self, *lines: bytes) -> None:
        self.lines = lines
        self.asked = 0

    @contextmanager
    def export(self, from_date: date, to_date: date, **options: Any) -> Iterator[Iterable[bytes]]:
        self.asked += 1
        yield iter(self.lines)


def exported(place: Workspace, *lines: bytes) -> Manifest:
    return export_partition(place, SOURCE, Mixpanel(*lines))


def transformed(place: Workspace, xdm: XdmSchema, rows: Sequence[JsonMapping], *lines: bytes) -> Manifest:
    """Export and transform ``lines`` with the mapping set ``rows``."""
    mapping = bind("test.json", list(map(dict, rows)), xdm, keep_unmapped=place.pipeline.unmapped == "keep")
    return transform_partition(place, exported(place, *lines), xdm, mapping)


def table(place: Workspace, manifest: Manifest, scratch: Path) -> pa.Table:
    """Return the rows of a step's Parquet output, as one Arrow table."""
    (path,) = place.local_files(manifest, scratch)
    return pq.read_table(path)


def rows(place: Workspace, manifest: Manifest, scratch: Path) -> list[JsonObject]:
    return table(place, manifest, scratch).to_pylist(maps_as_pydicts="strict") if manifest.files else []


def quarantined(place: Workspace, manifest: Manifest) -> list[JsonObject]:
    """Return a step's quarantine records."""
    kept = manifest.details["quarantine"]
    body = place.lake.read(kept["key"]) if kept else None
    return [json.loads(text) for text in gzip.decompress(body).split(b"\n") if text] if body else []


def mapped_by_hand(
    place: Workspace, xdm: XdmSchema, arrow: pa.Table, scratch: Path, **counts: int
) -> Manifest:
    """Return a transform's manifest with rows that transform never writes, for tests of validation."""
    place.save_schema(xdm)
    path = scratch / "by-hand.parquet"
    pq.write_table(arrow, path)
    digest = "ab" * 16
    key = f"{place.partition.output('transform', digest)}/part-00000.parquet"
    return place.publish(
        step="transform",
        digest=digest,
        inputs={"schema": xdm.digest},
        files=(upload_file(place.lake, key, path, arrow.num_rows),),
        counts={"exported": arrow.num_rows, "duplicates": 0, "quarantined": 0, **counts},
        details={"quarantine": None, "reasons": {}, "not_converted": {}},
    )


def row_rules(**changes: Any) -> EventRules:
    """Return the rules for events of DAY in a ``utc`` project, checked at LATER."""
    first = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    return EventRules(**{"now": LATER, "first": first, "latest": first + timedelta(days=1), **changes})


def instants(number: int) -> list[datetime]:
    """Return ``number`` instants of DAY, one a minute."""
    return [datetime.fromtimestamp(NOON, UTC) + timedelta(minutes=n) for n in range(number)]
