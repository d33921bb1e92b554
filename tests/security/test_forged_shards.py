"""With a key, no changed record of a shard is accepted; without one, a shard has to account for the day's rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from include.errors import PipelineError
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.steps.validate.shard_step import validate_shard
from include.steps.validate.shards import Shard
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from tests.security.forged_lake import Forged, signing_keys
from tests.steps.validate.test_shards import in_shards, parts_of
from tests.support.builders import DAY
from tests.support.validated_days import lenient, several_files

pytestmark = [pytest.mark.unit, pytest.mark.case("M16")]
SHARDS = f"*/{DAY}/valid-shards"
OTHER_DAY = date(2026, 7, 2)


def more_rows(forged: Forged) -> None:
    """Say that nothing was refused, as if the invalid row were valid."""
    forged.edit(f"{SHARDS}/*/manifest.json", lambda record: record["counts"].update(quarantined=0, valid=4))


def other_file(forged: Forged) -> None:
    """Name the rows of transform, with the invalid one, as the valid rows."""
    path = next(path for path in sorted(forged.root.glob(f"*/{DAY}/xdm/*/part-00000.parquet")))
    key = path.relative_to(forged.root).as_posix()

    def change(record: dict[str, list[dict[str, object]]]) -> None:
        record["files"][0].update(key=key)

    forged.edit(f"{SHARDS}/*/manifest.json", change)


def of_another_day(forged: Forged) -> None:
    """Put the manifest of another day's shard in the place of this day's."""
    shutil.copy(
        forged.one(f"*/{OTHER_DAY}/valid-shards/*/manifest.json"), forged.one(f"{SHARDS}/*/manifest.json")
    )


def spoiled(forged: Forged) -> None:
    """Change the file of quarantined rows, which the manifest names with its digest."""
    path = forged.one(f"{SHARDS}/*/*.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def with_shard(lake: Lake, day: date, scratch: Path) -> tuple[Workspace, Manifest]:
    """Return a day of two shards, of which the first one is checked."""
    place = in_shards(lenient(lake), 4)
    place = replace(place, partition=replace(place.partition, day=day))
    scratch.mkdir()
    mapped = several_files(place, scratch, *parts_of(["NOK", "nok"] * 2, ["SEK"] * 4))
    validate_shard(place, mapped, Shard(0, 0))
    return place, mapped


CASES = {
    "more rows": more_rows,
    "another file": other_file,
    "another day's": of_another_day,
    "a file": spoiled,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("keeps", [True, False], ids=["signature kept", "signature taken off"])
def test_m16_with_a_key_a_forged_shard_stops_the_day(
    tmp_path: Path, case: Callable[[Forged], None], keeps: bool
) -> None:
    lake = Lake(f"file://{tmp_path / 'lake'}", signing_keys())
    place, mapped = with_shard(lake, DAY, tmp_path / "one")
    with_shard(lake, OTHER_DAY, tmp_path / "other")
    case(Forged(tmp_path / "lake", is_signed=keeps))
    with pytest.raises(PipelineError) as found:
        validate_partition(place, mapped)
    assert len(found.value.sentence) > 20
    assert len(found.value.hint) > 20


@pytest.mark.parametrize("case", [more_rows, of_another_day, spoiled])
def test_m16_without_a_key_a_shard_has_to_account_for_the_rows(
    tmp_path: Path, case: Callable[[Forged], None]
) -> None:
    lake = Lake(f"file://{tmp_path / 'lake'}")
    place, mapped = with_shard(lake, DAY, tmp_path / "one")
    with_shard(lake, OTHER_DAY, tmp_path / "other")
    case(Forged(tmp_path / "lake", is_signed=False))
    with pytest.raises(PipelineError):
        validate_partition(place, mapped)
