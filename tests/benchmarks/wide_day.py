"""A day of a schema with many constraints, as transform writes it; ``python -m tests.benchmarks.wide_day`` validates it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AepParquetWriter, aep_schema
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import NOON, TENANT, document, exported, frozen, pipeline

_KINDS: list[Callable[[int], dict[str, Any]]] = [  # No two constraints are equal.
    lambda n: {"type": "string", "enum": [*(f"v{k}" for k in range(20)), str(n)]},
    lambda n: {"type": "string", "pattern": f"^v[0-9]{{1,{n + 2}}}$"},
    lambda n: {"type": "string", "maxLength": 9 + n},
    lambda n: {"type": "integer", "minimum": -n},
]


def write_wide_day(folder: Path, *, constraints: int, rows: int) -> None:
    """Publish a transform output of ``rows`` rows in a lake below ``folder``; its manifest is ``mapped.json``."""
    place = _place(folder)
    schema = XdmSchema(document(**{f"f{n}": _KINDS[n % 4](n) for n in range(constraints)}))
    place.save_schema(schema)
    texts, numbers = pa.array([f"v{n % 20}" for n in range(rows)]), pa.array(range(rows), pa.int64())
    fields = {f"f{n}": texts if n % 4 < 3 else numbers for n in range(constraints)}
    moments = [datetime.fromtimestamp(NOON + n % 3600, UTC) for n in range(rows)]
    table = pa.table({
        "_id": [f"{n:064x}" for n in range(rows)],
        "timestamp": pa.array(moments, pa.timestamp("ms", "UTC")),
        TENANT: pa.StructArray.from_arrays(
            [pa.StructArray.from_arrays(list(fields.values()), list(fields))], ["mixpanel"]
        ),
    })  # fmt: skip
    table = table.cast(aep_schema(table.schema))
    writer = AepParquetWriter(folder / "part.parquet", table.schema)
    writer.write(table)
    writer.close()
    raw = exported(
        place, b'{"event":"E","properties":{"time":1782907200,"distinct_id":"u","$insert_id":"i"}}'
    )
    key = f"{place.partition.output('transform', 'cd' * 16)}/part-00000.parquet"
    manifest = place.publish(
        step="transform",
        digest="cd" * 16,
        inputs={"export": raw.digest, "mapping": "x", "schema": schema.digest},
        files=(upload_file(place.lake, key, folder / "part.parquet", rows),),
        counts={"exported": rows, "duplicates": 0, "quarantined": 0, "mapped": rows},
        details={"recipe": 2, "events": None, "quarantine": None, "reasons": {}, "not_converted": {}},
    )
    (folder / "mapped.json").write_text(manifest.model_dump_json())


def _place(folder: Path) -> Workspace:
    settings = pipeline(mixpanel={"timezone": "UTC"}, quality={"max_quarantined": 0})
    return Workspace.of(Lake(f"file://{folder}/lake"), settings, date(2026, 7, 1), frozen())


if __name__ == "__main__":
    root = Path(sys.argv[1])
    valid = validate_partition(
        _place(root), Manifest.model_validate_json((root / "mapped.json").read_bytes())
    )
    print(json.dumps({"valid": valid.rows}))
