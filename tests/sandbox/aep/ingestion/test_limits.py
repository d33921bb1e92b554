"""Guardrails: the limits of one row, one batch, one minute and one hour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.steps.stage.batch_size import MOST_BYTES, MOST_FILES
from mixpanel_aep_sandbox.aep.core.constants import IMPORT, REGISTRY
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        caller.state.clock.set(1_750_000_000.0, frozen=True)
        caller.headers["Authorization"] = f"Bearer {caller.token()}"
        yield caller


def settings(aep: AepApp, **body: Any) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json=body).status_code == 200


@pytest.mark.parametrize("status", [429, 503])
def test_batches_in_a_minute(aep: AepApp, status: int) -> None:
    settings(aep, batches_per_minute=2, overload_status=status)
    body = {"datasetId": aep.ready(), "inputFormat": {"format": "json"}}

    def tried() -> int:
        return aep.request("POST", f"{IMPORT}/batches", json=body).status_code

    assert [tried() for _ in range(3)] == [201, 201, status]
    refused = aep.request("POST", f"{IMPORT}/batches", json=body)
    assert refused.headers["Retry-After"] == "60" and refused.json()["status"] == status
    aep.state.clock.advance(61)
    assert tried() == 201


def test_the_documented_limits(aep: AepApp) -> None:
    """EP:ingestion/guardrails.md."""
    found = aep.http.get("/_sandbox/aep/settings").json()
    assert (found["most_files"], found["most_batch_bytes"]) == (MOST_FILES, MOST_BYTES) == (25_000, 10**12)
    assert (found["batches_per_minute"], found["bytes_per_hour"]) == (2000, 20 * 10**9)
    assert (found["profile_batches_per_day"], found["batch_limits"]) == (90, "at ingestion")


def test_batches_without_a_limit(aep: AepApp) -> None:
    settings(aep, batches_per_minute=None)
    dataset = aep.ready()
    for _ in range(3):
        aep.create(dataset)


def test_bytes_in_an_hour(aep: AepApp) -> None:
    settings(aep, bytes_per_hour=100)
    dataset = aep.ready()
    batch = aep.create(dataset)
    assert aep.put(batch, dataset, b"x" * 60, "a").status_code == 201
    aep.state.clock.advance(1800)
    assert aep.put(batch, dataset, b"x" * 60, "b").status_code == 201
    refused = aep.put(batch, dataset, b"x", "c")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    aep.state.clock.advance(1860)
    assert aep.put(batch, dataset, b"x", "c").status_code == 201


def test_files_and_bytes_of_a_batch_at_upload(aep: AepApp) -> None:
    settings(aep, most_files=2, most_batch_bytes=1000, batch_limits="at upload")
    dataset = aep.ready()
    batch = aep.create(dataset)
    assert [aep.put(batch, dataset, b"x" * 400, name).status_code for name in "abca"] == [201, 201, 400, 200]
    assert aep.put(batch, dataset, b"x" * 601, "a").status_code == 400
    assert aep.put(batch, dataset, b"x" * 600, "a").status_code == 200
    initialized = aep.request("POST", aep.files(batch, dataset, "c"), params={"action": "INITIALIZE"})
    assert initialized.status_code == 400


def test_files_and_bytes_of_a_batch_at_ingestion(aep: AepApp) -> None:
    settings(aep, most_files=2, most_batch_bytes=100)
    dataset = aep.ready()
    batch = aep.create(dataset)
    for name in "abc":
        assert aep.put(batch, dataset, b" " * 40, name).status_code == 201
    aep.act(batch, "COMPLETE")
    body = aep.ended(batch)
    assert body["status"] == "failed"
    assert body["errors"][0]["description"] == (
        "Batch ingestion guardrails hit: 3 files (over the 2 threshold); 120 bytes (over the 100 threshold)"
    )


def test_fields_of_a_row(aep: AepApp) -> None:
    settings(aep, most_fields=5)
    dataset = aep.ready()
    small, large = row("1", distinctId="a", plan="free"), row("2", distinctId="a:b", plan="free", count=1)
    several = {"_id": "3", "timestamp": "2024-05-01T10:00:00Z", **{f"x{n}": n for n in range(4)}}
    body = aep.load(dataset, lines(small, large, several), partialIngestionPercent=100)
    assert (body["metrics"]["failedRecordCount"], aep.active(dataset)) == (2, ["id1"])


def test_events_too_large_for_profile_are_ingested_nevertheless(aep: AepApp) -> None:
    group = aep.field_group()["$id"]
    schema = aep.schema(group)
    assert aep.identity(schema["$id"]).status_code == 201
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    aep.ok("PATCH", f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}", json=union)
    dataset = aep.dataset(schema["$id"], tags={"unifiedProfile": ["enabled:true"]})
    rows = [row("small", distinctId="a"), row("large", distinctId="a" * 10_000), row("small", distinctId="b")]
    assert aep.load(dataset, lines(*rows))["status"] == "success"
    assert aep.active(dataset) == ["idsmall", "idlarge", "idsmall"]

    def profile(name: str) -> Any:
        return aep.http.get("/_sandbox/aep/profile", params={"dataset": name}).json()

    counts = {"too_large": 1, "repeated": 1, "without_identity": 0, "batches_above_guardrail": 0}
    assert profile(dataset) == {"enabled": True, "ids": ["idsmall"], **counts}
    plain = aep.dataset(schema["$id"], "Plain")
    aep.load(plain, lines(row("1")))
    assert profile(plain) == {"enabled": False, "ids": [], **dict.fromkeys(counts, 0)}
    settings(aep, profile_batches_per_day=0)
    assert profile(plain)["batches_above_guardrail"] == 1, "of the AEP sandbox, whatever the dataset"
    aep.state.clock.advance(86_401)
    assert profile(plain)["batches_above_guardrail"] == 0
