"""The policies of ``docs/security.md`` are JSON, and say what the page says of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.unit
_PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
_ROLE, _BUCKET, _LIFE_CYCLE = (
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


def test_the_bucket_refuses_plain_http_and_overwriting_what_is_published() -> None:
    plain, overwriting = statements(_BUCKET)
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (overwriting["Effect"], overwriting["Condition"]) == (
        "Deny",
        {"Null": {"s3:if-none-match": "true"}},
    )
    assert {name.rpartition("/PREFIX/*/")[2] for name in overwriting["Resource"]} == {
        "ledger/*",
        "manifest.json",
    }


def test_unfinished_uploads_are_ended() -> None:
    assert _LIFE_CYCLE["Rules"][0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
