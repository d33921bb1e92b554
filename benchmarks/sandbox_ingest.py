"""Measure the sandbox's speed and memory use when it ingests a batch.

    .venv/bin/python benchmarks/sandbox_ingest.py --rows 1000000 --format json

Starts its own sandbox, creates the demo shop's schema in it, uploads one batch of synthetic rows over HTTP, and
prints rows per second from COMPLETE to success, and the sandbox's peak memory.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import requests

from mixpanel_aep_sandbox.aep.core.constants import (
    CATALOG,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORG,
    DEMO_SCOPE,
    EXPERIENCE_EVENT,
    IMPORT,
    REGISTRY,
)

_FIELD_GROUPS = Path(__file__).parent.parent / "include/pipelines/field_groups"
_CHUNK_BYTES = 200_000_000
_MB = 1_000_000
_ROW_GROUP = 50_000
_MOMENT = pa.timestamp("ms", tz="UTC")
_IDENTITIES = pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string()), ("primary", pa.bool_())])))
_OCTETS = {"Content-Type": "application/octet-stream"}


def main() -> None:
    """Measure one batch and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--format", choices=("json", "array", "parquet"), default="json")
    parser.add_argument("--bad", type=float, default=0, help="share of invalid rows, 0 to 1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fields = _fields()
        file = Path(folder) / "rows"
        _write(file, given.format, given.rows, given.bad, fields)
        with _Sandbox(Path(folder) / "state") as sandbox:
            _measure(sandbox, file, given, fields)


def _measure(sandbox: _Sandbox, file: Path, given: argparse.Namespace, fields: dict[str, Any]) -> None:
    dataset = sandbox.dataset(fields)
    kind = {"format": "parquet" if given.format == "parquet" else "json"}
    kind |= {"isMultiLineJson": True} if given.format == "array" else {}
    body = {"datasetId": dataset, "inputFormat": kind, "partialIngestionPercent": 100}
    batch = sandbox.request("POST", f"{IMPORT}/batches", json=body).json()["id"]
    before, start = sandbox.peak_bytes(), time.perf_counter()
    sandbox.upload(f"{IMPORT}/batches/{batch}/datasets/{dataset}/files/rows", file)
    uploaded, uploading = sandbox.peak_bytes(), time.perf_counter() - start
    start = time.perf_counter()
    sandbox.request("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    while True:
        found = sandbox.request("GET", f"{CATALOG}/batches/{batch}").json()[batch]
        if found["status"] in ("success", "failed"):
            break
        time.sleep(0.05)
    seconds, size = time.perf_counter() - start, file.stat().st_size
    metrics = found["metrics"]
    print(f"{given.format}: {found['status']}, {len(fields)} fields, {size / _MB:.0f} MB,"
          f" {metrics['outputRecordCount']} rows in, {metrics['failedRecordCount']} refused")  # fmt: skip
    print(f"upload     {size / _MB / uploading:10.0f} MB/s  peak memory {uploaded / _MB:5.0f} MB"
          f" (idle: {before / _MB:.0f} MB)")  # fmt: skip
    print(f"validation {given.rows / seconds:10.0f} rows/s  peak memory {sandbox.peak_bytes() / _MB:5.0f} MB")


class _Sandbox:
    """A sandbox in its own process, and a client of its AEP."""

    def __init__(self, state: Path) -> None:
        command = [sys.executable, "-m", "mixpanel_aep_sandbox", "--state", str(state)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        assert self._process.stdout is not None
        self._url = json.loads(self._process.stdout.readline())["url"]
        self._session = requests.Session()

    def __enter__(self) -> _Sandbox:
        form = {"grant_type": "client_credentials", "scope": DEMO_SCOPE}
        form |= {"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET}
        token = self.request("POST", "/ims/token/v3", data=form).json()["access_token"]
        gateway = {"x-api-key": DEMO_CLIENT_ID, "x-gw-ims-org-id": DEMO_ORG, "x-sandbox-name": "prod"}
        self._session.headers.update({"Authorization": f"Bearer {token}", **gateway})
        self.request("POST", "/_sandbox/aep/settings", json={"batch_seconds": 0})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request, and raise on an error status."""
        response = self._session.request(method, self._url + path, timeout=600, **options)
        response.raise_for_status()
        return response

    def peak_bytes(self) -> int:
        """Return the peak memory of the process."""
        status = Path(f"/proc/{self._process.pid}/status")
        if not status.exists():
            return int(psutil.Process(self._process.pid).memory_info().rss)
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024

    def dataset(self, fields: dict[str, Any]) -> str:
        """Create a dataset with the given tenant fields, and return its id."""
        group = {
            "title": "Shop",
            "type": "object",
            "meta:intendedToExtend": [EXPERIENCE_EVENT],
            "definitions": {
                "customFields": {"properties": {"_acmesandbox": {"type": "object", "properties": fields}}}
            },
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }
        group_id = self.request("POST", f"{REGISTRY}/tenant/fieldgroups", json=group).json()["$id"]
        refs = [{"$ref": EXPERIENCE_EVENT}, {"$ref": group_id}]
        schema = {"title": "Shop events", "type": "object", "allOf": refs}
        schema_id = self.request("POST", f"{REGISTRY}/tenant/schemas", json=schema).json()["$id"]
        ref = {"id": schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"}
        (created,) = self.request(
            "POST", f"{CATALOG}/dataSets", json={"name": "Shop", "schemaRef": ref}
        ).json()
        return str(created).removeprefix("@/dataSets/")

    def upload(self, path: str, file: Path) -> None:
        """Upload a file, in chunks if it is too large for one request."""
        size = file.stat().st_size
        if size <= _CHUNK_BYTES:
            with file.open("rb") as content:
                self.request("PUT", path, data=content, headers=_OCTETS)
            return
        self.request("POST", f"{path}?action=INITIALIZE")
        with file.open("rb") as content:
            for first in range(0, size, _CHUNK_BYTES):
                chunk = content.read(_CHUNK_BYTES)
                span = {"Content-Range": f"bytes {first}-{first + len(chunk) - 1}"}
                self.request("PATCH", path, data=chunk, headers=_OCTETS | span)
        self.request("POST", f"{path}?action=COMPLETE")


def _fields() -> dict[str, Any]:
    """Return the tenant fields of the demo shop: Mixpanel's default properties and its own."""
    merged: dict[str, Any] = {}
    for name in ("mixpanel-defaults", "shop"):
        for group in json.loads((_FIELD_GROUPS / f"{name}.json").read_text())["properties"].values():
            merged |= group.get("properties", {})
    return merged


def _write(file: Path, form: str, rows: int, bad: float, fields: dict[str, Any]) -> None:
    generated = _rows(rows, bad, fields)
    if form == "parquet":
        _write_parquet(file, generated)
        return
    with file.open("w") as out:
        out.write("[" if form == "array" else "")
        for number, row in enumerate(generated):
            out.write("," if form == "array" and number else "")
            out.write(json.dumps(row) + "\n")
        out.write("]" if form == "array" else "")


def _write_parquet(file: Path, rows: Iterator[dict[str, Any]]) -> None:
    writer = None
    while some := list(itertools.islice(rows, _ROW_GROUP)):
        table = pa.Table.from_pylist(some)
        for name, kind in (("timestamp", _MOMENT), ("identityMap", _IDENTITIES)):
            values = [list(row[name].items()) if name == "identityMap" else row.get(name) for row in some]
            column = pa.array(values, pa.string() if name == "timestamp" else kind).cast(kind)
            table = table.set_column(table.schema.get_field_index(name), name, column)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _rows(count: int, bad: float, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    dice = random.Random(7)  # noqa: S311 - synthetic rows
    for number in range(count):
        values = {name: _value(dice, name, field) for name, field in fields.items()}
        identity = {"Email": [{"id": f"user{number % 5000}@example.com", "primary": True}]}
        row = {
            "_id": f"{dice.getrandbits(256):064x}",
            "timestamp": f"2024-05-01T{number % 24:02}:{number % 60:02}:{number % 59:02}.{number % 1000:03}Z",
            "eventType": "shop.event",
            "_acmesandbox": values,
            "identityMap": identity,
        }
        if dice.random() < bad:
            del row["timestamp"]
        yield row


def _value(dice: random.Random, name: str, field: dict[str, Any]) -> Any:
    kind = field.get("type")
    if kind == "object":
        return {child: _value(dice, child, part) for child, part in field.get("properties", {}).items()}
    if kind == "array":
        return [_value(dice, name, field["items"]) for _ in range(dice.randint(1, 3))]
    if "enum" in field:
        return dice.choice(field["enum"])
    if "pattern" in field:
        return "EUR"  # the one field with a pattern is a currency
    if field.get("format") == "date-time":
        return "2024-05-01T10:00:00.123Z"
    plain = {"integer": dice.randint(1, 1000), "number": dice.random() * 100, "boolean": dice.random() < 0.5}
    return plain.get(kind, f"{name} {dice.randint(0, 999)}")


if __name__ == "__main__":
    main()
