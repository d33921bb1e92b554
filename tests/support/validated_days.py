"""Days for the tests of validate: transformed lines, and outputs of several files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import aep_schema
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    TENANT,
    event,
    instants,
    line,
    row,
    schema,
    transformed,
    workspace,
)  # fmt: skip

CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}


XDM = schema(currency=CURRENCY, method={"type": "string", "enum": ["email", "apple"]})


MAPPING = [
    row("event", "eventType"),
    row("properties.currency", "currency"),
    row("properties.method", "method"),
]


def lenient(lake: Lake, share: str | float = "100%") -> Workspace:
    return workspace(lake, quality={"max_quarantined": share})


def lines(*currencies: str | None, name: str = "Purchase", **more: Any) -> list[bytes]:
    return [
        line(event(name, currency=text, **{"$insert_id": f"{n}", **more}))
        for n, text in enumerate(currencies)
    ]


def validated(place: Workspace, *bodies: bytes, xdm: XdmSchema = XDM) -> Manifest:
    return validate_partition(place, transformed(place, xdm, MAPPING, *bodies))


def page(place: Workspace, manifest: Manifest) -> str:
    body = place.lake.read(manifest.details["report"])
    assert body is not None
    return body.decode()


def several_files(place: Workspace, scratch: Path, *parts: pa.Table, form: bool = True) -> Manifest:
    """Return a transform's manifest whose files hold the parts, in row groups of two rows."""
    xdm = schema(currency=CURRENCY, method={"type": "string", "enum": ["email", "apple"]})
    place.save_schema(xdm)
    folder, files = place.partition.output("transform", "ab" * 16), []
    for number, part in enumerate(parts):
        path = scratch / f"several-{number}.parquet"
        shape = aep_schema(part.schema) if form else part.schema
        how = {"compression": "snappy", "store_schema": False} if form else {"compression": "zstd"}
        pq.write_table(part.cast(shape), path, row_group_size=2, **how)
        files.append(upload_file(place.lake, f"{folder}/part-{number:05}.parquet", path, part.num_rows))
    rows = sum(part.num_rows for part in parts)
    return place.publish(
        step="transform", digest="ab" * 16, inputs={"schema": xdm.digest}, files=tuple(files),
        counts={"exported": rows, "duplicates": 0, "quarantined": 0},
        details={"quarantine": None, "reasons": {}, "not_converted": {}},
    )  # fmt: skip


def part(first: int, *currencies: str | None, ids: Sequence[str] = ()) -> pa.Table:
    fields = pa.StructArray.from_arrays([pa.array(currencies, pa.string())], ["currency"])
    return pa.table({
        "_id": list(ids) or [f"{n:064x}" for n in range(first, first + len(currencies))],
        "timestamp": pa.array(instants(len(currencies)), pa.timestamp("us", "UTC")),
        "eventType": ["Purchase"] * len(currencies),
        TENANT: pa.StructArray.from_arrays([fields], ["mixpanel"]),
    })  # fmt: skip
