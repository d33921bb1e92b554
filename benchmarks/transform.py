"""How fast is the transform? Run: .venv/bin/python benchmarks/transform.py [events]

Prints, for the mapping set that ships and for one with expressions, seconds of processor time: of the mapping query
alone, and of the whole step (reading, sifting, de-duplicating, mapping, writing Parquet).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from include.lake.lake import Lake
from include.sandbox.data import shop
from include.steps import transform
from include.steps.workspace import Workspace
from include.xdm.mapping import MappingSet, bind
from include.xdm.mapping_file import read_mapping_file
from include.xdm.schema import XdmSchema
from tests.making import STRING, TENANT, document, exported, frozen, pipeline

ROOT = Path(__file__).parents[1]
DAY = date(2026, 7, 1)

EXPRESSIONS = {
    "city": "upper(properties.$city)",
    "region": "iif(properties.$screen_width > 1000, 'wide', 'narrow')",
    "browser": "concat(properties.$browser, ' ', properties.$browser_version)",
    "os": "coalesce(properties.$os, 'unknown')",
    "currentUrl": "get_url_host(properties.$current_url)",
    "insertId": "sha256(properties.$insert_id)",
    "model": "dformat(properties.time * 1000, 'yyyy-MM-dd')",
}


def main(wanted: int) -> None:
    lines: list[bytes] = []
    copy = 0
    while len(lines) < wanted:
        lines += [row.line for row in shop.rows((DAY - date(1970, 1, 1)).days, copy)]
        copy += 1
    lines = lines[:wanted]
    plain = read_mapping_file("shop.json")
    print(f"{len(lines)} events, {sum(map(len, lines)) / 1e6:.0f} MB")
    measure("shop.json", lines, plain)
    measure("with 7 expressions", lines, [_computed(row) for row in plain])


def _computed(row: dict[str, Any]) -> dict[str, Any]:
    name = row["destination"].rsplit(".", 1)[-1]
    if name not in EXPRESSIONS:
        return row
    return {**row, "sourceType": "EXPRESSION", "source": EXPRESSIONS[name]}


def measure(what: str, lines: list[bytes], rows: list[dict[str, Any]]) -> None:
    mapping = bind("benchmark", rows, schema(), keep_unmapped=True)
    whole, query = min(_once(lines, mapping) for _ in range(3))
    print(
        f"{what}: query {query:.2f} s ({len(lines) / query:,.0f} events/s), step {whole:.2f} s ({len(lines) / whole:,.0f} events/s)"
    )


def _once(lines: list[bytes], mapping: MappingSet) -> tuple[float, float]:
    spent = 0.0
    map_slices = transform._Work._map

    def timed(*arguments: Any) -> int:
        nonlocal spent
        began = time.process_time()
        rows = map_slices(*arguments)
        spent = time.process_time() - began
        return rows

    with tempfile.TemporaryDirectory() as folder:
        place = Workspace.of(Lake(f"file://{folder}"), pipeline(mixpanel={"timezone": "UTC"}), DAY, frozen())
        raw = exported(place, *lines)
        transform._Work._map = timed  # type: ignore[method-assign]
        try:
            began = time.process_time()
            made = transform.transform_partition(place, raw, schema(), mapping)
            seconds = time.process_time() - began
        finally:
            transform._Work._map = map_slices  # type: ignore[method-assign]
        assert made.counts["mapped"], made.details
        return seconds, spent


def schema() -> XdmSchema:
    group = json.loads((ROOT / "include/pipelines/field_groups/shop.json").read_text())
    body = document()
    body["properties"][TENANT] = {"type": "object", "properties": group["properties"]}
    body["properties"]["producedBy"] = STRING
    return XdmSchema(body)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
