"""How fast are validate and stage? Run: .venv/bin/python benchmarks/validate.py [rows ...]

A day of the demo's shop, mapped once and repeated with other ids up to so many rows, in files as transform writes them;
and one day of a schema with 800 expectations. Each step runs in a process of its own, imports included, beside the
baseline in a process of its own: gzip and ``msgspec.json.decode`` over as many raw lines. ``ratio``: the time of the
baseline divided by that of the step.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.history import History, Target
from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.sandbox.data import shop
from include.steps.workspace import Workspace
from include.xdm.mapping import bind
from include.xdm.mapping_file import read_mapping_file
from include.xdm.schema import XdmSchema
from tests.making import NOON, SOURCE, STRING, TENANT, document, exported, frozen, pipeline

ROOT = Path(__file__).parents[1]
DAY = date(2026, 7, 1)
_MAPPED, _FILE_ROWS, _GROUP_ROWS = 20_000, 500_000, 50_000
_FIELDS = 800
TARGET = Target("org", "prod", "dataset")


def main(sizes: list[int]) -> None:
    print(f"{'day':28}{'step':10}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}{'ratio':>8}{'CPU ratio':>10}")
    for name, make in (("shop", _shop), (f"{_FIELDS} expectations", _wide)):
        for rows in sizes if make is _shop else sizes[:1]:
            with tempfile.TemporaryDirectory() as folder:
                lines = make(Path(folder), rows)
                _raw(Path(folder) / "raw.jsonl.gz", lines, rows)
                base = _timed("baseline", folder)
                for step in ("baseline", "validate", "stage"):
                    wall, cpu, peak = base if step == "baseline" else _timed(step, folder)
                    print(
                        f"{f'{rows:,} {name}':28}{step:10}{wall:8.2f}{cpu:8.2f}{peak:9.0f}"
                        f"{base[0] / wall:8.2f}{base[1] / cpu:10.2f}",
                        flush=True,
                    )


def place(folder: str | Path) -> Workspace:
    settings = pipeline(mixpanel={"timezone": "UTC"}, quality={"max_quarantined": 0})
    return Workspace.of(Lake(f"file://{folder}/lake"), settings, DAY, frozen())


def step(name: str, folder: str) -> None:
    """In a process of its own."""
    if name == "baseline":
        import msgspec

        with gzip.open(f"{folder}/raw.jsonl.gz") as file:
            for line in file:
                msgspec.json.decode(line)
        return
    work = place(folder)
    mapped = Manifest.model_validate_json((Path(folder) / "mapped.json").read_bytes())
    from include.steps.validate import validate_partition

    valid = validate_partition(work, mapped)
    if name == "stage":
        from include.steps.stage import stage_partition

        made = stage_partition(work, valid, History(work.lake, SOURCE, TARGET))
        assert made.rows == mapped.rows


def _timed(name: str, folder: str) -> tuple[float, float, float]:
    """Seconds of wall, seconds of processor time, peak of memory in MB."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", f"from benchmarks.validate import step; step({name!r}, {folder!r})"]
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - this program
    peak = 0.0
    import psutil

    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1e6)
        except psutil.Error:
            break
        time.sleep(0.02)
    if process.wait():
        raise SystemExit(f"{name} failed")
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, peak


def _raw(path: Path, lines: list[bytes], rows: int) -> None:
    with gzip.open(path, "wb", 4) as file:
        for n in range(rows):
            file.write(lines[n % len(lines)] + b"\n")


def _shop(folder: Path, rows: int) -> list[bytes]:
    from include.steps.transform import transform_partition

    lines: list[bytes] = []
    while len(lines) < _MAPPED:
        lines += [row.line for row in shop.rows((DAY - date(1970, 1, 1)).days, len(lines))]
    group = json.loads((ROOT / "include/pipelines/field_groups/shop.json").read_text())
    body = document()
    body["properties"][TENANT] = {"type": "object", "properties": group["properties"]}
    body["properties"]["producedBy"] = STRING
    schema = XdmSchema(body)
    mapping = bind("benchmark", read_mapping_file("shop.json"), schema, keep_unmapped=True)
    work = place(folder)
    made = transform_partition(work, exported(work, *lines[:_MAPPED]), schema, mapping)
    small = pa.concat_tables(pq.read_table(path) for path in work.local_files(made, folder))
    _mapped(folder, schema, small, rows, dict(made.inputs))
    return lines


def _wide(folder: Path, rows: int) -> list[bytes]:
    kinds: list[Callable[[int], dict[str, Any]]] = [  # no two alike
        lambda n: {"type": "string", "enum": [*(f"v{k}" for k in range(20)), str(n)]},
        lambda n: {"type": "string", "pattern": f"^v[0-9]{{1,{n + 2}}}$"},
        lambda n: {"type": "string", "maxLength": 9 + n},
        lambda n: {"type": "integer", "minimum": -n},
    ]
    schema = XdmSchema(document(**{f"f{n}": kinds[n % 4](n) for n in range(_FIELDS)}))
    number = min(rows, _MAPPED)
    texts = pa.array([f"v{n % 20}" for n in range(number)])
    whole = pa.array(range(number), pa.int64())
    fields = {f"f{n}": texts if n % 4 < 3 else whole for n in range(_FIELDS)}
    mixpanel = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    moments = [datetime.fromtimestamp(NOON + n % 3600, UTC) for n in range(number)]
    small = pa.table({
        "_id": [str(n) for n in range(number)], "timestamp": pa.array(moments, pa.timestamp("ms", "UTC")),
        TENANT: pa.StructArray.from_arrays([mixpanel], ["mixpanel"]),
    })  # fmt: skip
    work = place(folder)
    raw = exported(work, b'{"event":"E","properties":{"time":1782907200,"distinct_id":"u","$insert_id":"i"}}')
    _mapped(folder, schema, small, rows, {"export": raw.digest, "mapping": "x", "schema": schema.digest})
    line = json.dumps({"event": "E", "properties": {f"f{n}": f"v{n % 20}" for n in range(_FIELDS)}})
    return [line.encode()]


def _mapped(folder: Path, schema: XdmSchema, small: pa.Table, rows: int, inputs: dict[str, str]) -> None:
    """Publish ``rows`` rows, the small table repeated with other ids, as transform does."""
    from include.xdm.aep_parquet import AepParquetWriter, aep_schema

    work = place(folder)
    work.save_schema(schema)
    small = small.cast(aep_schema(small.schema))
    files, ids = [], pa.array([hashlib.sha256(b"%d" % n).hexdigest() for n in range(rows)])
    output = work.partition.output("transform", "cd" * 16)
    for first in range(0, rows, _FILE_ROWS):
        count = min(_FILE_ROWS, rows - first)
        path = folder / "part.parquet"
        writer = AepParquetWriter(path, small.schema)
        for start in range(first, first + count, _GROUP_ROWS):
            size = min(_GROUP_ROWS, first + count - start)
            table = pa.concat_tables([small] * -(-size // len(small))).slice(0, size).combine_chunks()
            place_of_id = table.schema.get_field_index("_id")
            writer.write(table.set_column(place_of_id, "_id", ids.slice(start, size)))
        writer.close()
        files.append(upload_file(work.lake, f"{output}/part-{len(files):05}.parquet", path, count))
    events = folder / "events.parquet"
    pq.write_table(
        pa.table({"_id": ids, "digest": pa.array(range(rows), pa.int64())}), events, compression="zstd"
    )
    listed = upload_file(work.lake, f"{output}/events.parquet", events, rows)
    manifest = work.publish(
        step="transform", digest="cd" * 16, inputs=inputs, files=tuple(files),
        counts={"exported": rows, "duplicates": 0, "quarantined": 0, "mapped": rows},
        details={"recipe": 2, "events": listed.model_dump(), "quarantine": None, "reasons": {}, "not_converted": {}},
    )  # fmt: skip
    (folder / "mapped.json").write_text(manifest.model_dump_json())


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [200_000, 1_000_000])
