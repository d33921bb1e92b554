"""Validate: invalid rows go to quarantine with their reasons; too many of them fail the step, and nothing is staged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.errors import PartitionRefused, SchemaError, TooManyQuarantined
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.manifests import manifest_keys
from include.quality.constraints import ValidationBroken
from include.quality.leaf_columns import leaf_paths
from include.quality.partition_expectations import DayEvents
from include.steps.transform import transform_partition
from include.steps.validate import partition_validator
from include.steps.validate import step as validate
from include.steps.validate.partition_validator import PartitionValidator
from include.steps.validate.step import validate_partition
from include.steps.validate.verdict import CheckedRows, Verdict
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    BYTE,
    DAY,
    INT,
    LONG,
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
from tests.support.validated_days import (
    CURRENCY,
    MAPPING,
    XDM,
    lenient,
    lines,
    page,
    part,
    several_files,
    validated,
)

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]


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
            with pytest.raises(TooManyQuarantined, match=f"{refused + 1} of {exported:,} events"):
                validate._refuse(place, mapped.model_copy(update={"counts": counts}), check, "report")
        else:
            validate._refuse(place, mapped.model_copy(update={"counts": counts}), check, "report")


def test_too_many_invalid_rows_are_reported_with_reasons_and_stop_the_day(lake: Lake) -> None:
    place = lenient(lake, "0.5%")
    with pytest.raises(TooManyQuarantined) as refused:
        validated(place, *lines("nok", "x", "NOK"), b"no json")
    sentence = refused.value.sentence
    assert sentence.startswith(
        "Validation refused 3 of 4 events of partition 2026-07-01, more than the 0.50% that pipeline shop allows: "
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
    reported = [
        [reason["expectation"] for reason in record["reasons"]] for record in quarantined(lenient(lake), made)
    ]
    assert reported == [["required", "required"], ["in_the_past", "in_the_partition"]]


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
