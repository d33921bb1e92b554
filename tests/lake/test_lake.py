"""The lake: one create-only put per key, complete objects or none, and a sentence for every error of the store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from include.errors import AccessDenied, ConfigError, LakeError
from include.lake.lake import Lake, sha256_file
from include.lake.lake_checks import is_public
from tests.support.http_server import Reply, Request, serve_http
from tests.support.s3_server import SIGNED, s3_server

pytestmark = pytest.mark.sandbox
BUCKET = "lake-of-the-tests"
SECRET = "canary-s3-secret"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server(BUCKET) as url:
        yield url


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "canary-s3-key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "eu-north-1",
    }.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture(params=["file", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake" if request.param == "file" else request.getfixturevalue("s3"))


def test_exactly_one_of_many_writers_of_a_key_wins(lake: Lake) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> bool:
        start.wait()
        return lake.create("a/b.json", f"writer {number}".encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert won.count(True) == 1
    assert lake.read("a/b.json") == f"writer {won.index(True)}".encode()


def test_an_object_is_never_overwritten(lake: Lake) -> None:
    assert lake.create("a.json", b"first")
    assert not lake.create("a.json", b"second")
    assert lake.read("a.json") == b"first"


def test_a_missing_object_gives_none_and_an_empty_one_does_not(lake: Lake) -> None:
    lake.create("empty", b"")
    assert lake.read("absent") is None
    assert lake.read("empty") == b""


def test_a_file_is_read_as_it_was_put(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(6_000_000))  # More than one part of a multipart upload.
    lake.upload("day/part", source)
    assert lake.download("day/part", tmp_path / "far" / "target").sha256 == sha256_file(source)


def test_keys_below_a_folder_are_listed_in_order(lake: Lake) -> None:
    for key in ("p/2026-07-01/b", "p/2026-07-01/a", "p/2026-07-011/c", "p/2026-07-01/d/e"):
        lake.create(key, b"")
    assert list(lake.keys("p/2026-07-01")) == ["p/2026-07-01/a", "p/2026-07-01/b", "p/2026-07-01/d/e"]
    assert list(lake.keys("nowhere")) == []


def test_an_object_has_the_time_of_its_write(lake: Lake) -> None:
    lake.create("a", b"")
    assert lake.modified("a").tzinfo is not None


def test_abandoned_files_are_removed_from_a_folder_and_files_in_progress_are_not(
    tmp_path: Path,
) -> None:
    lake, now = Lake(f"file://{tmp_path}"), datetime.now(UTC)
    folder = f"shop/2026-07-01/xdm/{'ab' * 16}"
    assert lake.create(f"{folder}/manifest.json", b"1")
    for name, hours in (("part-00000.parquet#1", 9), ("part-00001.parquet#1", 0)):
        (tmp_path / folder / name).write_bytes(b"half")
        os.utime(tmp_path / folder / name, (now.timestamp() - hours * 3600,) * 2)
    assert lake.remove_unfinished(now - timedelta(hours=6)) == 1
    assert {path.name for path in (tmp_path / folder).iterdir()} == {
        "manifest.json",
        "part-00001.parquet#1",
    }


@pytest.mark.parametrize("look", ["download", "modified"])
def test_a_missing_required_object_is_one_of_our_errors(lake: Lake, look: str, tmp_path: Path) -> None:
    with pytest.raises(
        LakeError, match=r"Could not read p/absent in the lake .*: \w+( \((NoSuchKey|HTTP 404)\))?\."
    ):
        lake.download("p/absent", tmp_path / "x") if look == "download" else lake.modified("p/absent")


def test_a_missing_bucket_is_named_without_a_secret(s3: str) -> None:
    absent = Lake("s3://no-such-bucket-at-all/lake")
    with pytest.raises(
        LakeError, match=r"Could not write \.writable in the lake s3://no-such-bucket-at-all/lake"
    ) as refused:
        absent.check_writable()
    assert "Check that the lake exists" in refused.value.hint
    assert SECRET not in repr(refused.getrepr(style="long"))


def test_a_folder_that_cannot_be_created_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LakeError, match=r"Could not open the lake file://.*/file/lake"):
        Lake(f"file://{tmp_path}/file/lake")


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "day").write_text("a file where a folder has to be")
    with pytest.raises(LakeError, match=r"Could not write day/a"):
        lake.create("day/a", b"")
    with pytest.raises(LakeError, match=r"Could not write day/a"):
        lake.upload("day/a", tmp_path / "lake" / "day")


def test_a_writable_lake_reports_nothing(lake: Lake) -> None:
    lake.check_writable()
    lake.check_writable()


@pytest.mark.parametrize("url", ["ftp://x/y", "lake", "/tmp/lake", "http://x", "", "s4://bucket"])
def test_an_unknown_kind_of_lake_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="has the unknown scheme"):
        Lake(url)


@pytest.mark.parametrize("url", ["file://lake", "file://lake/sub", "file://"])
def test_a_folder_lake_without_an_absolute_path_is_refused(url: str) -> None:
    """file://lake/sub would be /sub: the first name of such a URL is a host."""
    with pytest.raises(ConfigError, match="three slashes"):
        Lake(url)


@pytest.mark.parametrize(("lists", "reads"), [(True, True), (False, True), (True, False), (False, False)])
def test_a_publicly_readable_bucket_is_reported(
    lists: bool, reads: bool, moto: str, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bucket(request: Request) -> Reply:
        allowed = lists if "list-type" in request.query else reads
        if "Authorization" not in request.headers and not allowed:
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        headers = {**dict(request.headers.items()), **SIGNED}
        answer = requests.request(request.method, moto + request.target, headers=headers, data=request.body)
        reported = {name: text for name, text in answer.headers.items() if name in ("ETag", "Last-Modified")}
        return Reply(answer.status_code, answer.content, reported)

    with serve_http(bucket) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        assert is_public(Lake(s3)) is (lists or reads)


def test_a_missing_permission_to_list_is_reported(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_http(lambda request: Reply(403, b"<Error><Code>AccessDenied</Code></Error>")) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        with pytest.raises(AccessDenied, match="no permission to list a"):
            list(Lake(s3).keys("a"))
