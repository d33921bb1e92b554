"""Every kind of constraint of a schema, in all three formats, with its error message."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer", "minimum": -1000, "maximum": 1000}


def text_of(form: str) -> dict[str, Any]:
    return {"type": "string", "format": form}


# name: (field, accepted values, rejected values, keyword of the message)
KINDS: dict[str, tuple[dict[str, Any], list[Any], list[Any], str]] = {
    "plain": (TEXT, ["a", "é" * 100], [""], "minLength"),
    "shortest": ({**TEXT, "minLength": 3}, ["abc", "\U0001f600\U0001f600\U0001f600"], ["ab"], "minLength"),
    "mayBeEmpty": ({**TEXT, "minLength": 0}, ["a"], [""], "minLength"),
    "longest": ({**TEXT, "maxLength": 2}, ["ab", "éé"], ["abc"], "maxLength"),
    "letters": ({**TEXT, "pattern": "^[A-Z]{2}$"}, ["AB"], ["ab", "ABC", "AB\n"], "pattern"),
    "digits": ({**TEXT, "pattern": r"^\d+$"}, ["12"], ["x"], "pattern"),
    "choice": ({**TEXT, "enum": ["a", "b c"]}, ["a", "b c"], ["c"], "enum"),
    "onlyOne": ({**TEXT, "const": "a"}, ["a"], ["b"], "const"),
    "atLeast": ({**WHOLE, "minimum": 5}, [5, 6], [4], "minimum"),
    "atMost": ({**WHOLE, "maximum": 5}, [5, -5], [6], "maximum"),
    "above": ({"type": "number", "exclusiveMinimum": 5}, [5.1, 6], [5, 4.9], "exclusiveMinimum"),
    "below": ({"type": "number", "exclusiveMaximum": 5}, [4.9], [5], "exclusiveMaximum"),
    "between": ({"type": "number", "minimum": 0, "exclusiveMinimum": 0}, [0.1], [0.0], "exclusiveMinimum"),
    "even": ({**WHOLE, "multipleOf": 2}, [4, 0], [3], "multipleOf"),
    "byte": ({"type": "integer", "minimum": -128, "maximum": 128}, [-128, 128], [129], "maximum"),
    "short": ({"type": "integer", "minimum": -32768, "maximum": 32768}, [32768], [32769], "maximum"),
    "plainInteger": ({"type": "integer"}, [2147483647, -2147483648], [2147483648], "maximum"),
    "counted": ({"type": "integer", "minimum": 0}, [0, 2147483647], [2147483648], "maximum"),
    "longAbove": ({"type": "integer", "minimum": 5_000_000_000}, [2**53], [4_999_999_999], "minimum"),
    "several": ({"type": "array", "items": TEXT, "minItems": 2}, [["a", "b"]], [["a"], []], "minItems"),
    "few": ({"type": "array", "items": TEXT, "maxItems": 2}, [["a", "a"]], [["a", "b", "c"]], "maxItems"),
    "distinct": (
        {"type": "array", "items": TEXT, "uniqueItems": True},
        [["a", "b"]],
        [["a", "a"]],
        "uniqueItems",
    ),
    "shortItems": (
        {"type": "array", "items": {**TEXT, "maxLength": 1}},
        [["a", "b"]],
        [["a", "bc"]],
        "maxLength",
    ),
    "day": (text_of("date"), ["2024-02-29"], ["2023-02-29", "2024-1-1", "2024-02-29T00:00:00Z"], "format"),
    "moment": (text_of("date-time"), ["2024-02-29T23:59:59.5+14:00"], ["2024-02-29T24:00:00Z"], "format"),
    "address": (text_of("uri"), ["https://a.b/c?d#e", "urn:x:y"], ["a b", "/relative"], "format"),
    "reference": (text_of("uri-reference"), ["/a/b?c", "x:y", "a%20b"], ["a b", "\\x"], "format"),
    "mail": (text_of("email"), ["a.b+c@d.org"], ["a", "a@", "@b", "a b@c"], "format"),
    "four": (text_of("ipv4"), ["127.0.0.1"], ["127.0.0", "256.0.0.1", "::1"], "format"),
    "six": (text_of("ipv6"), ["::1", "2001:db8::1"], ["1.2.3.4", "12345::"], "format"),
    "universal": (
        text_of("uuid"),
        ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"],
        ["2eb8aa08", "x" * 36],
        "format",
    ),
    "host": (text_of("hostname"), ["a.example"], ["a_b", "-a"], "format"),
}
DEEP: dict[str, Any] = {
    "type": "object",
    "required": ["must"],
    "properties": {
        "must": TEXT,
        "inner": {"type": "object", "required": ["deep"], "properties": {"deep": TEXT, "other": TEXT}},
        "list": {
            "type": "array",
            "items": {"type": "object", "required": ["key"], "properties": {"key": TEXT, "other": TEXT}},
        },
    },
}
GOOD = [(name, value) for name, (_, good, _, _) in KINDS.items() for value in good]
BAD = [(name, value, keyword) for name, (_, _, bad, keyword) in KINDS.items() for value in bad]


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


@pytest.fixture(scope="module")
def schema(aep: AepApp) -> str:
    fields = {name: field for name, (field, _, _, _) in KINDS.items()}
    return str(aep.schema(aep.field_group({**fields, "deep": DEEP})["$id"])["$id"])


@pytest.fixture
def dataset(aep: AepApp, schema: str) -> str:
    return aep.dataset(schema, "Events")


def encoded(form: str, rows: list[dict[str, Any]]) -> tuple[bytes, dict[str, Any]]:
    """Return a file of these rows, and its inputFormat."""
    if form == "parquet":
        table = pa.Table.from_pylist(rows)
        at = table.schema.get_field_index("timestamp")
        moments = pa.array([row["timestamp"] for row in rows]).cast(pa.timestamp("ms", tz="UTC"))
        file = io.BytesIO()
        pq.write_table(table.set_column(at, "timestamp", moments), file)
        return file.getvalue(), {"format": "parquet"}
    if form == "array":
        return json.dumps(rows).encode(), {"format": "json", "isMultiLineJson": True}
    return lines(*rows), {"format": "json"}


def load(aep: AepApp, dataset: str, form: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    content, input_format = encoded(form, rows)
    return aep.load(dataset, content, inputFormat=input_format, partialIngestionPercent=100)


def failed_rows(aep: AepApp, batch: str) -> list[dict[str, Any]]:
    url = f"{EXPORT}/batches/{batch}/failed"
    name = aep.ok("GET", url)["data"][1]["name"]
    text = aep.request("GET", url, params={"path": name}).text
    return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.mark.parametrize("form", ["lines", "array", "parquet"])
def test_valid_values_are_accepted(aep: AepApp, dataset: str, form: str) -> None:
    rows = [row(str(number), **{name: value}) for number, (name, value) in enumerate(GOOD)]
    body = load(aep, dataset, form, rows)
    assert (body["status"], body["errors"]) == ("success", [])
    assert [kept["_acmesandbox"] for kept in aep.rows(dataset)] == [each["_acmesandbox"] for each in rows]


@pytest.mark.parametrize("form", ["lines", "array", "parquet"])
def test_invalid_values_are_rejected(aep: AepApp, dataset: str, form: str) -> None:
    rows = [row(str(number), **{name: value}) for number, (name, value, _) in enumerate(BAD)]
    body = load(aep, dataset, form, rows)
    assert body["metrics"]["failedRecordCount"] == len(BAD) and aep.rows(dataset) == []
    reported = failed_rows(aep, body["id"])
    for (name, value, keyword), refused in zip(BAD, reported, strict=True):
        (violation,) = refused["_validationErrors"]
        assert violation["keyword"] == keyword, (name, value)
        assert violation["pointerToViolation"].startswith(f"#/_acmesandbox/{name}"), (name, value)
        assert violation["schemaLocation"].startswith(f"#/properties/_acmesandbox/properties/{name}")


@pytest.mark.parametrize(
    ("deep", "missing"),
    [
        ({"must": "x", "inner": {"deep": "x"}, "list": [{"key": "x"}]}, None),
        ({"inner": {"deep": "x"}}, "deep.must"),
        ({"must": "x", "inner": {"other": "x"}}, "deep.inner.deep"),
        ({"must": "x", "list": [{"key": "x"}, {"other": "x"}]}, "deep.list.1.key"),
    ],
)
@pytest.mark.parametrize("form", ["lines", "array", "parquet"])
def test_what_is_required_is_required_at_every_level(
    aep: AepApp, dataset: str, form: str, deep: dict[str, Any], missing: str | None
) -> None:
    body = load(aep, dataset, form, [row("1", deep=deep)])
    assert aep.active(dataset) == ([] if missing else ["id1"])
    if missing:
        url = f"{EXPORT}/batches/{body['id']}/meta"
        text = aep.request("GET", url, params={"path": "row_errors/validation_errors_0.json"}).text
        (error,) = json.loads(text)["_errors"]
        assert (error["code"], error["column"]) == ("1555", f"_acmesandbox.{missing}")
        assert [each["code"] for each in body["errors"]] == ["INGEST-1212-400", "INGEST-1555-400"]


def test_an_invalid_date_has_the_documented_message(aep: AepApp, dataset: str) -> None:
    body = load(aep, dataset, "lines", [{"_id": "1", "timestamp": "2018-00-23T22:07:01Z"}])
    (refused,) = failed_rows(aep, body["id"])
    assert refused["_validationErrors"] == [
        {
            "causingExceptions": [],
            "keyword": "format",
            "message": "[2018-00-23T22:07:01Z] is not a valid date-time. Expected [yyyy-MM-dd'T'HH:mm:ssZ,"
            " yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z, yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm,"
            " yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]",
            "pointerToViolation": "#/timestamp",
            "schemaLocation": "#/properties/timestamp",
        }
    ]


@pytest.mark.parametrize("wrong", ["2024-05-01T00:00:00Z", 1.5])
def test_an_invalid_date_is_not_reported_as_a_date_time(
    aep: AepApp, dataset: str, wrong: str | float
) -> None:
    body = load(aep, dataset, "lines", [row("1", day=wrong)])
    (refused,) = failed_rows(aep, body["id"])
    (violation,) = refused["_validationErrors"]
    assert violation["message"] == f"[{wrong}] is not a valid date. Expected [yyyy-MM-dd]"


def test_a_field_that_is_not_in_the_schema_is_dropped_or_refused(aep: AepApp, dataset: str) -> None:
    rows = [row("1", nowhere=1, plain="x"), row("2") | {"extra": {"a": [None]}}, row("3", plain="x")]
    body = load(aep, dataset, "lines", rows)
    assert body["metrics"]["failedRecordCount"] == 2
    keywords = [refused["_validationErrors"][0]["keyword"] for refused in failed_rows(aep, body["id"])]
    assert keywords == ["additionalProperties"] * 2
    aep.http.post("/_sandbox/aep/settings", json={"unknown_fields": "dropped"})
    try:
        assert load(aep, dataset, "lines", rows)["metrics"]["failedRecordCount"] == 0
    finally:
        aep.http.post("/_sandbox/aep/settings", json={"unknown_fields": "refused"})
    kept = aep.rows(dataset)[1:]
    assert kept[0]["_acmesandbox"] == {"plain": "x"} and "extra" not in kept[1]


def test_a_timestamp_in_the_future_is_refused_or_accepted(aep: AepApp, dataset: str) -> None:
    rows = [{"_id": "1", "timestamp": "2999-01-01T00:00:00Z"}, {"_id": "2", "timestamp": 32472144000000}]
    assert load(aep, dataset, "lines", rows)["metrics"]["failedRecordCount"] == 2
    aep.http.post("/_sandbox/aep/settings", json={"future_timestamps": "accepted"})
    try:
        body = load(aep, dataset, "lines", rows)
    finally:
        aep.http.post("/_sandbox/aep/settings", json={"future_timestamps": "refused"})
    assert body["metrics"]["failedRecordCount"] == 0
    assert [kept["timestamp"] for kept in aep.rows(dataset)] == [
        "2999-01-01T00:00:00Z",
        "2999-01-01T00:00:00.000Z",
    ]
