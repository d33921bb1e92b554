"""With ``shard_events``, a day of fewer events has the outputs that it has without the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.manifests import manifests_of
from include.steps.stage.step import stage_partition
from include.steps.validate.shard_step import unchecked_shards
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from tests.support.builders import NOON, event, line, transformed, workspace
from tests.support.validated_days import MAPPING, XDM

pytestmark = pytest.mark.unit
EVENTS = [
    line(event(time=NOON - 43_200 + 40 * n, currency=["NOK", "nok", None][n % 3], **{"$insert_id": f"i-{n}"}))
    for n in range(2_100)
]
"""Events of a whole day, a third of them invalid."""


def loaded(folder: Path, shard_events: int | None) -> tuple[Workspace, list[Manifest]]:
    """Return a day in a lake of its own, and the outputs of transform, validate and stage."""
    lake = Lake(f"file://{folder}/{shard_events}")
    place = workspace(lake, quality={"max_quarantined": "100%"}, shard_events=shard_events)
    mapped = transformed(place, XDM, MAPPING, *EVENTS)
    valid = validate_partition(place, mapped)
    return place, [mapped, valid, stage_partition(place, valid)]


def test_every_object_of_the_lake_is_equal(tmp_path: Path) -> None:
    places = [loaded(tmp_path, shard_events)[0] for shard_events in (None, 500_000)]
    without, small = ({key: place.lake.read(key) for key in place.lake.keys("shop")} for place in places)
    assert small == without
    assert len(small) > 10


def test_files_are_equal_if_the_setting_is_smaller_than_a_usual_file(tmp_path: Path) -> None:
    """The setting is among transform's inputs then, so that the digests differ."""
    without, small = (loaded(tmp_path, shard_events) for shard_events in (None, 3_000))
    assert [each.content for each in small[1]] == [each.content for each in without[1]]
    assert [each.counts for each in small[1]] == [each.counts for each in without[1]]
    place, (mapped, *_) = small
    assert manifests_of(place.lake, place.partition, "validate_shard") == []
    assert unchecked_shards(place, mapped) == ()


@pytest.mark.parametrize(("more", "shards"), [(0, 0), (-1, 2)])
def test_one_event_more_than_the_setting_makes_shards(tmp_path: Path, more: int, shards: int) -> None:
    place, _ = loaded(tmp_path, len(EVENTS) + more)
    assert len(manifests_of(place.lake, place.partition, "validate_shard")) == shards
