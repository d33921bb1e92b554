"""Compares the events that Mixpanel returned with those in AEP, as the sandbox recorded both: sets of ``_id``."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
import requests

from include.config.model import Pipeline
from include.json_types import JsonObject
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records
from include.lake.manifest import STEPS, Manifest
from include.lake.manifests import find_manifest, manifests_of
from include.mixpanel.stored_day import stored_day
from include.steps.history.provenance import recipe_for
from include.xdm.events.event_id import RECIPE, event_id, event_id_of_content, event_id_without_insert_id


@dataclass(frozen=True)
class Comparison:
    """The number of events that Mixpanel returned and AEP lacks, that AEP has twice, and that Mixpanel did not return."""

    lost: int
    duplicate: int
    phantom: int

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.lost + other.lost, self.duplicate + other.duplicate, self.phantom + other.phantom
        )


@dataclass(frozen=True)
class PartitionResult:
    """One row of the demo's table."""

    partition: PartitionKey
    exported: int
    duplicates: int
    quarantined: int
    staged: int
    active: int
    batch: str
    recipe: int = RECIPE
    """The id recipe of the active rows."""


class Sandbox:
    """Reads what the sandbox recorded: the exports that it sent, and the rows that are active."""

    def __init__(self, url: str) -> None:
        self.url = self._url = url

    def returned(self, project_id: int) -> Iterator[bytes]:
        """Yield every line of all complete exports."""
        for row in self._lines("/_sandbox/mixpanel/returned", {"project_id": project_id}):
            yield _line(row, "line")

    def active(self, dataset: str) -> Iterator[tuple[str, str]]:
        """Yield ``_id`` and batch of every row that is active now."""
        for row in self._lines("/_sandbox/aep/active", {"dataset": dataset}):
            yield str(row["_id"]), str(row["batch"])

    def calls(self) -> Counter[str]:
        """Return how many exports and batches were requested so far."""
        entries = requests.get(f"{self._url}/_sandbox/transcript", timeout=60).json()["entries"]
        return Counter(
            "export" if entry["path"].endswith("/export") else "batch"
            for entry in entries
            if entry["path"].endswith("/api/2.0/export")
            or (entry["method"] == "POST" and entry["path"].rstrip("/").endswith("/import/batches"))
        )

    def _lines(self, path: str, params: dict[str, str | int]) -> Iterator[JsonObject]:
        with requests.get(f"{self._url}{path}", params=params, stream=True, timeout=120) as response:
            if response.status_code == 404:  # not created yet
                return
            response.raise_for_status()
            buffer = b""
            for piece in response.iter_content(1 << 16):
                *lines, buffer = (buffer + piece).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
            if buffer:
                yield json.loads(buffer)


def compare(
    pipeline: Pipeline,
    project_id: int,
    sandbox: Sandbox,
    lake: Lake,
    results: Iterable[PartitionResult],
    *,
    days: Collection[date] | None = None,
) -> Comparison:
    """Compare a pipeline's events in Mixpanel, quarantine and AEP. A line that is not an event counts by its digest.

    ``days``: those whose events have to be in AEP or in quarantine; None: every day. The window of a backfill may have
    exported further days, which no run has loaded yet.
    """
    results, in_ms = list(results), pipeline.mixpanel.time_in_ms
    recipes = {result.partition.day: result.recipe for result in results}
    returned: set[str] = set()
    due: set[str] = set()
    for line in sandbox.returned(project_id):
        day = stored_day(line, in_ms=in_ms)
        identity = line_id(project_id, line, in_ms, recipes.get(day, RECIPE) if day else RECIPE)
        returned.add(identity)
        if days is None or day is None or day in days:
            due.add(identity)
    active = Counter(identity for identity, _ in sandbox.active(pipeline.aep.dataset))
    quarantined = {
        identity
        for result in results
        for manifest in newest_manifests(lake, result.partition).values()
        for identity in _quarantined(lake, project_id, manifest, in_ms, result.recipe)
    }
    quarantined |= {key for result in results for key in _refused_by_aep(lake, result.partition)}
    return Comparison(
        lost=len(due - set(active) - quarantined),
        duplicate=sum(count > 1 for count in active.values()),
        phantom=len(set(active) - returned),
    )


def result_of(
    lake: Lake, partition: PartitionKey, records: Sequence[LedgerRecord], active: Counter[str]
) -> PartitionResult:
    """Return the result of a partition: counts of its manifests, and ``active`` rows of its ledger's batches in AEP."""
    newest = newest_manifests(lake, partition)
    counts = {step: manifest.counts for step, manifest in newest.items()}
    loaded = active_records(records)
    batches = [record.batch for record in loaded]
    staged = [find_manifest(lake, partition, "stage", record.staged) for record in loaded]
    return PartitionResult(
        partition=partition,
        exported=counts.get("export", {}).get("exported", 0),
        duplicates=counts.get("transform", {}).get("duplicates", 0),
        quarantined=sum(counts.get(step, {}).get("quarantined", 0) for step in ("transform", "validate")),
        staged=sum(manifest.rows for manifest in staged if manifest),
        active=sum(active[batch] for batch in batches if batch),
        batch=" ".join(filter(None, batches)),
        recipe=recipe_for(records, replace=False),
    )


def newest_manifests(lake: Lake, partition: PartitionKey) -> dict[str, Manifest]:
    """Return the newest manifest of each step of the day."""
    by_age = sorted(manifests_of(lake, partition), key=lambda manifest: manifest.created_at)
    return {manifest.step: manifest for manifest in by_age if manifest.step in STEPS}


def line_id(project_id: int, line: bytes, time_in_ms: bool = False, recipe: int = RECIPE) -> str:
    """Return the ``_id`` of an exported line, computed independently from its text; its digest if it is not an event."""
    try:
        event = json.loads(line, parse_int=str, parse_float=str)
        properties = event["properties"]
        texts = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        raw = msgspec.json.decode(texts["properties"], type=dict[str, msgspec.Raw])
        ids = (properties.get("$distinct_id_before_identity"), properties.get("distinct_id"))
        distinct_id = next((str(text) for text in ids if text and str(text).strip()), "")
        insert_id = properties.get("$insert_id")
        seconds = math.floor(float(properties["time"])) // (1000 if time_in_ms else 1)
        if insert_id:
            return event_id(project_id, event["event"], distinct_id, seconds, insert_id)
        plain = {name: bytes(value).decode() for name, value in raw.items()}
        if recipe == 1:
            return event_id_without_insert_id(project_id, event["event"], plain)
        return event_id_of_content(project_id, event["event"], distinct_id, seconds, plain)
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError):
        return "line:" + hashlib.sha256(line).hexdigest()


def _quarantined(lake: Lake, project_id: int, manifest: Manifest, in_ms: bool, recipe: int) -> Iterator[str]:
    file = manifest.details.get("quarantine")
    body = lake.read(file["key"]) if file else None
    for line in gzip.decompress(body).split(b"\n") if body else ():
        if line:
            record = json.loads(line)
            row = record.get("row")
            yield row["_id"] if row else line_id(project_id, _line(record, "raw"), in_ms, recipe)


def _refused_by_aep(lake: Lake, partition: PartitionKey) -> Iterator[str]:
    """Yield the ``_id``s of the rows in quarantine that AEP excluded from an active batch."""
    for key in lake.keys(f"{partition.prefix}/quarantine"):
        if "/quarantine/ingest-" in key:
            records = map(json.loads, gzip.decompress(lake.read(key) or b"").splitlines())
            yield from (record["row"]["_id"] for record in records if "row" in record)


def _line(record: JsonObject, name: str) -> bytes:
    """Return a line unchanged; a line that is not UTF-8 is stored in base64."""
    return str(record[name]).encode() if name in record else base64.b64decode(record[f"{name}_base64"])
