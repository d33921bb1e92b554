"""A row of a dataset enabled for Profile needs its primary identity; other datasets do not require it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.core.constants import EXPORT, REGISTRY
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_identities import without_primary
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import has_primary
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"
PROFILE = {"tags": {"unifiedProfile": ["enabled:true"]}}
MAP = {"Email": [{"id": "a@example.com", "primary": True}, {"id": "b@example.com"}]}
NESTED = {"keys": {"type": "object", "properties": {"crm": {"type": "string"}, "other": {"type": "string"}}}}


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def settings(aep: AepApp, **wanted: Any) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json=wanted).status_code == 200


def enable(aep: AepApp, schema: dict[str, Any]) -> Any:
    url = f"{REGISTRY}/tenant/schemas/{schema['meta:altId']}"
    return aep.request("PATCH", url, json=[{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}])


@pytest.fixture
def schema(aep: AepApp) -> dict[str, Any]:
    return aep.schema(aep.field_group(NESTED)["$id"], IDENTITY_MAP)


@pytest.fixture
def dataset(aep: AepApp, schema: dict[str, Any]) -> str:
    """A dataset enabled for Profile whose primary identity is a nested field."""
    assert aep.identity(schema["$id"], "/_acmesandbox/keys/crm").status_code == 201
    assert enable(aep, schema).status_code == 200
    return aep.dataset(schema["$id"], **PROFILE)


def parquet(*rows: dict[str, Any]) -> bytes:
    table = pa.Table.from_pylist(list(rows))
    at = table.schema.get_field_index("timestamp")
    moments = pa.array([each["timestamp"] for each in rows]).cast(pa.timestamp("ms", tz="UTC"))
    file = io.BytesIO()
    pq.write_table(table.set_column(at, "timestamp", moments), file)
    return file.getvalue()


FORMS = pytest.mark.parametrize("form", ["json", "parquet"])


def load(aep: AepApp, dataset: str, form: str, *rows: dict[str, Any]) -> dict[str, Any]:
    content = parquet(*rows) if form == "parquet" else lines(*rows)
    return aep.load(dataset, content, form, partialIngestionPercent=100)


def columns(aep: AepApp, batch: str) -> list[tuple[str, str]]:
    url = f"{EXPORT}/batches/{batch}/meta"
    text = aep.request("GET", url, params={"path": "row_errors/validation_errors_0.json"}).text
    return [
        (error["code"], error["column"])
        for line in text.splitlines()
        for error in json.loads(line)["_errors"]
    ]


@FORMS
def test_the_primary_identity_field_and_its_parents_are_required(
    aep: AepApp, dataset: str, form: str
) -> None:
    rows = [
        row("1", keys={"crm": "c"}),
        row("2", keys={"other": "o"}),
        row("3"),
        row("4", keys={"crm": "d", "other": "o"}),
    ]
    body = load(aep, dataset, form, *rows)
    assert aep.active(dataset) == ["id1", "id4"]
    assert [error["code"] for error in body["errors"]] == ["INGEST-1212-400", "INGEST-1555-400"]
    found = columns(aep, body["id"])
    assert found[0] == ("1555", "_acmesandbox.keys.crm") and found[1][0] == "1555"
    assert found[1][1] in ("_acmesandbox", "_acmesandbox.keys")


@FORMS
def test_without_such_a_field_identity_map_needs_a_primary_identity(
    aep: AepApp, schema: dict[str, Any], form: str
) -> None:
    assert enable(aep, schema).status_code == 200
    dataset = aep.dataset(schema["$id"], **PROFILE)
    rows = [
        row("1") | {"identityMap": MAP},
        row("2") | {"identityMap": {"Email": [{"id": "b@example.com", "primary": False}]}},
        row("3") | {"identityMap": MAP},
    ]
    if form == "json":
        rows.append(row("4"))
    body = load(aep, dataset, form, *rows)
    assert aep.active(dataset) == ["id1", "id3"]
    assert set(columns(aep, body["id"])) == {("1555", "identityMap")}


LISTS = st.dictionaries(
    st.sampled_from(["Email", "Phone", "x"]),
    st.lists(st.fixed_dictionaries({"id": st.just("a"), "primary": st.none() | st.booleans()}), max_size=3),
    max_size=3,
)


@given(maps=st.lists(st.none() | LISTS, min_size=1, max_size=8), start=st.integers(0, 3))
def test_columns_and_rows_agree_on_primary_identities(maps: list[Any], start: int) -> None:
    identity = pa.struct([("id", pa.string()), ("primary", pa.bool_())])
    kind = pa.map_(pa.string(), pa.list_(identity))
    column = pa.array([None if each is None else list(each.items()) for each in maps], kind)
    batch = pa.record_batch({"identityMap": column}).slice(min(start, len(maps) - 1))
    expected = {n for n, each in enumerate(maps[min(start, len(maps) - 1) :]) if not has_primary(each)}
    assert without_primary(batch) == expected


def test_a_schema_needs_a_descriptor_unless_identity_map_is_sufficient(
    aep: AepApp, schema: dict[str, Any]
) -> None:
    settings(aep, profile_needs="descriptor")
    assert "primary identity" in enable(aep, schema).json()["detail"]
    settings(aep, profile_needs="identityMap")
    assert enable(aep, schema).status_code == 200


@pytest.mark.parametrize("enabled", [True, False])
def test_optional_identities_and_other_datasets_are_accepted(
    aep: AepApp, schema: dict[str, Any], dataset: str, enabled: bool
) -> None:
    other = aep.dataset(schema["$id"], "Other", **(PROFILE if enabled else {}))
    settings(aep, primary_identity="optional" if enabled else "required")
    assert load(aep, other, "json", row("1"), row("2", keys={"crm": "c"}))["status"] == "success"
    assert aep.active(other) == ["id1", "id2"]
    profile = aep.http.get("/_sandbox/aep/profile", params={"dataset": other}).json()
    assert (profile["ids"], profile["without_identity"]) == ((["id2"], 1) if enabled else ([], 0))
