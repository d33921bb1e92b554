"""The policies of ``docs/security.md`` are valid JSON, and match the page's description."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from include.lake.lake_id import LAKE_ID_KEY
from tests.lake.test_removal import KEYS

pytestmark = pytest.mark.unit
_PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
_ROLE, _BUCKET, _LIFE_CYCLE, _CLEANING = (
    json.loads(text) for text in re.findall(r"```json\n(.*?)```", _PAGE, re.DOTALL)
)


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return list(policy["Statement"])


def test_the_role_may_read_write_and_list_below_one_prefix_and_delete_nothing() -> None:
    actions = {
        action
        for s in statements(_ROLE)
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    assert actions == {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket"}
    assert all("PREFIX" in json.dumps(s) for s in statements(_ROLE))


def test_the_bucket_refuses_plain_http_and_overwriting_published_objects() -> None:
    plain, overwriting = statements(_BUCKET)
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (overwriting["Effect"], overwriting["Condition"]) == (
        "Deny",
        {"Null": {"s3:if-none-match": "true"}},
    )
    assert {name.partition("/PREFIX/")[2].removeprefix("*/") for name in overwriting["Resource"]} == {
        "_suppressed/*",
        "ledger/*",
        "manifest.json",
        "removed.json",
    }


def test_unfinished_uploads_are_removed() -> None:
    assert _LIFE_CYCLE["Rules"][0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}


def may_delete(key: str) -> bool:
    """Evaluate a deletion as IAM does: ``*`` stands for any characters, slashes too, and a denial comes first."""
    said = {
        statement["Effect"]
        for statement in statements(_CLEANING)
        if "s3:DeleteObject" in statement["Action"]
        for resource in statement["Resource"]
        if fnmatchcase(f"arn:aws:s3:::BUCKET/PREFIX/{key}", resource)
    }
    return said == {"Allow"}


@pytest.mark.parametrize(("key", "may"), KEYS.items())
def test_cleaning_may_delete_only_the_keys_that_the_lake_removes(key: str, may: bool) -> None:
    assert may_delete(key) is may


def test_cleaning_has_no_other_permission() -> None:
    allowed = [s["Action"] for s in statements(_CLEANING) if s["Effect"] == "Allow"]
    assert allowed == ["s3:DeleteObject"]
    for key in (
        LAKE_ID_KEY,
        ".writable",
        "_histories/a/ids/2026-07-01/b.parquet",
        "_histories/a/raw/manifest.json",
    ):
        assert not may_delete(key)
