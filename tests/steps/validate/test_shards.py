"""Shards: a large day that several tasks validate has the rows, counts and decisions of a day that one task validates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.config.model import Retention
from include.errors import BadManifest, PartitionRefused, TooManyQuarantined
from include.lake.lake import Lake
from include.lake.manifest import LakeFile, Manifest
from include.lake.manifests import manifests_of
from include.steps.retention import clean
from include.steps.stage.step import stage_partition
from include.steps.validate import shard_rows
from include.steps.validate.partition_validator import PartitionValidator
from include.steps.validate.shard_step import unchecked_shards, validate_shard
from include.steps.validate.shards import Shard, shards_of
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from tests.support.builders import NOON, event, line, quarantined, transformed, workspace
from tests.support.validated_days import MAPPING, XDM, lenient, lines, page, part, several_files

pytestmark = pytest.mark.unit


def in_shards(place: Workspace, shard_events: int | None) -> Workspace:
    """Return a workspace whose pipeline has a setting that is smaller than a pipeline file may have."""
    return replace(place, pipeline=place.pipeline.model_copy(update={"shard_events": shard_events}))


def copied(place: Workspace, folder: Path) -> Workspace:
    """Return the workspace in a copy of its lake."""
    assert place.lake.root is not None
    shutil.copytree(place.lake.root, folder)
    return replace(place, lake=Lake(f"file://{folder}"))


def parts_of(*currencies: Sequence[str | None], names: Sequence[str] = ("Purchase",)) -> list[pa.Table]:
    """Return the rows of some files, each in an hour of its own."""
    first, found = 0, []
    for hour, some in enumerate(currencies):
        table = part(first, *some)
        start = datetime.fromtimestamp(NOON, UTC) + timedelta(hours=hour)
        times = pa.array([start + timedelta(seconds=n) for n in range(len(some))], pa.timestamp("us", "UTC"))
        table = table.set_column(1, "timestamp", times)
        named = pa.array([names[(first + n) % len(names)] for n in range(len(some))], pa.string())
        found.append(table.set_column(2, "eventType", named))
        first += len(some)
    return found


def described(place: Workspace, made: Manifest) -> dict[str, Any]:
    """Return what an output says, without the folders that the files are in."""
    found = made.model_dump(exclude={"files"})
    found["files"] = [(file.sha256, file.rows, file.bytes) for file in made.files]
    return {**found, "page": page(place, made), "records": quarantined(place, made)}


def outputs(place: Workspace) -> list[Manifest]:
    return manifests_of(place.lake, place.partition, "validate_shard")


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of files of every check of rows."""
    found: list[int] = []
    check = PartitionValidator.check_rows

    def counting(self: PartitionValidator, files: Any, scratch: Path) -> Any:
        found.append(len(files))
        return check(self, files, scratch)

    monkeypatch.setattr(PartitionValidator, "check_rows", counting)
    return found


@pytest.mark.parametrize(
    ("sizes", "shard_events", "expected"),
    [
        ([5], 5, []),
        ([5], 1, []),
        ([5, 5], None, []),
        ([5, 5], 10, []),
        ([5, 5], 9, ["0-0", "1-1"]),
        ([3, 3, 3, 3], 6, ["0-1", "2-3"]),
        ([3, 3, 3, 3], 1, ["0-0", "1-1", "2-2", "3-3"]),
        ([3, 3, 3, 3, 3, 3], 8, ["0-1", "2-3", "4-5"]),
        ([1, 1, 1, 9], 6, ["0-2", "3-3"]),
        ([9, 1, 1, 1], 6, ["0-0", "1-3"]),
        ([], 1, []),
    ],
)
def test_a_shard_is_a_run_of_files_of_about_the_same_number_of_rows(
    sizes: list[int], shard_events: int | None, expected: list[str]
) -> None:
    files = tuple(LakeFile(key=f"{n}", bytes=1, sha256="ab", rows=size) for n, size in enumerate(sizes))
    mapped = Manifest(
        step="transform", pipeline="shop", partition="2026-07-01", digest="ab", inputs={}, files=files,
        counts={}, created_at="",
    )  # fmt: skip
    found = shards_of(mapped, shard_events)
    assert [shard.name for shard in found] == expected
    assert not found or tuple(file for shard in found for file in shard.files(mapped)) == files


CURRENCIES = st.lists(st.sampled_from(["NOK", "SEK", "nok", "x", None]), min_size=1, max_size=6)


@settings(max_examples=6)
@given(
    files=st.lists(CURRENCIES, min_size=2, max_size=5),
    shard_events=st.integers(1, 6),
    names=st.lists(st.sampled_from(["a", "b", "Ω"]), min_size=1, max_size=3),
    show_values=st.booleans(),
)
def test_a_day_in_shards_has_the_output_of_a_day_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[str | None]],
    shard_events: int,
    names: list[str],
    show_values: bool,
) -> None:
    scratch = tmp_path_factory.mktemp("day")
    whole = workspace(
        Lake(f"file://{scratch}/lake"), quality={"max_quarantined": "100%", "show_values": show_values}
    )
    mapped = several_files(whole, scratch, *parts_of(*files, names=names))
    place = in_shards(copied(whole, scratch / "copy"), shard_events)
    expected, made = validate_partition(whole, mapped), validate_partition(place, mapped)
    assert described(place, made) == described(whole, expected)
    assert made.content == expected.content
    assert len(outputs(place)) == len(shards_of(mapped, shard_events))
    assert not outputs(whole)


def test_validate_decides_on_the_shards_that_tasks_have_checked_and_checks_the_others(
    lake: Lake, tmp_path: Path, checked: list[int]
) -> None:
    place = in_shards(lenient(lake), 4)
    mapped = several_files(place, tmp_path, *parts_of(["NOK", "nok"], ["SEK"] * 3, ["x"], ["DKK"] * 2))
    shards = unchecked_shards(place, mapped)
    assert [shard.name for shard in shards] == ["0-1", "2-3"]
    first = validate_shard(place, mapped, shards[0])
    assert validate_shard(place, mapped, shards[0]) == first
    assert (first.counts, checked) == ({"mapped": 5, "valid": 4, "quarantined": 1, "warnings": 5}, [2])
    made = validate_partition(place, mapped)
    assert made.counts == {"mapped": 8, "valid": 6, "quarantined": 2, "warnings": 8}
    assert checked == [2, 2], "the first shard is not checked again"
    assert [file.key for file in made.files[:2]] == [file.key for file in first.files]
    assert validate_partition(place, mapped) == made
    assert unchecked_shards(place, mapped) == ()


def test_the_quarantine_share_is_decided_over_all_shards(lake: Lake, tmp_path: Path) -> None:
    """One shard has too many invalid rows, and the day has not; then the day has."""
    place = in_shards(lenient(lake, "30%"), 4)
    mapped = several_files(place, tmp_path, *parts_of(["nok", "nok", "NOK", "NOK"], ["NOK"] * 4))
    assert validate_partition(place, mapped).counts["quarantined"] == 2
    strict = in_shards(lenient(lake, "24%"), 4)
    with pytest.raises(TooManyQuarantined, match="2 of 8 events"):
        validate_partition(strict, mapped)


def test_an_id_in_two_shards_is_found(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture, checked: list[int]
) -> None:
    """Transform never writes it. The times of such shards overlap, so that the day is validated as a whole."""
    place = in_shards(lenient(lake), 2)
    mapped = several_files(place, tmp_path, part(0, "NOK", "SEK"), part(0, "NOK", "SEK"))
    with pytest.raises(PartitionRefused, match="id_unique"):
        validate_partition(place, mapped)
    assert "The shards have overlapping times, so the day is validated as a whole." in caplog.messages
    assert checked == [1, 1, 2]


def test_shards_with_different_columns_are_not_added(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = lenient(lake)
    first, second = parts_of(["NOK", "nok"], ["SEK", "x"])
    mapped = several_files(whole, tmp_path, first, second.drop_columns(["eventType"]))
    place = in_shards(copied(whole, tmp_path / "copy"), 2)
    expected, made = validate_partition(whole, mapped), validate_partition(place, mapped)
    assert described(place, made) == described(whole, expected)
    assert "The shards have different columns, so the day is validated as a whole." in caplog.messages


@pytest.mark.parametrize("changed", [{"mapped": 5}, {"quarantined": 0}, {"mapped": 3, "quarantined": 0}])
def test_shards_that_do_not_account_for_all_rows_are_refused(
    lake: Lake, tmp_path: Path, changed: dict[str, int]
) -> None:
    place = in_shards(lenient(lake), 4)
    mapped = several_files(place, tmp_path, *parts_of(["NOK", "nok"] * 2, ["SEK"] * 4))
    shard = validate_shard(place, mapped, Shard(0, 0))
    assert lake.root is not None
    path = lake.root / place.partition.manifest("validate_shard", shard.digest)
    path.write_text(shard.model_copy(update={"counts": {**shard.counts, **changed}}).model_dump_json())
    with pytest.raises(
        BadManifest, match=r"The shards of partition 2026-07-01 account for \d of 8 mapped rows"
    ):
        validate_partition(place, mapped)


def test_names_that_a_shard_does_not_list_are_not_counted_by_name(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their number is not known for the day, but that of all others is."""
    monkeypatch.setattr(shard_rows, "_MOST_EVENTS", 1)
    place = in_shards(lenient(lake), 4)
    first, second = parts_of(["NOK"] * 4, ["NOK"] * 4)
    named = [
        table.set_column(2, "eventType", pa.array(names))
        for table, names in ((first, ["a", "a", "b", "c"]), (second, ["a", "a", "a", "a"]))
    ]
    made = validate_partition(place, several_files(place, tmp_path, *named))
    assert (made.details["by_event"], made.details["other_events"]) == ({"a": 6}, 2)


def test_refused_rows_of_shards_are_removed_with_the_quarantine_of_the_day(
    lake: Lake, tmp_path: Path, checked: list[int]
) -> None:
    """They are a copy of it. If the day has to be validated again, so are these shards."""
    place = in_shards(lenient(lake), 4)
    mapped = several_files(place, tmp_path, *parts_of(["NOK", "nok"] * 2, ["SEK"] * 4))
    made = validate_partition(place, mapped)
    kept = place.pipeline.model_copy(update={"retention": Retention(quarantine_days=1, superseded_days=None)})
    done = clean(lake, kept, datetime.now(UTC) + timedelta(days=2))
    assert done.removed == {"quarantine": 2}
    assert place.has_files(made)
    again = validate_partition(in_shards(lenient(lake, "99%"), 4), mapped)
    assert (again.counts, checked) == (made.counts, [1, 1, 1, 1])
    assert validate_partition(place, mapped, with_files=True) == made


@pytest.fixture(scope="module")
def day() -> list[bytes]:
    """Events of a whole day, some of them invalid, some twice, some not events."""
    texts = ["NOK", "SEK", "nok", None, "DKK"]
    found = [
        line(event(["Purchase", "View"][n % 2], time=NOON - 43_200 + 40 * n, currency=texts[n % 5], **{"$insert_id": f"i-{n}"}))
        for n in range(2_100)
    ]  # fmt: skip
    return [*found, *found[:30], b"no json"]


def in_steps(place: Workspace, day: list[bytes]) -> Iterator[Manifest]:
    yield (mapped := transformed(place, XDM, MAPPING, *day))
    yield (valid := validate_partition(place, mapped))
    yield stage_partition(place, valid)


def row_of(place: Workspace, made: Manifest, scratch: Path) -> list[dict[str, Any]]:
    scratch.mkdir()
    return [
        found
        for path in place.local_files(made, scratch)
        for found in pq.read_table(path).to_pylist(maps_as_pydicts="strict")
    ]


def test_a_day_in_shards_has_the_staged_rows_of_a_day_as_a_whole(day: list[bytes], tmp_path: Path) -> None:
    """From the export: transform writes smaller files, as a shard has fewer rows than a usual file."""
    quality = {"max_quarantined": "100%"}
    places = [
        workspace(Lake(f"file://{tmp_path}/{name}"), quality=quality, shard_events=shard_events)
        for name, shard_events in (("whole", None), ("shards", 1_000))
    ]
    (whole, valid, staged), (parts, sharded, staged_parts) = (list(in_steps(place, day)) for place in places)
    assert (len(whole.files), [file.rows for file in parts.files]) == (1, [720, 480, 480, 420])
    assert (parts.counts, parts.details["by_event"]) == (whole.counts, whole.details["by_event"])
    assert [shard.name for shard in shards_of(parts, 1_000)] == ["0-0", "1-1", "2-3"]
    assert len(outputs(places[1])) == 3
    assert (sharded.counts, staged_parts.counts) == (valid.counts, staged.counts)
    for name in ("reasons", "warnings", "expectations", "by_event", "other_events", "form", "rows"):
        assert sharded.details[name] == valid.details[name], name
    found = [
        row_of(place, made, tmp_path / f"{place.lake.url[-5:]}-rows")
        for place, made in zip(places, (staged, staged_parts), strict=True)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 1_680
    records = [quarantined(place, made) for place, made in zip(places, (valid, sharded), strict=True)]
    assert records[0] == records[1]


@pytest.mark.parametrize("shard_events", [None, 500_000, 2_000_000])
def test_the_setting_changes_no_digest_unless_it_changes_the_files(
    lake: Lake, shard_events: int | None
) -> None:
    mapped = transformed(workspace(lake), XDM, MAPPING, *lines("NOK"))
    place = workspace(lake, shard_events=shard_events)
    assert transformed(place, XDM, MAPPING, *lines("NOK")).digest == mapped.digest
    assert validate_partition(place, mapped).digest == validate_partition(workspace(lake), mapped).digest
    smaller = transformed(workspace(lake, shard_events=499_999), XDM, MAPPING, *lines("NOK"))
    assert smaller.digest != mapped.digest
