"""Queries for manifests: one output, all outputs of a day, the outputs behind a load."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.errors import BadManifest
from include.lake.lake import Lake
from include.lake.manifest import Manifest, StepName
from include.lake.manifests import days_in_lake, find_manifest, lineage, manifest_keys, manifests_of, newest
from include.steps.workspace import Workspace
from tests.support.builders import frozen, workspace

pytestmark = pytest.mark.unit
EXPORT, MAPPED, VALID, OLDER = "aa" * 16, "bb" * 16, "cc" * 16, "01" * 16


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return workspace(Lake(f"file://{tmp_path}/lake"))


def publish(place: Workspace, step: StepName, digest: str, **inputs: str) -> Manifest:
    return place.publish(step=step, digest=digest, inputs=inputs, files=(), counts={})


def test_of_a_day_and_of_a_step(place: Workspace) -> None:
    mapped = publish(place, "transform", MAPPED, export=EXPORT)
    older = publish(place, "transform", OLDER, export=EXPORT)
    raw = publish(place, "export", EXPORT)
    publish(workspace(place.lake, date(2026, 7, 2)), "export", EXPORT)
    lake, partition = place.lake, place.partition
    assert manifests_of(lake, partition, "transform") == [older, mapped]
    assert manifests_of(lake, partition) == [raw, older, mapped]
    assert manifest_keys(lake, partition, "export") == [partition.manifest("export", EXPORT)]
    assert manifests_of(lake, partition, "stage") == []
    assert find_manifest(lake, partition, "export", MAPPED) is None


def test_the_newest_one(place: Workspace) -> None:
    later = workspace(place.lake, clock=frozen(datetime(2026, 7, 4, tzinfo=UTC)))
    mapped = publish(later, "transform", OLDER, export=EXPORT)
    publish(place, "transform", MAPPED, export=EXPORT)
    assert newest(manifests_of(place.lake, place.partition, "transform")) == mapped
    assert newest([]) is None


def test_what_is_not_finished_does_not_count(place: Workspace) -> None:
    place.lake.create(f"{place.partition.output('transform', MAPPED)}/part-00000.parquet", b"x")
    assert manifests_of(place.lake, place.partition) == []


def test_a_damaged_one_is_never_left_out(place: Workspace) -> None:
    place.lake.create(place.partition.manifest("transform", MAPPED), b"{}")
    with pytest.raises(BadManifest):
        manifests_of(place.lake, place.partition)
    assert len(manifest_keys(place.lake, place.partition)) == 1, "a listing does not read them"


def test_the_outputs_behind_an_output(place: Workspace) -> None:
    mapped = publish(place, "transform", MAPPED, export=EXPORT)
    valid = publish(place, "validate", VALID, transform=MAPPED)
    found = lineage(place.lake, place.partition, "validate", VALID)
    assert list(found.items()) == [("validate", valid), ("transform", mapped)], "the export was removed"
    raw = publish(place, "export", EXPORT)
    assert lineage(place.lake, place.partition, "validate", VALID)["export"] == raw
    assert lineage(place.lake, place.partition, "stage", VALID) == {}
    assert lineage(place.lake, place.partition, "stage", "") == {}


def test_days_are_found_by_their_folders_in_order(place: Workspace) -> None:
    for name in ("2026-07-02/raw", "2026-07-01/report", "schemas", "2026-13-40/raw", "2026-07-03x/raw"):
        assert place.lake.create(f"shop/{name}/x.json", b"{}")
    assert days_in_lake(place.lake, "shop") == [date(2026, 7, 1), date(2026, 7, 2)]
    assert days_in_lake(place.lake, "another") == []
