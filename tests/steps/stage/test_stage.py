"""Stage: files in AEP's form, named by their content, and reproducible."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import BadManifest, PayloadTooLarge
from include.lake.history import History, Target
from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.lake.manifests import manifest_keys
from include.quality.aep_json import instant_text
from include.steps.stage import batch_size
from include.steps.stage import step as stage
from include.steps.stage.step import stage_partition
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AEP_FORM, AepParquetWriter
from tests.support.builders import SOURCE, TENANT, instants, workspace

pytestmark = pytest.mark.unit
MIXPANEL = pa.struct([
    ("text", pa.string()), ("day", pa.date32()), ("moment", pa.timestamp("us", "UTC")), ("number", pa.float64()), ("small", pa.int8()),
    ("tags", pa.list_(pa.string())), ("items", pa.list_(pa.struct([("at", pa.timestamp("us", "UTC")), ("sku", pa.string())]))),
    ("prices", pa.map_(pa.string(), pa.int64())), ("yes", pa.bool_()),
])  # fmt: skip
MOMENT = datetime(2026, 7, 1, 12, 1, 40, 125000, tzinfo=UTC)
FULL = {
    "text": "Å\u2028\0", "day": date(2026, 7, 1), "moment": MOMENT, "number": 1.5e-07, "small": -5, "tags": ["a"], "yes": False,
    "items": [{"at": MOMENT, "sku": None}, {"at": None, "sku": "B"}], "prices": [("NOK", 5)],
}  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def table(number: int = 2) -> pa.Table:
    """Return full and empty rows in turn; the others are not nullable, as on a day full of them."""
    tenant = [{"mixpanel": FULL} if n % 2 == 0 else None for n in range(number)]
    made = pa.table({
        "_id": [f"{n:064x}" for n in range(number)],
        "timestamp": pa.array(instants(number), pa.timestamp("us", "UTC")),
        TENANT: pa.array(tenant, pa.struct([("mixpanel", MIXPANEL)])),
    })  # fmt: skip
    return made.cast(pa.schema([field.with_nullable(field.name == TENANT) for field in made.schema]))


def valid(place: Workspace, scratch: Path, number: int = 2) -> Manifest:
    files: tuple[Any, ...] = ()
    if number:
        path = scratch / "valid.parquet"
        pq.write_table(table(number), path, row_group_size=3)
        files = (
            upload_file(
                place.lake,
                f"{place.partition.output('validate', 'ab' * 16)}/part-00000.parquet",
                path,
                number,
            ),
        )
    raw = place.publish(
        step="export",
        digest="ef" * 16,
        inputs={"request": "x"},
        files=(),
        counts={},
        details={"project_id": 1},
    )
    made = {"mapping": "x", "schema": "x", "export": raw.digest}
    mapped = place.publish(step="transform", digest="cd" * 16, inputs=made, files=(), counts={})
    inputs = {"transform": mapped.digest}
    return place.publish(
        step="validate", digest="ab" * 16, inputs=inputs, files=files, counts={"valid": number}
    )


def staged(place: Workspace, scratch: Path, number: int = 2) -> Manifest:
    return stage_partition(place, valid(place, scratch, number))


def in_json(lake: Lake) -> Workspace:
    return workspace(lake, aep={"format": "json"})


def test_parquet_is_written_as_aep_reads_it(lake: Lake, tmp_path: Path) -> None:
    place = workspace(lake)
    (path,) = place.local_files(staged(place, tmp_path), tmp_path)
    file = pq.ParquetFile(path)
    columns = {file.schema.column(n).path: file.schema.column(n) for n in range(len(file.schema))}
    times = {
        name: column for name, column in columns.items() if name.endswith(("timestamp", "moment", ".at"))
    }
    assert len(times) == 3
    for column in times.values():
        assert (column.physical_type, column.converted_type) == ("INT64", "TIMESTAMP_MILLIS")
    inside = f"{TENANT}.mixpanel"
    kinds = {name: (column.physical_type, column.converted_type) for name, column in columns.items()}
    assert kinds[f"{inside}.text"] == ("BYTE_ARRAY", "UTF8")
    assert kinds[f"{inside}.day"] == ("INT32", "DATE")
    assert kinds[f"{inside}.small"] == ("INT32", "INT_8")
    assert kinds[f"{inside}.number"][0] == "DOUBLE"
    assert kinds[f"{inside}.yes"][0] == "BOOLEAN"
    assert all(column.max_definition_level > 0 for column in columns.values()), "every column may be null"
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert b"ARROW:schema" not in (file.metadata.metadata or {})


def test_parquet_holds_the_valid_rows(lake: Lake, tmp_path: Path) -> None:
    place = workspace(lake)
    (path,) = place.local_files(staged(place, tmp_path, 5), tmp_path)
    assert pq.read_table(path).to_pylist() == table(5).to_pylist()


def test_json_lines_have_no_nulls_and_times_in_aeps_form(lake: Lake, tmp_path: Path) -> None:
    (path,) = in_json(lake).local_files(staged(in_json(lake), tmp_path), tmp_path)
    body = path.read_bytes()
    first, second = (json.loads(text) for text in body.split(b"\n")[:-1])
    assert b"null" not in body
    assert first == {
        "_id": f"{0:064x}",
        "timestamp": "2026-07-01T12:00:00.000Z",
        TENANT: {"mixpanel": {
            "text": "Å\u2028\0", "day": "2026-07-01", "moment": "2026-07-01T12:01:40.125Z", "number": 1.5e-07, "small": -5,
            "tags": ["a"], "items": [{"at": "2026-07-01T12:01:40.125Z"}, {"sku": "B"}], "prices": {"NOK": 5}, "yes": False,
        }},
    }  # fmt: skip
    assert second == {"_id": f"{1:064x}", "timestamp": "2026-07-01T12:01:00.000Z"}


@pytest.mark.parametrize("file_format", ["parquet", "json"])
def test_a_second_run_does_nothing(
    lake: Lake, tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = workspace(lake, aep={"format": file_format})
    made = valid(place, tmp_path)
    first = stage_partition(place, made)
    monkeypatch.setattr(Workspace, "local_files", lambda *args: pytest.fail("it worked again"))
    assert stage_partition(place, made) == first


@pytest.mark.parametrize("file_format", ["parquet", "json"])
def test_files_are_named_by_their_bytes_and_reproducible(tmp_path: Path, file_format: str) -> None:
    made = []
    for name in ("one", "two"):
        place = workspace(Lake(f"file://{tmp_path}/{name}"), aep={"format": file_format})
        made.append(staged(place, tmp_path))
        (path,) = place.local_files(made[-1], tmp_path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert made[-1].files[0].key.endswith(f"/events-{digest[:16]}.{file_format}")
    assert made[0].files == made[1].files
    assert made[0].content == made[1].content


@pytest.mark.parametrize("file_format", ["parquet", "json"])
@pytest.mark.parametrize(
    ("number", "files"), [(1, [1]), (6, [6]), (7, [6, 1]), (12, [6, 6]), (13, [6, 6, 1])]
)
def test_a_large_day_becomes_several_files_without_losing_rows(
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: str,
    number: int,
    files: list[int],
) -> None:
    monkeypatch.setattr(stage, "FILE_ROWS", 6)
    place = workspace(lake, aep={"format": file_format})
    made = staged(place, tmp_path, number)
    assert [file.rows for file in made.files] == files
    assert made.counts == {"staged": number}
    paths = place.local_files(made, tmp_path)
    if file_format == "json":
        ids = [json.loads(text)["_id"] for path in paths for text in path.read_bytes().split(b"\n")[:-1]]
    else:
        ids = [found for path in paths for found in pq.read_table(path)["_id"].to_pylist()]
    assert ids == [f"{n:064x}" for n in range(number)]


@pytest.mark.parametrize("file_format", ["parquet", "json"])
def test_an_empty_day_stages_no_file(lake: Lake, tmp_path: Path, file_format: str) -> None:
    made = staged(workspace(lake, aep={"format": file_format}), tmp_path, 0)
    assert (made.files, made.rows, made.counts) == ((), 0, {"staged": 0})


def test_the_format_is_part_of_the_digest(lake: Lake, tmp_path: Path) -> None:
    made = valid(workspace(lake), tmp_path)
    parquet, lines = stage_partition(workspace(lake), made), stage_partition(in_json(lake), made)
    assert parquet.digest != lines.digest


def test_changed_rows_are_not_staged(lake: Lake, tmp_path: Path) -> None:
    made = valid(workspace(lake), tmp_path)
    (lake.root / made.files[0].key).write_bytes(b"PAR1")
    with pytest.raises(BadManifest):
        stage_partition(workspace(lake), made)
    assert list(lake.keys("shop/2026-07-01/staged")) == []


@pytest.mark.parametrize("value", [Decimal(1), b"bytes", object()])
def test_values_without_a_json_form_are_refused(value: Any) -> None:
    with pytest.raises(AttributeError):
        instant_text(value)


@pytest.mark.parametrize(("name", "most"), [("MOST_FILES", 2), ("MOST_BYTES", 1000)])
def test_more_than_one_batch_may_hold_is_reported_before_a_request(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(stage, "FILE_ROWS", 3)
    monkeypatch.setattr(batch_size, name, most)
    place = workspace(lake)
    with pytest.raises(
        PayloadTooLarge,
        match=r"Partition 2026-07-01 of shop exceeds AEP.s limit for one batch: \d files? of 0.0 GB \(\d rows of \d+ bytes, ",
    ):
        stage_partition(place, valid(place, tmp_path, 9))
    assert not manifest_keys(lake, place.partition, "stage")


@pytest.mark.parametrize(("name", "most"), [("RECOMMENDED_FILES", 2), ("RECOMMENDED_BYTES", 1000)])
def test_more_than_aep_recommends_for_a_batch_is_staged_with_a_warning(
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    most: int,
) -> None:
    monkeypatch.setattr(stage, "FILE_ROWS", 3)
    place = workspace(lake)
    assert stage_partition(place, valid(place, tmp_path, 9)).rows == 9
    assert "large batch" not in caplog.text
    monkeypatch.setattr(batch_size, name, most)
    monkeypatch.setattr(stage, "DATA_VERSION", 99)
    assert stage_partition(place, valid(place, tmp_path, 9)).rows == 9
    assert (
        "Partition 2026-07-01 of shop is a large batch for AEP: 3 files of 0.0 GB (9 rows of " in caplog.text
    )


def as_aep_takes_it(place: Workspace, scratch: Path, *parts: int, form: str | None = AEP_FORM) -> Manifest:
    """Return a validated day of files in AEP's form, one for each number of rows; all mapped rows are valid."""
    raw = place.publish(
        step="export",
        digest="ef" * 16,
        inputs={"request": "x"},
        files=(),
        counts={},
        details={"project_id": 4000001},
    )
    made = {"mapping": "x", "schema": "x", "export": raw.digest}
    folder = place.partition.output("transform", "cd" * 16)
    files, first, rows = [], 0, table(sum(parts))
    for number, size in enumerate(parts):
        path = scratch / f"form-{number}.parquet"
        writer = AepParquetWriter(path, rows.schema)
        writer.write(rows.slice(first, size))
        writer.close()
        files.append(upload_file(place.lake, f"{folder}/part-{number:05}.parquet", path, size))
        first += size
    events = scratch / "events.parquet"
    pq.write_table(pa.table({"_id": rows["_id"], "digest": pa.array(range(len(rows)), pa.int64())}), events)
    listed = upload_file(place.lake, f"{folder}/events.parquet", events, len(rows))
    mapped = place.publish(
        step="transform", digest="cd" * 16, inputs=made, files=tuple(files), counts={},
        details={"recipe": 2, "events": listed.model_dump()},
    )  # fmt: skip
    return place.publish(
        step="validate", digest="ab" * 16, inputs={"transform": mapped.digest}, files=tuple(files),
        counts={"valid": len(rows)}, details={"form": form},
    )  # fmt: skip


HISTORY = Target("org", "prod", "dataset")


def test_valid_files_in_aeps_form_are_staged_unread(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = workspace(lake)
    made = as_aep_takes_it(place, tmp_path, 3, 2)
    read: list[str] = []
    download = Lake.download
    monkeypatch.setattr(
        Lake, "download", lambda lake, key, target: read.append(key) or download(lake, key, target)
    )
    history = History(lake, SOURCE, HISTORY)
    done = stage_partition(place, made, history)
    assert done.files == made.files
    assert done.counts == {"staged": 5}
    assert [key.rpartition("/")[2] for key in read] == ["events.parquet"]
    ids = pq.read_table(lake.root / done.details["ids"]["key"])
    assert ids["_id"].to_pylist() == [f"{n:064x}" for n in range(5)]
    assert ids["digest"].to_pylist() == list(range(5))
    assert [key for key in lake.keys(place.partition.step("stage")) if key.endswith(".parquet")] == []
    (lake.root / done.files[0].key).write_bytes(b"PAR1")
    with pytest.raises(BadManifest, match="run transform again"):
        place.local_files(done, tmp_path)


@pytest.mark.parametrize("change", ["another form", "json", "too many rows"])
def test_files_in_another_form_are_rewritten(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    place = in_json(lake) if change == "json" else workspace(lake)
    if change == "too many rows":
        monkeypatch.setattr(stage, "FILE_ROWS", 4)
    made = as_aep_takes_it(place, tmp_path, 5, form=None if change == "another form" else AEP_FORM)
    done = stage_partition(place, made)
    assert done.rows == 5
    assert not {file.key for file in done.files} & {file.key for file in made.files}


def test_active_rows_are_removed_from_files_that_would_otherwise_be_reused(
    lake: Lake, tmp_path: Path
) -> None:
    place, history = workspace(lake), History(lake, SOURCE, HISTORY)
    made = as_aep_takes_it(place, tmp_path, 3, 2)
    active = tmp_path / "active.parquet"
    pq.write_table(
        pa.table({"_id": [f"{n:064x}" for n in (1, 4, 9)], "digest": pa.array([1, 7, 9], pa.int64())}), active
    )
    ids = upload_file(lake, history.ids_key(place.partition.day, "12" * 16), active, 3)
    ledger = history.ledger(place.partition.day)
    records: list[Any] = []
    about = {"content": "34" * 16, "staged": "12" * 16, "ids": ids, "recipe": 2, "counts": {"active": 3}}
    for kind in ("created", "completing", "active"):
        records = ledger.append(records, kind, run="r", at="2026-07-02T00:00:00Z", batch="B", **about)
    done = stage_partition(place, made, history)
    assert done.counts == {"staged": 3, "already_active": 2, "changed": 1, "vanished": 1}
    (path,) = place.local_files(done, tmp_path)
    assert pq.read_table(path)["_id"].to_pylist() == [f"{n:064x}" for n in (0, 2, 3)]
    kept = pq.read_table(lake.root / done.details["ids"]["key"])
    assert sorted(zip(kept["_id"].to_pylist(), kept["digest"].to_pylist(), strict=True)) == [
        (f"{n:064x}", n) for n in (0, 2, 3)
    ]
    whole = stage_partition(place, made, history, replace=True)
    assert whole.files == made.files
    with pytest.raises(PayloadTooLarge), pytest.MonkeyPatch.context() as few:
        few.setattr(batch_size, "MOST_FILES", 1)
        few.setattr(stage, "DATA_VERSION", 99)
        stage_partition(place, made, history, replace=True)
