"""Validate: invalid rows go to quarantine with their reasons; too many of them fail the step, and nothing is staged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import PartitionRefused, SchemaError, TooManyQuarantined
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest, upload_file
from include.lake.manifests import manifest_keys
from include.quality.constraints import ValidationBroken
from include.quality.leaf_columns import leaf_paths
from include.quality.partition_expectations import DayEvents
from include.steps.transform import transform_partition
from include.steps.validate import invalid_rows as refused_rows
from include.steps.validate import partition_validator
from include.steps.validate import step as validate
from include.steps.validate.partition_validator import PartitionValidator
from include.steps.validate.previous_days import events_of
from include.steps.validate.step import validate_partition
from include.steps.validate.verdict import CheckedRows, Verdict
from include.steps.workspace import Workspace
from include.xdm.convert.aep_parquet import AEP_FORM, aep_schema, has_aep_form
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    BYTE,
    DAY,
    INT,
    LONG,
    NOON,
    NUMBER,
    STRING,
    TENANT,
    event,
    instants,
    line,
    mapped_by_hand,
    quarantined,
    row,
    rows,
    schema,
    transformed,
    workspace,
)  # fmt: skip
from tests.support.builders import (
    exported as export_of,
)
from tests.support.refreshed_day import Refreshed

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}
XDM = schema(currency=CURRENCY, method={"type": "string", "enum": ["email", "apple"]})
MAPPING = [
    row("event", "eventType"),
    row("properties.currency", "currency"),
    row("properties.method", "method"),
]
SECRET = "canary-value-of-a-row"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def lenient(lake: Lake, share: Any = "100%") -> Workspace:
    return workspace(lake, quality={"max_quarantined": share})


def lines(*currencies: str | None, name: str = "Purchase", **more: Any) -> list[bytes]:
    return [
        line(event(name, currency=text, **{"$insert_id": f"{n}", **more}))
        for n, text in enumerate(currencies)
    ]


def validated(place: Workspace, *bodies: bytes, xdm: XdmSchema = XDM) -> Manifest:
    return validate_partition(place, transformed(place, xdm, MAPPING, *bodies))


def page(place: Workspace, manifest: Manifest) -> str:
    body = place.lake.read(manifest.details["report"])
    assert body is not None
    return body.decode()


def test_invalid_rows_are_quarantined_with_reasons_and_the_others_pass(lake: Lake, tmp_path: Path) -> None:
    made = validated(lenient(lake), *lines("NOK", "nok", None, "€"))
    assert made.counts == {"mapped": 4, "valid": 2, "quarantined": 2, "warnings": 0}
    passed = [found[TENANT]["mixpanel"]["currency"] for found in rows(lenient(lake), made, tmp_path)]
    assert sorted(passed, key=str) == ["NOK", None]
    first = quarantined(lenient(lake), made)[0]
    assert first["step"] == "validate"
    assert first["reasons"] == [
        {"field": f"{TENANT}.mixpanel.currency", "expectation": "pattern", "limit": "^[A-Z]{3}$"}
    ]
    assert first["row"][TENANT]["mixpanel"]["currency"] in ("nok", "€")
    assert made.details["reasons"] == {f"{TENANT}.mixpanel.currency must match ^[A-Z]{{3}}$": 2}


def test_a_row_with_a_required_column_nulled_by_a_failing_transform_is_quarantined(
    lake: Lake, tmp_path: Path
) -> None:
    """EP:data-prep/troubleshooting-guide.md: the column is null and the row is kept, unless the column is required."""
    xdm = schema(("amount",), amount=INT, other=INT)
    mapping = [
        {**row("to_integer(properties.amount)", field), "sourceType": "EXPRESSION"}
        for field in ("amount", "other")
    ]
    mapping[1]["source"] = "to_integer(properties.other)"
    bodies = [
        line(event(**{"$insert_id": f"{n}", "amount": amount, "other": other}))
        for n, (amount, other) in enumerate([("1", "2"), ("1", "two"), ("one", "2")])
    ]
    place = lenient(lake)
    made = validate_partition(place, transformed(place, xdm, mapping, *bodies))
    found = [entry[TENANT]["mixpanel"] for entry in rows(place, made, tmp_path)]
    assert sorted((entry["amount"], entry["other"]) for entry in found if entry["other"]) == [(1, 2)]
    assert len(found) == 2
    assert [record["reasons"][0]["field"] for record in quarantined(place, made)] == [
        f"{TENANT}.mixpanel.amount"
    ]


def test_a_second_run_does_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = transformed(lenient(lake), XDM, MAPPING, *lines("NOK", "nok"))
    first = validate_partition(lenient(lake), mapped)
    monkeypatch.setattr(PartitionValidator, "check_rows", lambda *args: pytest.fail("it worked again"))
    assert validate_partition(lenient(lake), mapped) == first


@pytest.mark.parametrize("chunk_rows", [1, 6, 100])
def test_rows_are_checked_in_chunks_and_none_is_lost(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_rows: int
) -> None:
    for name in ("SCREENED_ROWS", "EXPLAINED_ROWS"):
        monkeypatch.setattr(partition_validator, name, chunk_rows)
    mapped = several_files(lenient(lake), tmp_path, part(0, *["NOK", "nok", "SEK"] * 3, "x"))
    made = validate_partition(lenient(lake), mapped)
    assert made.counts == {"mapped": 10, "valid": 6, "quarantined": 4, "warnings": 10}
    found = rows(lenient(lake), made, tmp_path)
    refused = [record["row"]["_id"] for record in quarantined(lenient(lake), made)]
    assert refused == [f"{n:064x}" for n in (1, 4, 7, 9)]
    assert sorted([row["_id"] for row in found] + refused) == [f"{n:064x}" for n in range(10)]


@pytest.mark.parametrize(
    ("share", "bad", "passes"),
    [
        ("25%", 1, True),
        ("25%", 2, False),
        ("24.9%", 1, False),
        ("0%", 0, True),
        ("0%", 1, False),
        ("100%", 4, True),
    ],
)
def test_up_to_the_limit_is_green_and_above_is_red(lake: Lake, share: str, bad: int, passes: bool) -> None:
    place, mapped = lenient(lake, share), (lines(*["nok"] * bad, *["NOK"] * (4 - bad)))
    if passes:
        assert validated(place, *mapped).counts["quarantined"] == bad
        return
    with pytest.raises(TooManyQuarantined):
        validated(place, *mapped)


@pytest.mark.parametrize(
    ("share", "refused", "exported"),
    [("29%", 29, 100), ("0.7%", 7, 1000), ("0.1%", 3, 3000), ("57%", 57, 100)],
)
def test_exactly_the_limit_is_green_for_any_number(
    lake: Lake, share: str, refused: int, exported: int
) -> None:
    """0.29 * 100 is 28.999999999999996 in floating point."""
    place = lenient(lake, share)
    mapped = transformed(place, XDM, MAPPING)
    for over in (0, 1):
        counts = {**mapped.counts, "exported": exported, "quarantined": refused + over}
        check = Verdict(CheckedRows(), DayEvents({}))
        if over:
            with pytest.raises(TooManyQuarantined, match=f"{refused + 1} of {exported} events"):
                validate._refuse(place, mapped.model_copy(update={"counts": counts}), check, "report")
        else:
            validate._refuse(place, mapped.model_copy(update={"counts": counts}), check, "report")


def test_too_many_invalid_rows_are_reported_with_reasons_and_stop_the_day(lake: Lake) -> None:
    place = lenient(lake, "0.5%")
    with pytest.raises(TooManyQuarantined) as refused:
        validated(place, *lines("nok", "x", "NOK"), b"no json")
    sentence = refused.value.sentence
    assert sentence.startswith(
        "3 of 4 events of partition 2026-07-01 were refused, more than the 0.50% that pipeline shop allows: "
    )
    assert sentence.endswith(f"{TENANT}.mixpanel.currency must match ^[A-Z]{{3}}$ (2); not_json (1).")
    assert manifest_keys(lake, PartitionKey("shop", DAY), "validate") == []
    assert "quality.max_quarantined" in refused.value.hint
    report = re.search(r"file://\S+\.html", refused.value.hint)
    assert report
    assert (lake.root / report[0].removeprefix(f"{lake.url}/")).is_file(), (
        "the page that the hint names is there"
    )
    with pytest.raises(TooManyQuarantined):
        validated(place, *lines("nok", "x", "NOK"), b"no json")


def test_rows_quarantined_by_transform_count_too(lake: Lake) -> None:
    with pytest.raises(TooManyQuarantined, match=r"2 of 3 events .*: not_json \(2\)"):
        validated(lenient(lake, "50%"), *lines("NOK"), b"no json", b"{")


def test_an_empty_day_is_an_explicit_result(lake: Lake) -> None:
    made = validated(workspace(lake))
    assert (made.rows, made.files) == (0, ())
    assert made.counts == {"mapped": 0, "valid": 0, "quarantined": 0, "warnings": 0}
    assert "The day has no rows to check." in page(workspace(lake), made)


def test_an_empty_day_is_validated_without_great_expectations(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.steps.validate.test_validate import *; from include.steps.stage.step import stage_partition; "
        "place = workspace(Lake('file://' + sys.argv[1])); "
        "print(stage_partition(place, validated(place)).rows, 'great_expectations' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "0 False\n", done.stderr


def test_a_day_with_only_invalid_rows_has_no_file(lake: Lake) -> None:
    made = validated(lenient(lake), *lines("x", "y"))
    assert (made.files, made.counts["valid"]) == ((), 0)


def test_a_required_field_without_values_fails_before_rows_are_checked(lake: Lake) -> None:
    document = dict(XDM.document)
    document["required"] = ["_id", "timestamp", "eventType"]
    xdm, place = XdmSchema(document), lenient(lake)
    mapping = bind("test.json", MAPPING[1:], XDM, keep_unmapped=True)  # The stricter schema refuses it.
    mapped = transform_partition(place, export_of(place, *lines("NOK")), xdm, mapping)
    with pytest.raises(
        SchemaError, match="Schema 'Events' requires eventType, but no row has a value for it"
    ):
        validate_partition(place, mapped)


@pytest.mark.parametrize(
    ("after", "valid"),
    [
        ({"currency": CURRENCY, "new": STRING}, 2),
        ({"currency": {**CURRENCY, "enum": ["SEK"]}}, 1),
        ({"currency": {**CURRENCY, "maxLength": 2}}, 0),
    ],
    ids=["a new optional field", "a narrower enum", "a shorter text"],
)
def test_expectations_follow_the_schema(lake: Lake, after: dict[str, Any], valid: int) -> None:
    for xdm, count in ((schema(currency=CURRENCY), 2), (schema(**after), valid)):
        mapped = transformed(lenient(lake), xdm, MAPPING[:2], *lines("NOK", "SEK"))
        assert validate_partition(lenient(lake), mapped).counts["valid"] == count


def test_an_expectation_that_cannot_be_checked_publishes_nothing(lake: Lake) -> None:
    xdm = schema(currency={"type": "string", "pattern": "("})
    with pytest.raises(ValidationBroken, match="could not be checked"):
        validate_partition(lenient(lake), transformed(lenient(lake), xdm, MAPPING[:2], *lines("NOK")))
    assert list(lake.keys("shop/2026-07-01/valid")) == []


def test_rows_that_transform_never_writes_are_detected(lake: Lake, tmp_path: Path) -> None:
    """A row without its id or in the future does not pass validation, whatever wrote it."""
    arrow = pa.table({
        "_id": ["a", None, "c"],
        "timestamp": pa.array([*instants(2), lenient(lake).clock.now()], pa.timestamp("us", "UTC")),
    })  # fmt: skip
    later = arrow.set_column(
        1,
        "timestamp",
        pa.array(
            [instants(1)[0], None, arrow["timestamp"][2].as_py().replace(year=2027)],
            pa.timestamp("us", "UTC"),
        ),
    )
    made = validate_partition(lenient(lake), mapped_by_hand(lenient(lake), schema(), later, tmp_path))
    told = [
        [reason["expectation"] for reason in record["reasons"]] for record in quarantined(lenient(lake), made)
    ]
    assert told == [["required", "required"], ["in_the_past", "in_the_partition"]]


def test_the_report_has_counts_and_reasons_and_no_row_value(lake: Lake) -> None:
    hostile = "<script>alert(1)</script>"
    bodies = [
        *lines("NOK", "NOK", name=hostile),
        *lines(SECRET, method=SECRET, distinct_id=SECRET, x=SECRET),
        b"not json " + SECRET.encode(),
    ]
    made = validated(lenient(lake), *bodies)
    html = page(lenient(lake), made)
    assert SECRET not in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "currency must match ^[A-Z]{3}$" in html
    assert "not_json" in html
    assert "07-01 12:00" in html


def test_leaf_paths_are_those_with_derived_expectations() -> None:
    arrow = pa.schema([
        ("a", pa.struct([("b", pa.struct([("c", pa.string())])), ("d", pa.list_(pa.struct([("e", pa.int8())])))])),
        ("m", pa.map_(pa.string(), pa.string())),
    ])  # fmt: skip
    assert leaf_paths(arrow) == [("a", "b", "c"), ("a", "d", "*", "e"), ("m", "*")]


def test_an_empty_day_that_must_not_be_empty_fails_with_its_rule(lake: Lake) -> None:
    place = workspace(lake, quality={"allow_empty": False})
    with pytest.raises(
        PartitionRefused, match=r"as a whole does not meet the expectations: rows \(0 valid events\)"
    ):
        validated(place)
    assert manifest_keys(lake, PartitionKey("shop", DAY), "validate") == []


def test_a_duplicate_id_stages_nothing(lake: Lake, tmp_path: Path) -> None:
    twice = pa.table({"_id": ["a", "a"], "timestamp": pa.array(instants(2), pa.timestamp("us", "UTC"))})
    with pytest.raises(PartitionRefused, match="id_unique") as refused:
        validate_partition(lenient(lake), mapped_by_hand(lenient(lake), schema(), twice, tmp_path))
    assert ".html" in refused.value.hint


def test_a_field_that_accepts_none_of_a_days_values_is_named_before_staging(
    lake: Lake, tmp_path: Path
) -> None:
    xdm = schema(currency={"type": "boolean"})
    with pytest.raises(SchemaError, match=rf"None of 12 values .* fits {TENANT}\.mixpanel\.currency"):
        validate_partition(lenient(lake), transformed(lenient(lake), xdm, MAPPING[:2], *lines(*["NOK"] * 12)))
    some = lines(*["NOK"] * 11, None)
    other = lenient(Lake(f"file://{tmp_path}/other"))
    made = validate_partition(other, transformed(other, xdm, MAPPING[:2], *some))
    assert made.counts["valid"] == 12


def fractions(lake: Lake, kind: dict[str, Any], values: Sequence[Any]) -> Manifest:
    xdm = schema(quantity=kind)
    rows = [line(event(quantity=value, **{"$insert_id": f"{n}"})) for n, value in enumerate(values)]
    return transformed(lenient(lake), xdm, [row("properties.quantity", "quantity")], *rows)


@pytest.mark.parametrize("kind", [LONG, INT, BYTE], ids=["long", "int", "byte"])
def test_a_day_of_fractions_in_an_integer_field_is_loaded_and_counted(
    lake: Lake, tmp_path: Path, kind: dict[str, Any]
) -> None:
    """This can be true of every value of an app without a mapping error; the digits stay among the unmapped ones."""
    mapped = fractions(lake, kind, [n + 0.25 for n in range(12)])
    assert mapped.details["not_converted"] == mapped.details["inexact"] == {f"{TENANT}.mixpanel.quantity": 12}
    made = validate_partition(lenient(lake), mapped)
    assert (made.counts["valid"], made.counts["quarantined"]) == (12, 0)
    kept = [
        json.loads(found[TENANT]["mixpanel"]["unmapped"]) for found in rows(lenient(lake), made, tmp_path)
    ]
    assert sorted(found["quantity"] for found in kept) == [n + 0.25 for n in range(12)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (LONG, 10**30),
        (NUMBER, 2**63 + 1),
        (INT, "1.5"),
        (INT, 1e40),
        ({"type": "array", "items": INT}, [1.5, 2]),
    ],
    ids=["too large", "more digits than a double has", "a text", "an exponent", "an array"],
)
def test_a_day_of_numbers_beyond_a_fields_range_is_loaded_and_counted(
    lake: Lake, kind: dict[str, Any], value: Any
) -> None:
    assert validate_partition(lenient(lake), fractions(lake, kind, [value] * 12)).counts["valid"] == 12


@pytest.mark.parametrize("other", ["many", True, {"a": 1}])
def test_a_field_without_any_converted_value_is_refused_if_they_are_not_numbers(
    lake: Lake, other: Any
) -> None:
    with pytest.raises(SchemaError, match="None of 12 values"):
        validate_partition(lenient(lake), fractions(lake, INT, [other] * 12))


def test_an_unusual_day_is_a_warning_in_manifest_and_report(lake: Lake) -> None:
    for number in range(1, 9):
        day = DAY - timedelta(days=number)
        place = workspace(lake, day)
        usual = [
            line(event(name, time=NOON - 86400 * number, **{"$insert_id": f"{name}{n}"}))
            for name in ("View", "Purchase")
            for n in range(20)
        ]
        assert validated(place, *usual).counts["warnings"] == 0
    made = validated(lenient(lake), *lines(*["NOK"] * 40, name="View"))
    assert list(made.details["warnings"]) == [
        "event Purchase should be 13.8% to 86.2% of the day's events, as on previous days",
        "event View should be 13.8% to 86.2% of the day's events, as on previous days",
    ]  # fmt: skip
    assert "event Purchase should be" in page(lenient(lake), made)
    off = workspace(lake, quality={"history_days": 0})
    assert validated(off, *lines(*["NOK"] * 40, name="View")).counts["warnings"] == 0


def test_values_are_shown_only_if_the_pipeline_allows_it(lake: Lake) -> None:
    for show, told in ((False, 0), (True, 1)):
        place = workspace(lake, quality={"max_quarantined": 1, "show_values": show})
        made = validated(place, *lines(SECRET))
        assert page(place, made).count(SECRET) == told
        assert [reason.get("value") for reason in quarantined(place, made)[0]["reasons"]] == [
            SECRET if show else None
        ]


def several_files(place: Workspace, scratch: Path, *parts: pa.Table, form: bool = True) -> Manifest:
    """Return a transform's manifest whose files hold the parts, in row groups of two rows."""
    xdm = schema(currency=CURRENCY, method={"type": "string", "enum": ["email", "apple"]})
    place.save_schema(xdm)
    folder, files = place.partition.output("transform", "ab" * 16), []
    for number, part in enumerate(parts):
        path = scratch / f"several-{number}.parquet"
        shape = aep_schema(part.schema) if form else part.schema
        how = {"compression": "snappy", "store_schema": False} if form else {"compression": "zstd"}
        pq.write_table(part.cast(shape), path, row_group_size=2, **how)
        files.append(upload_file(place.lake, f"{folder}/part-{number:05}.parquet", path, part.num_rows))
    rows = sum(part.num_rows for part in parts)
    return place.publish(
        step="transform", digest="ab" * 16, inputs={"schema": xdm.digest}, files=tuple(files),
        counts={"exported": rows, "duplicates": 0, "quarantined": 0},
        details={"quarantine": None, "reasons": {}, "not_converted": {}},
    )  # fmt: skip


def part(first: int, *currencies: str | None, ids: Sequence[str] = ()) -> pa.Table:
    fields = pa.StructArray.from_arrays([pa.array(currencies, pa.string())], ["currency"])
    return pa.table({
        "_id": list(ids) or [f"{n:064x}" for n in range(first, first + len(currencies))],
        "timestamp": pa.array(instants(len(currencies)), pa.timestamp("us", "UTC")),
        "eventType": ["Purchase"] * len(currencies),
        TENANT: pa.StructArray.from_arrays([fields], ["mixpanel"]),
    })  # fmt: skip


def test_files_without_an_invalid_row_are_published_unchanged(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_rows, "_WRITTEN_ROWS", 1)
    place = lenient(lake)
    parts = (
        part(0, "NOK", "SEK", None),
        part(3, "NOK", "x", "SEK", "y", None),
        part(8, "z", "z"),
        part(10, "DKK"),
    )
    mapped = several_files(place, tmp_path, *parts)
    made = validate_partition(place, mapped)
    assert made.counts == {"mapped": 11, "valid": 7, "quarantined": 4, "warnings": 11}
    assert [file.rows for file in made.files] == [3, 3, 1]
    assert (made.files[0], made.files[2]) == (mapped.files[0], mapped.files[3])
    assert made.files[1].key == f"{place.partition.output('validate', made.digest)}/part-00001.parquet"
    assert made.details["form"] == AEP_FORM
    files = place.local_files(made, tmp_path)
    assert all(has_aep_form(pq.ParquetFile(path)) for path in files)
    ids = [found for path in files for found in pq.read_table(path)["_id"].to_pylist()]
    assert ids == [f"{n:064x}" for n in (0, 1, 2, 3, 5, 7, 10)]
    refused = quarantined(place, made)
    assert [int(record["row"]["_id"], 16) for record in refused] == [4, 6, 8, 9]
    assert {json.dumps(record["reasons"]) for record in refused} == {
        json.dumps(
            [{"field": f"{TENANT}.mixpanel.currency", "expectation": "pattern", "limit": "^[A-Z]{3}$"}]
        )
    }
    assert made.details["by_event"] == {"Purchase": 7}
    assert ">7<" in page(place, made)


def test_files_of_another_form_are_published_unchanged_and_marked(lake: Lake, tmp_path: Path) -> None:
    mapped = several_files(lenient(lake), tmp_path, part(0, "NOK"), form=False)
    made = validate_partition(lenient(lake), mapped)
    assert (made.files, made.details["form"]) == (mapped.files, None)
    mixed = several_files(
        lenient(Lake(f"file://{tmp_path}/mixed")), tmp_path, part(0, "NOK", "x"), form=False
    )
    again = validate_partition(lenient(Lake(f"file://{tmp_path}/mixed")), mixed)
    assert (again.rows, again.details["form"]) == (1, AEP_FORM), "what is written again is in AEP's form"


@pytest.mark.parametrize(("currency", "stands"), [("NOK", "twice"), ("x", "once")])
def test_a_duplicate_id_in_two_files_is_found_unless_one_row_is_invalid(
    lake: Lake, tmp_path: Path, currency: str, stands: str
) -> None:
    for number, same in enumerate(("5" * 64, "short", "")):
        place = lenient(Lake(f"file://{tmp_path}/{number}"))
        mapped = several_files(
            place, tmp_path, part(0, "NOK", "SEK", ids=[same, "a" * 64]), part(0, currency, ids=[same])
        )
        if stands == "once":
            assert validate_partition(place, mapped).rows == 2
            continue
        with pytest.raises(PartitionRefused, match="id_unique"):
            validate_partition(place, mapped)


def test_a_sample_failure_that_no_row_explains_is_red(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing sample must fail as a row: a day without invalid rows must not be published then."""
    monkeypatch.setattr(partition_validator, "failing_rows", lambda *args: {})
    mapped = several_files(lenient(lake), tmp_path, part(0, "x"))
    with pytest.raises(ValidationBroken, match="could not be checked"):
        validate_partition(lenient(lake), mapped)


def test_an_error_while_loading_great_expectations_is_reported(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ImportError("no such library")

    monkeypatch.setattr(partition_validator, "load", broken)
    with pytest.raises(ImportError, match="no such library"):
        validate_partition(lenient(lake), several_files(lenient(lake), tmp_path, part(0, "NOK")))


def test_a_day_of_many_event_names_is_listed_up_to_the_cap_without_warnings(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "_MOST_EVENTS", 20)
    for number in range(8, -1, -1):
        place = workspace(lake, DAY - timedelta(days=number), quality={"max_quarantined": "100%"})
        # The most frequent one stays; the listed rare ones change from day to day.
        bodies = [
            line(event(name, time=NOON - 86400 * number, **{"$insert_id": f"{n}-{name}"}))
            for name in ["Top", *(f"Rare {(n * 7 + number) % 40}" for n in range(40))]
            for n in range(200 if name == "Top" else 1 + (len(name) + number) % 2)
        ]
        made = validated(place, *bodies)
    assert len(made.details["by_event"]) == 20
    assert sum(made.details["by_event"].values()) + made.details["other_events"] == made.rows
    assert made.details["warnings"] == {}


@pytest.mark.parametrize(
    ("details", "others"),
    [
        ({"by_event": {"A": 6}}, 4),
        ({"by_event": {"A": 10}}, 0),
        ({"by_event": {"A": 6}, "other_events": 3}, 3),
    ],
    ids=["an old manifest that was cut", "an old one that was not", "one that says it"],
)
def test_events_that_a_manifest_does_not_list_are_counted(
    lake: Lake, details: dict[str, Any], others: int
) -> None:
    made = validated(workspace(lake)).model_copy(update={"details": details})
    assert events_of(made, 10) == DayEvents(details["by_event"], others)


def test_warnings_of_rows_that_left_a_day_are_not_counted(tmp_path: Path) -> None:
    """The base warned of a row that Mixpanel does not return any more."""
    named = [line(event(**{"$insert_id": key})) for key in ("a", "b", "c")]
    nameless = line(event(**{"$insert_id": "d", "$user_id": None}))
    refreshed, whole = (
        Refreshed(tmp_path / "delta", as_delta=True),
        Refreshed(tmp_path / "whole", as_delta=False),
    )
    _, mapped = refreshed.mapped([*named[:2], nameless])
    warned = refreshed.valid(mapped).details["warnings"]
    found = refreshed.valid(refreshed.mapped(named)[1])
    expected = whole.valid(whole.mapped(named)[1])
    assert found.delta is not None
    assert found.details["warnings"] == expected.details["warnings"] != warned
