"""Which rows are accepted: the same rules for JSON Lines, one JSON array, and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


@pytest.fixture
def dataset(aep: AepApp) -> str:
    return aep.ready()


GOOD: list[dict[str, Any]] = [
    {},
    {"distinctId": "x"},
    {"plan": "paid", "code": "AB"},
    {"count": 9007199254740992, "small": -2147483648, "price": 1.5},
    {"paid": False, "tags": ["a", "b"], "labels": {"k": "v"}},
    {"place": {"city": "Rome"}},
    {"seen": "2024-05-01T10:00:00Z"},
    {"seen": "2024-05-01T10:00:00.123456789Z"},
    {"seen": "2024-05-01T10:00:00+05:30"},
    {"seen": "2024-02-29T10:00:00.1-08:00", "day": "2024-02-29"},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"distinctId": None}, "1554"),
    ({"distinctId": ""}, "1554"),
    ({"distinctId": True}, "1554"),
    ({"distinctId": ["x"]}, "1554"),
    ({"distinctId": {"x": 1}}, "1554"),
    ({"plan": "gold"}, "1554"),
    ({"code": "abc"}, "1554"),
    ({"code": "ab"}, "1554"),
    ({"code": 12}, "1554"),
    ({"count": 9007199254740993}, "1554"),
    ({"count": 1.5}, "1554"),
    ({"count": "many"}, "1554"),
    ({"count": True}, "1554"),
    ({"small": 2147483649}, "1554"),
    ({"small": 10**30}, "1554"),
    ({"price": "cheap"}, "1554"),
    ({"price": "1,5"}, "1554"),
    ({"paid": "true"}, "1554"),
    ({"paid": 1}, "1554"),
    ({"tags": []}, "1554"),
    ({"tags": "a"}, "1554"),
    ({"tags": ["a", ""]}, "1554"),
    ({"tags": ["a", None]}, "1554"),
    ({"labels": {}}, "1554"),
    ({"labels": {"k": None}}, "1554"),
    ({"labels": {"k": ["v"]}}, "1554"),
    ({"place": {}}, "1554"),
    ({"place": "Rome"}, "1554"),
    ({"place": {"zip": "1"}}, "1555"),
    ({"place": {"city": None}}, "1555"),
    ({"seen": "2024-05-01"}, "1554"),
    ({"seen": "2024-05-01T10:00:00"}, "1554"),
    ({"seen": "2024-05-01 10:00:00Z"}, "1554"),
    ({"seen": "2024-05-01T10:00:00.1234567890Z"}, "1554"),
    ({"seen": "2024-05-01T10:00:00+0530"}, "1554"),
    ({"seen": "2023-02-29T10:00:00Z"}, "1554"),
    ({"seen": "yesterday"}, "1554"),
    ({"seen": 1.5}, "1554"),
    ({"seen": 10**18}, "1554"),
    ({"day": "2024-05-01T10:00:00Z"}, "1554"),
    ({"day": "2023-02-29"}, "1554"),
]
CONVERTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"distinctId": 5}, {"distinctId": "5"}),
    ({"distinctId": 1.5}, {"distinctId": "1.5"}),
    ({"count": "12"}, {"count": 12}),
    ({"count": "-9007199254740991"}, {"count": -9007199254740991}),
    ({"count": 3.0}, {"count": 3}),
    ({"price": "1.5e3"}, {"price": 1500.0}),
    ({"price": 2}, {"price": 2}),
    ({"seen": 1714557600123}, {"seen": "2024-05-01T10:00:00.123Z"}),
    ({"seen": 1714557600}, {"seen": "1970-01-20T20:15:57.600Z"}),
    ({"day": 1714557600123}, {"day": "2024-05-01"}),
    ({"tags": [1, "a"], "labels": {"k": 2}}, {"tags": ["1", "a"], "labels": {"k": "2"}}),
]
ROOTS: list[tuple[dict[str, Any], str]] = [
    ({"timestamp": "2024-05-01T10:00:00Z"}, "1555"),
    ({"_id": "a"}, "1555"),
    ({"_id": None, "timestamp": "2024-05-01T10:00:00Z"}, "1555"),
    ({"_id": "", "timestamp": "2024-05-01T10:00:00Z"}, "1554"),
    ({"_id": "a b", "timestamp": "2024-05-01T10:00:00Z"}, "1554"),
    ({"_id": "a", "timestamp": "2024-05-01"}, "1554"),
    ({"_id": "a", "timestamp": "2999-05-01T10:00:00Z"}, "1554"),
    ({"_id": "a", "timestamp": 32472144000000}, "1554"),
    (row(identityMap={}) | {"identityMap": {}}, "1554"),
    (row() | {"identityMap": {"Email": []}}, "1554"),
    (row() | {"identityMap": {"Email": [{"id": ""}]}}, "1554"),
    (row() | {"identityMap": {"Email": [{"id": "a", "primary": "true"}]}}, "1554"),
    (row() | {"identityMap": {"Email": [{"id": "a", "authenticatedState": "maybe"}]}}, "1554"),
    (row() | {"identityMap": {"Email": {"id": "a"}}}, "1554"),
]


def codes(body: dict[str, Any]) -> dict[str, int]:
    return {error["code"]: error["recordCount"] for error in body["errors"] if "recordCount" in error}


@pytest.mark.parametrize("array", [False, True])
def test_good_rows_are_stored_unchanged(aep: AepApp, dataset: str, array: bool) -> None:
    rows = [row(str(number), **fields) for number, fields in enumerate(GOOD)]
    rows[0]["identityMap"] = {"Email": [{"id": "a", "authenticatedState": "loggedOut", "primary": True}]}
    rows[1]["eventType"] = "my.own"
    content = json.dumps(rows, indent=1).encode() if array else lines(*rows)
    body = aep.load(dataset, content, inputFormat={"format": "json", "isMultiLineJson": array})
    assert (body["status"], body["errors"]) == ("success", [])
    counts = [body["metrics"][f"{name}RecordCount"] for name in ("input", "output", "failed")]
    assert counts == [len(GOOD), len(GOOD), 0]
    assert aep.rows(dataset) == rows
    assert aep.active(dataset) == [each["_id"] for each in rows]


def test_each_bad_row_alone_is_rejected_and_the_good_ones_are_kept(aep: AepApp, dataset: str) -> None:
    rows = [(row(str(number), **fields), code) for number, (fields, code) in enumerate(BAD)] + ROOTS
    content = lines(*(bad for bad, _ in rows), row("good"))
    body = aep.load(dataset, content, partialIngestionPercent=100)
    assert body["status"] == "success"
    assert aep.active(dataset) == ["idgood"]
    wanted = {f"INGEST-{code}-400": sum(each == code for _, each in rows) for code in ("1554", "1555")}
    assert codes(body) == wanted
    assert body["metrics"]["failedRecordCount"] == len(rows)


@pytest.mark.parametrize(("sent", "kept"), CONVERTED)
def test_conversions(aep: AepApp, dataset: str, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert aep.load(dataset, lines(row(**sent)))["status"] == "success"
    assert aep.rows(dataset) == [row(**kept)]


def test_timestamp_in_milliseconds_and_an_id_that_is_a_number(aep: AepApp, dataset: str) -> None:
    assert aep.load(dataset, b'{"_id": 7, "timestamp": 1714557600000}\n')["status"] == "success"
    assert aep.rows(dataset) == [{"_id": "7", "timestamp": "2024-05-01T10:00:00.000Z"}]
    assert aep.active(dataset) == ["7"]


def test_the_past_depends_on_the_sandbox_clock(tmp_path: Path) -> None:
    with aep_app(tmp_path) as aep:
        aep.state.clock.set(1714557600.0, frozen=True)  # 2024-05-01T10:00:00Z
        aep.headers["Authorization"] = f"Bearer {aep.token()}"
        _only_the_past(aep, aep.ready())


def _only_the_past(aep: AepApp, dataset: str) -> None:
    good = ["2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", 1714557600000]
    late = [
        "2024-05-01T10:00:00.001Z",
        "2024-05-01T10:00:01-00:00",
        "2024-05-01T10:00:00-01:00",
        1714557600001,
    ]
    rows = [{"_id": f"g{n}", "timestamp": each} for n, each in enumerate(good)]
    rows += [{"_id": f"l{n}", "timestamp": each} for n, each in enumerate(late)]
    body = aep.load(dataset, lines(*rows), partialIngestionPercent=100)
    assert (body["status"], aep.active(dataset)) == ("success", ["g0", "g1", "g2"])


def test_lines_that_cannot_be_parsed(aep: AepApp, dataset: str) -> None:
    corrupt = [
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"_id": "a"} {"_id": "b"}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_acmesandbox": {"price": NaN}}',
        b'{"_id": "\xff"}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "eventType": "\\ud800"}',
        b"[" * 100_000,
        b"\x1f\x8b\x08",
    ]
    content = b"\n".join([*corrupt, b"", b"   ", lines(row("good")).strip()])
    body = aep.load(dataset, content, partialIngestionPercent=100)
    assert (body["status"], aep.active(dataset)) == ("success", ["idgood"])
    assert codes(body) == {"INGEST-1401-400": len(corrupt)}


def test_surrogate_pairs_are_one_character_and_lines_end_at_lf_only(aep: AepApp, dataset: str) -> None:
    content = '{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "eventType": "\\ud83d\\ude00\u2028\x85"}\r\n'
    assert aep.load(dataset, content.encode())["status"] == "success"
    assert aep.rows(dataset)[0]["eventType"] == "\U0001f600\u2028\x85"


@pytest.mark.parametrize(
    ("percent", "bad", "good", "status"),
    [
        (None, 0, 3, "success"),
        (None, 1, 999, "failed"),
        (0, 1, 999, "failed"),
        (5, 5, 95, "success"),
        (5, 6, 94, "failed"),
        (0.5, 1, 199, "success"),
        (0.5, 1, 198, "failed"),
        (100, 3, 0, "success"),
    ],
)
def test_partial_ingestion(
    aep: AepApp, dataset: str, percent: float | None, bad: int, good: int, status: str
) -> None:
    rows = [row(str(n)) for n in range(good)] + [{"_id": f"bad{n}"} for n in range(bad)]
    body = aep.load(
        dataset, lines(*rows), **({} if percent is None else {"partialIngestionPercent": percent})
    )
    assert body["status"] == status
    kept = good if status == "success" else 0
    assert len(aep.active(dataset)) == len(aep.rows(dataset)) == kept
    metrics = body["metrics"]
    assert (metrics["inputRecordCount"], metrics["failedRecordCount"]) == (good + bad, bad)
    assert metrics["outputRecordCount"] == kept
    if bad:
        first, second = body["errors"]
        assert first["code"] == "INGEST-1212-400"
        assert first["description"].startswith(
            f"Encountered {bad} errors in the data. Successfully ingested {kept} rows."
        )
        assert (second["code"], second["recordCount"]) == ("INGEST-1555-400", bad)
    else:
        assert body["errors"] == []


def test_without_diagnostics_no_reason_is_shown(aep: AepApp, dataset: str) -> None:
    body = aep.load(
        dataset, lines(row("1"), {"_id": "2"}), enableErrorDiagnostics=False, partialIngestionPercent=50
    )
    assert [error["code"] for error in body["errors"]] == ["INGEST-1211-400"]
    assert "recordCount" not in body["errors"][0]
    assert (body["status"], body["metrics"]["failedRecordCount"]) == ("success", 1)


def test_no_file_and_empty_files(aep: AepApp, dataset: str) -> None:
    batch = aep.create(dataset)
    assert aep.act(batch, "COMPLETE").status_code == 200
    body = aep.ended(batch)
    assert (body["status"], body["errors"][0]["code"]) == ("failed", "133")
    for content in (b"", b"\n \n"):
        body = aep.load(dataset, content)
        assert (body["status"], body["errors"][0]["code"]) == ("failed", "106")
    batch = aep.create(dataset)
    aep.put(batch, dataset, lines(row()), "a")
    aep.put(batch, dataset, b"", "b")
    aep.act(batch, "COMPLETE")
    assert aep.ended(batch)["errors"][0]["code"] == "106"
    assert aep.active(dataset) == []


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[{}", b"[{} {}]", b"[{}] x", b"[{},]", b'[{"a": \xff}]', lines(row(), row()), b"[nope]"],
)
def test_an_invalid_array(aep: AepApp, dataset: str, content: bytes) -> None:
    more = {"inputFormat": {"format": "json", "isMultiLineJson": True}, "partialIngestionPercent": 100}
    body = aep.load(dataset, content, **more)
    assert (body["status"], body["errors"][0]["code"]) == ("failed", "INGEST-1401-400")
    assert "unreadable" in body["errors"][0]["description"]


def test_an_array_longer_than_a_block(aep: AepApp, dataset: str) -> None:
    rows = [row(str(number), distinctId="é" * number) for number in range(1, 1500)]
    content = json.dumps([*rows, 5, "x"], ensure_ascii=False, indent=2).encode()
    more = {"inputFormat": {"format": "json", "isMultiLineJson": True}, "partialIngestionPercent": 1}
    body = aep.load(dataset, content, **more)
    assert (body["status"], body["metrics"]["failedRecordCount"]) == ("success", 2)
    assert aep.active(dataset) == [each["_id"] for each in rows]


def test_the_lake_keeps_duplicates(aep: AepApp, dataset: str) -> None:
    aep.load(dataset, lines(row("1"), row("1")))
    aep.load(dataset, lines(row("1")))
    assert aep.active(dataset) == ["id1", "id1", "id1"]
