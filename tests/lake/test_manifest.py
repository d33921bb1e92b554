"""A step's output exists once its manifest does; a manifest is written once and never misread."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import BadManifest, Conflict, FilesRemoved
from include.lake.lake import Lake
from include.lake.manifest import LakeFile, Manifest, digest_of, load, publish, upload_file
from include.xdm.schema.xdm_schema import parse_schema
from tests.support.builders import DAY, PROJECT_ID, exported, line, schema, workspace

pytestmark = pytest.mark.unit
DIGEST = "ab" * 16
FILE = f"shop/{DAY}/staged/{DIGEST}/events-0123456789abcdef.parquet"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def manifest(sha256: str = "1" * 64, created_at: str = "2026-07-02T00:00:00.000+00:00") -> Manifest:
    file = LakeFile(key=FILE, bytes=1, sha256=sha256, rows=3)
    return Manifest(
        step="stage", pipeline="shop", partition=str(DAY), digest=DIGEST, inputs={"validate": DIGEST},
        files=(file,), counts={"staged": 3}, created_at=created_at,
    )  # fmt: skip


def put(lake: Lake, body: bytes) -> str:
    key = workspace(lake).partition.manifest("stage", DIGEST)
    lake.create(key, body)
    return key


def test_two_runs_with_the_same_output_share_the_first_manifest(lake: Lake) -> None:
    partition = workspace(lake).partition
    first = publish(lake, partition, manifest(created_at="first"))
    again = publish(lake, partition, manifest(created_at="second"))
    assert again == first
    assert load(lake, partition.manifest("stage", DIGEST)) == first


def test_many_concurrent_runs_get_one_manifest(lake: Lake) -> None:
    partition, start = workspace(lake).partition, threading.Barrier(6)

    def run(number: int) -> Manifest:
        start.wait()
        return publish(lake, partition, manifest(created_at=str(number)))

    with ThreadPoolExecutor(6) as pool:
        assert len({made.created_at for made in pool.map(run, range(6))}) == 1


def test_other_content_of_the_same_inputs_is_a_conflict_and_changes_nothing(lake: Lake) -> None:
    partition = workspace(lake).partition
    first = publish(lake, partition, manifest())
    with pytest.raises(Conflict, match=r"staged/abab.* already describes other content"):
        publish(lake, partition, manifest(sha256="2" * 64))
    assert load(lake, partition.manifest("stage", DIGEST)) == first


def test_a_missing_manifest_gives_none(lake: Lake) -> None:
    assert load(lake, workspace(lake).partition.manifest("stage", DIGEST)) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"{}", b"\xff", b'{"version": "2"}', b'{"version": null}',
     manifest().model_dump_json().encode()[:-40], manifest().model_dump_json().replace('"rows"', '"rowz"').encode()],
    ids=["empty", "cut", "null", "list", "bare", "bytes", "text version", "null version", "cut late", "other key"],
)  # fmt: skip
def test_a_damaged_manifest_is_not_a_missing_one(lake: Lake, body: bytes) -> None:
    with pytest.raises(BadManifest, match=r"manifest\.json is not a readable manifest"):
        load(lake, put(lake, body))


def test_a_manifest_of_a_newer_version_is_reported_as_such(lake: Lake) -> None:
    data = {**json.loads(manifest().model_dump_json()), "version": 3, "more": {}}
    with pytest.raises(
        BadManifest, match=r"was written by a newer version of mixpanel-aep\. Upgrade mixpanel-aep"
    ):
        load(lake, put(lake, json.dumps(data).encode()))


def test_equal_files_are_equal_content_whatever_their_keys_and_order() -> None:
    one, two = (
        LakeFile(key=key, bytes=1, sha256=digit * 64, rows=1) for key, digit in (("a", "1"), ("b", "2"))
    )
    moved = [file.model_copy(update={"key": "elsewhere"}) for file in (two, one)]
    contents = {
        manifest().model_copy(update={"files": tuple(files)}).content for files in ([one, two], moved)
    }
    assert len(contents) == 1


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
def test_a_digest_depends_on_its_parts_and_not_on_their_order(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)
    assert digest_of(dict(reversed(one.items()))) == digest_of(one)


@pytest.mark.parametrize("change", ["other bytes", "shorter"])
def test_a_changed_file_is_detected(lake: Lake, tmp_path: Path, change: str) -> None:
    place = workspace(lake)
    made = exported(place, line({"event": "A", "properties": {}}))
    path = lake.root / made.files[0].key
    body = path.read_bytes()
    path.write_bytes(bytes(len(body)) if change == "other bytes" else body[:-1])
    with pytest.raises(
        BadManifest,
        match=r"events-[0-9a-f]{16}\.jsonl\.gz differs from its manifest.*run export again",
    ):
        place.local_files(made, tmp_path)


def test_a_removed_file_is_named(lake: Lake, tmp_path: Path) -> None:
    place = workspace(lake)
    made = exported(place, line({"event": "A", "properties": {}}))
    (lake.root / made.files[0].key).unlink()
    with pytest.raises(
        FilesRemoved, match=f"The files of the export output {made.digest} of partition 2026-07-01"
    ):
        place.local_files(made, tmp_path)
    assert not place.has_files(made)


def test_an_uploaded_file_is_described_correctly(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    file = upload_file(lake, "k", path, 7)
    assert (file.key, file.bytes, file.rows) == ("k", 3, 7)
    assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_missing_output_of_the_step_before_is_named_with_a_remedy(lake: Lake) -> None:
    with pytest.raises(
        BadManifest,
        match=rf"The export output {DIGEST} of partition 2026-07-01 was not found.*Clear the task export",
    ):
        workspace(lake).require("export", DIGEST)


def test_a_schema_is_restored_from_its_snapshot(lake: Lake) -> None:
    place, xdm = workspace(lake), schema()
    place.save_schema(xdm)
    assert place.schema(xdm.digest).document == xdm.document
    assert parse_schema(xdm.to_json()).digest == xdm.digest


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"title": "other"}'])
def test_a_damaged_schema_snapshot_is_named(lake: Lake, body: bytes) -> None:
    place, xdm = workspace(lake), schema()
    lake.create(f"shop/schemas/{xdm.digest}.json", body)
    with pytest.raises(
        BadManifest, match=rf"schemas/{xdm.digest}\.json does not match the digest in its name"
    ):
        place.schema(xdm.digest)


def test_a_missing_schema_snapshot_is_named(lake: Lake) -> None:
    with pytest.raises(BadManifest, match=r"schema snapshot .* was not found"):
        workspace(lake).schema(DIGEST)


def test_the_project_is_an_input_of_an_export(lake: Lake) -> None:
    assert exported(workspace(lake)).details["project_id"] == PROJECT_ID
