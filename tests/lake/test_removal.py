"""The lake's only deletion: what it can reach, who may call it, and a store that forbids it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from include.config.model import Retention
from include.errors import AccessDenied, BadManifest
from include.lake.keys import (
    STEP_FOLDERS,
    PartitionKey,
    alert_claim_key,
    alert_key,
    is_removable,
    schema_key,
)
from include.lake.lake import Lake
from include.lake.lake_id import LAKE_ID_KEY
from include.steps.retention import clean
from tests.support.builders import pipeline
from tests.support.http_server import Reply, Request, serve_http
from tests.support.s3_server import SIGNED, s3_server

pytestmark = pytest.mark.sandbox
ROOT = Path(__file__).parents[2]
BUCKET = "lake-of-the-removals"
DIGEST, OTHER = "ab" * 16, "cd" * 16
PLACE = PartitionKey("shop", date(2026, 7, 1))

KEYS = {
    # Every kind of key of a lake, and whether cleaning may remove it.
    f"{PLACE.output('export', DIGEST)}/events-0123456789abcdef.jsonl.gz": True,
    f"{PLACE.output('transform', DIGEST)}/part-00000.parquet": True,
    f"{PLACE.output('transform', DIGEST)}/events.parquet": True,
    f"{PLACE.output('validate_shard', DIGEST)}/part-00000.parquet": True,
    f"{PLACE.output('validate_shard', DIGEST)}/refused.jsonl.gz": True,
    f"{PLACE.output('validate', DIGEST)}/part-00000.parquet": True,
    f"{PLACE.output('stage', DIGEST)}/events-0123456789abcdef.parquet": True,
    f"{PLACE.output('stage', DIGEST)}/events-0123456789abcdef.json": True,
    PLACE.quarantine("transform", DIGEST): True,
    PLACE.quarantine("validate", DIGEST): True,
    PLACE.quarantine("ingest", DIGEST): True,
    PLACE.report(DIGEST): True,
    **{PLACE.manifest(step, DIGEST): False for step in STEP_FOLDERS},
    **{PLACE.removal(step, DIGEST): False for step in STEP_FOLDERS},
    PLACE.refresh("a run"): False,
    f"{PLACE.legacy_ledger}/000001.json": False,
    schema_key("shop", DIGEST): False,
    alert_key("shop", DIGEST): False,
    alert_claim_key("shop", DIGEST, 1): False,
    f"_histories/{DIGEST}/history.json": False,
    f"_histories/{DIGEST}/index.json": False,
    f"_histories/{DIGEST}/batches.json": False,
    f"_histories/{DIGEST}/verified.json": False,
    f"_histories/{DIGEST}/board.json": False,
    f"_histories/{DIGEST}/ledger/2026-07-01/000001.json": False,
    f"_histories/{DIGEST}/ids/2026-07-01/{OTHER}.parquet": False,
    "_budget/mixpanel-4000001/000000001.json": True,
    "_budget/mixpanel-4000001/state.json": True,
    f"_budget/aep-{DIGEST[:16]}/000000001.json": True,
    f"_budget/aep-profile-{DIGEST[:16]}/state.json": True,
    "_windows/shop/2026-07-01_2026-07-30/000001.json": False,
    "_suppressed/people/000001.json": False,
    f"_suppressed/ids/4000001/2026-07-01/{DIGEST}.json": False,
    LAKE_ID_KEY: False,
    ".writable": False,
}
STRANGE = (
    "shop/2026-07-01/raw/notes.txt",
    "_budget/mixpanel-4000001/notes.json",
    "_budget/other-4000001/000000001.json",
    "_budget/mixpanel-4000001/inner/000000001.json",
    "shop/2026-07-01/other/abababababababab/part-00000.parquet",
    "shop/2026-02-30/raw/abababababababab/events.jsonl.gz",
    f"shop/2026-07-01/raw/{DIGEST}/../../../../_histories/x.json",
    f"shop/2026-07-01/raw/{DIGEST}/.hidden",
    f"shop/2026-07-01/raw/{DIGEST}/inner/file.parquet",
    f"/shop/2026-07-01/report/{DIGEST}.html",
    f"shop/2026-07-01/report/{DIGEST}.html\n",
)
"""Keys of other programs, or keys that lead elsewhere."""


@pytest.mark.parametrize(("key", "may"), [*KEYS.items(), *((key, False) for key in STRANGE)])
def test_the_lake_removes_only_what_can_be_recreated_or_has_expired(
    tmp_path: Path, key: str, may: bool
) -> None:
    assert is_removable(key) is may
    lake = Lake(f"file://{tmp_path}/lake")
    path = tmp_path / "lake" / key.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    if may:
        lake.remove_object(key)
        lake.remove_object(key)
    else:
        with pytest.raises(ValueError, match="must never be removed"):
            lake.remove_object(key)
    assert path.exists() is not may


def test_only_cleaning_and_forgetting_remove_objects() -> None:
    callers = {
        str(path.relative_to(ROOT).parent)
        for folder in ("include", "plugins", "dags")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name | ast.Constant)
        and "remove_object" in {getattr(node, name, None) for name in ("attr", "id", "value")}
    }
    assert callers == {"include/steps/retention", "include/steps/forget"}


def test_only_one_function_of_the_lake_asks_a_store_to_delete() -> None:
    calls = [
        (path.name, node.lineno)
        for path in (ROOT / "include/lake").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("delete", "delete_async", "rmtree")
    ]
    assert [name for name, _ in calls] == ["bucket_store.py"]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server(BUCKET) as url:
        yield url


def s3_lake(url: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "canary-s3-key",
        "AWS_SECRET_ACCESS_KEY": "canary-s3-secret",
        "AWS_REGION": "eu-north-1",
    }.items():
        monkeypatch.setenv(name, value)
    return Lake(f"s3://{BUCKET}/{uuid4().hex}")


def test_an_object_of_a_bucket_is_removed_and_a_missing_one_counts_as_removed(
    moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, key = s3_lake(moto, monkeypatch), PLACE.report(DIGEST)
    lake.create(key, b"x")
    lake.create(PLACE.report(OTHER), b"xyz")
    assert lake.has(key)
    assert [(found.key, found.bytes) for found in lake.objects("shop")] == [
        (key, 1),
        (PLACE.report(OTHER), 3),
    ]
    lake.remove_object(key)
    lake.remove_object(key)
    assert list(lake.keys("shop")) == [PLACE.report(OTHER)]
    assert (lake.has(key), lake.folders("shop"), lake.folders("nowhere")) == (False, ["2026-07-01"], [])


DENIED = b"""<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Error><Key>%s</Key><Code>AccessDenied</Code><Message>canary-text</Message></Error></DeleteResult>"""
WHOLE = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>canary-text</Message></Error>'


@pytest.mark.parametrize("each", [True, False])
def test_a_store_that_forbids_deletions_is_named_and_nothing_changes(
    moto: str, monkeypatch: pytest.MonkeyPatch, each: bool
) -> None:
    def forbid(request: Request) -> Reply:
        if "delete" in request.query or request.target.endswith("?delete"):
            key = request.body.partition(b"<Key>")[2].partition(b"</Key>")[0]
            return Reply(200, DENIED % key) if each else Reply(403, WHOLE)
        answer = requests.request(
            request.method,
            f"{moto}{request.target}",
            data=request.body,
            headers=dict(request.headers),
            timeout=20,
        )
        kept = ("etag", "content-type", "last-modified", "content-range")
        headers = {name: value for name, value in answer.headers.items() if name.lower() in kept}
        return Reply(answer.status_code, answer.content, headers)

    with serve_http(forbid) as proxy:
        lake = s3_lake(proxy.url, monkeypatch)
        prefix = lake.url.removeprefix(f"s3://{BUCKET}/")
        lake.create(PLACE.report(DIGEST), b"x")
        part = f"{PLACE.output('transform', DIGEST)}/part-00000.parquet"
        lake.create(part, b"x")
        before = set(lake.keys(""))
        asked = pipeline(retention={"report_days": 1})
        with pytest.raises(AccessDenied, match="may not remove objects") as refused:
            clean(lake, asked, datetime.now(UTC) + timedelta(days=30))
        assert "docs/security.md" in refused.value.hint
        assert "canary" not in str(refused.value)
        assert set(lake.keys("")) == before
        with pytest.raises(AccessDenied, match="Nothing was changed"):
            clean(lake, pipeline(), datetime.now(UTC) + timedelta(days=30))
        assert set(lake.keys("")) == before, "no record of a removal that cannot follow"
        later = datetime.now(UTC) + timedelta(days=30)
        assert clean(lake, asked, later, dry_run=True).counts["removed_reports"] == 1
    listed = requests.get(f"{moto}/{BUCKET}?list-type=2&prefix={prefix}", headers=SIGNED, timeout=20).text
    assert part in listed


def test_a_lake_with_nothing_to_remove_needs_no_permission(
    moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = s3_lake(moto, monkeypatch)
    lake.create(PLACE.report(DIGEST), b"x")
    monkeypatch.setattr(Lake, "remove_object", lambda *_: pytest.fail("nothing was due"))
    done = clean(lake, pipeline(retention=Retention(report_days=5)), datetime.now(UTC))
    assert done.counts["days"] == 0


def test_an_unreadable_removal_record_stops_the_cleaning_of_its_day(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    lake.create(PLACE.removal("transform", DIGEST), b"half")
    lake.create(f"{PLACE.output('transform', DIGEST)}/part-00000.parquet", b"x")
    with pytest.raises(BadManifest, match="is not a readable record of a removal"):
        clean(lake, pipeline(), datetime.now(UTC))


def test_a_day_with_only_its_export_left_is_not_read_again(tmp_path: Path) -> None:
    """The cost of cleaning is one listing and the work itself: these manifests are unreadable, and are not read."""
    lake = Lake(f"file://{tmp_path}/lake")
    for step in ("transform", "validate", "stage"):
        lake.create(PLACE.manifest(step, DIGEST), b"half")
        lake.create(PLACE.removal(step, DIGEST), b"half")
    lake.create(PLACE.manifest("export", DIGEST), b"half")
    lake.create(f"{PLACE.output('export', DIGEST)}/events-0123456789abcdef.jsonl.gz", b"x")
    done = clean(lake, pipeline(), datetime.now(UTC) + timedelta(days=900))
    assert done.counts["days"] == 0
