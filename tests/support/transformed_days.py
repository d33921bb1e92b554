"""The schema and mapping of the tests of transform, and the digests of a day."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.manifest import Manifest
from include.steps.workspace import Workspace
from tests.support.builders import (
    INT,
    STRING,
    row,
    schema,
)  # fmt: skip

XDM = schema(city=STRING, quantity=INT)


MAPPING = [row("event", "eventType"), row("properties.$city", "city"), row("properties.quantity", "quantity")]


def digests(place: Workspace, made: Manifest) -> list[tuple[str, int]]:
    """Return the published ``_id`` and digest of every mapped row."""
    kept = made.details["events"]
    if kept is None:
        return []
    table = pq.read_table(io.BytesIO(place.lake.read(kept["key"]) or b""))
    columns = [("_id", pa.string()), ("digest", pa.int64()), ("processed", pa.int64()), ("lines", pa.int32())]
    assert table.schema.equals(pa.schema(columns))
    assert kept["rows"] == table.num_rows
    return list(zip(*table.select(["_id", "digest"]).to_pydict().values(), strict=True))
