"""Validate: failing rows go to quarantine with their reasons; too many of them are red, and nothing is staged."""

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
import pytest

from include.errors import PartitionRefused, SchemaError, TooManyQuarantined
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.quality.suite import ValidationBroken
from include.steps import validate
from include.steps.check import Check, leaf_paths
from include.steps.transform import transform_partition
from include.steps.transform.job import Limits
from include.steps.validate import validate_partition
from include.steps.workspace import Workspace
from include.xdm.mapping import bind
from include.xdm.schema import XdmSchema
from tests.making import (
    BYTE,
    DAY,
    INT,
    LATER,
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
from tests.making import (
    exported as export_of,
)

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
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


def test_failing_rows_are_quarantined_with_reasons_and_the_others_go_on(lake: Lake, tmp_path: Path) -> None:
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


def test_a_row_whose_required_column_a_failing_transform_left_null_is_quarantined(
    lake: Lake, tmp_path: Path
) -> None:
    """EP:data-prep/troubleshooting-guide.md: the column is null, the row goes on, unless the column is required."""
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


def test_running_it_again_does_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = transformed(lenient(lake), XDM, MAPPING, *lines("NOK", "nok"))
    first = validate_partition(lenient(lake), mapped)
    monkeypatch.setattr(Check, "run", lambda *args: pytest.fail("it worked again"))
    assert validate_partition(lenient(lake), mapped) == first


def test_rows_are_checked_in_chunks_and_none_is_lost(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.steps.transform.step.LIMITS", Limits(group_rows=3))
    made = validated(lenient(lake), *lines(*["NOK", "nok", "SEK"] * 3, "x"))
    assert made.counts == {"mapped": 10, "valid": 6, "quarantined": 4, "warnings": 0}
    found = rows(lenient(lake), made, tmp_path)
    ids = [row["_id"] for row in found] + [
        record["row"]["_id"] for record in quarantined(lenient(lake), made)
    ]
    assert (len(found), len(set(ids))) == (6, 10)


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
def test_below_and_at_the_limit_is_green_and_above_is_red(
    lake: Lake, share: str, bad: int, passes: bool
) -> None:
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
def test_at_the_limit_is_green_whatever_the_number(
    lake: Lake, share: str, refused: int, exported: int
) -> None:
    """0.29 * 100 is 28.999999999999996 to a computer."""
    place = lenient(lake, share)
    mapped = transformed(place, XDM, MAPPING)
    for over in (0, 1):
        counts = {**mapped.counts, "exported": exported, "quarantined": refused + over}
        check = Check(place, XDM, Path(), LATER)
        if over:
            with pytest.raises(TooManyQuarantined, match=f"{refused + 1} of {exported} events"):
                validate._refuse(place, mapped.model_copy(update={"counts": counts}), check, "report")
        else:
            validate._refuse(place, mapped.model_copy(update={"counts": counts}), check, "report")


def test_too_many_are_told_with_their_reasons_and_nothing_goes_on(lake: Lake) -> None:
    place = lenient(lake, "0.5%")
    with pytest.raises(TooManyQuarantined) as refused:
        validated(place, *lines("nok", "x", "NOK"), b"no json")
    sentence = refused.value.sentence
    assert sentence.startswith(
        "3 of 4 events of partition 2026-07-01 were refused, more than the 0.50% that pipeline shop allows: "
    )
    assert sentence.endswith(f"{TENANT}.mixpanel.currency must match ^[A-Z]{{3}}$ (2); not_json (1).")
    assert [key for key in lake.keys("shop/2026-07-01/valid") if key.endswith("manifest.json")] == []
    assert "quality.max_quarantined" in refused.value.hint
    report = re.search(r"file://\S+\.html", refused.value.hint)
    assert report
    assert (lake.root / report[0].removeprefix(f"{lake.url}/")).is_file(), (
        "the page that the hint names is there"
    )
    with pytest.raises(TooManyQuarantined):
        validated(place, *lines("nok", "x", "NOK"), b"no json")


def test_what_transform_quarantined_counts_too(lake: Lake) -> None:
    with pytest.raises(TooManyQuarantined, match=r"2 of 3 events .*: not_json \(2\)"):
        validated(lenient(lake, "50%"), *lines("NOK"), b"no json", b"bad")


def test_an_empty_day_is_an_explicit_verdict(lake: Lake) -> None:
    made = validated(workspace(lake))
    assert (made.rows, made.files) == (0, ())
    assert made.counts == {"mapped": 0, "valid": 0, "quarantined": 0, "warnings": 0}
    assert "There were no rows to check." in page(workspace(lake), made)


def test_an_empty_day_flows_through_without_great_expectations(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.steps.test_validate import *; from include.steps.stage import stage_partition; "
        "place = workspace(Lake('file://' + sys.argv[1])); "
        "print(stage_partition(place, validated(place)).rows, 'great_expectations' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "0 False\n", done.stderr


def test_a_day_of_which_every_row_is_refused_has_no_file(lake: Lake) -> None:
    made = validated(lenient(lake), *lines("x", "y"))
    assert (made.files, made.counts["valid"]) == ((), 0)


def test_a_field_that_every_event_needs_and_no_row_has_is_red_before_any_row_is_checked(lake: Lake) -> None:
    document = dict(XDM.document)
    document["required"] = ["_id", "timestamp", "eventType"]
    xdm, place = XdmSchema(document), lenient(lake)
    mapping = bind("test.json", MAPPING[1:], XDM, keep_unmapped=True)  # which refuses the stricter schema
    mapped = transform_partition(place, export_of(place, *lines("NOK")), xdm, mapping)
    with pytest.raises(SchemaError, match="Schema 'Events' requires eventType, which no row has"):
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


def test_rows_that_no_transform_makes_are_caught(lake: Lake, tmp_path: Path) -> None:
    """A row without its id or in the future does not get past validation, whoever made it."""
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


def test_the_report_has_counts_and_reasons_and_no_value_of_a_row(lake: Lake) -> None:
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


def test_leaf_paths_name_what_expectations_are_derived_for() -> None:
    arrow = pa.schema([
        ("a", pa.struct([("b", pa.struct([("c", pa.string())])), ("d", pa.list_(pa.struct([("e", pa.int8())])))])),
        ("m", pa.map_(pa.string(), pa.string())),
    ])  # fmt: skip
    assert leaf_paths(arrow) == {"a.b.c", "a.d", "m"}


def test_a_day_that_may_not_be_empty_is_red_with_its_rule(lake: Lake) -> None:
    place = workspace(lake, quality={"allow_empty": False})
    with pytest.raises(
        PartitionRefused, match=r"as a whole is not what is expected: rows \(0 valid events\)"
    ):
        validated(place)
    assert [key for key in lake.keys("shop/2026-07-01/valid") if key.endswith("manifest.json")] == []


def test_an_id_that_stands_twice_stages_nothing(lake: Lake, tmp_path: Path) -> None:
    twice = pa.table({"_id": ["a", "a"], "timestamp": pa.array(instants(2), pa.timestamp("us", "UTC"))})
    with pytest.raises(PartitionRefused, match="id_unique") as refused:
        validate_partition(lenient(lake), mapped_by_hand(lenient(lake), schema(), twice, tmp_path))
    assert ".html" in refused.value.hint


def test_a_field_that_takes_none_of_a_days_values_is_named_before_anything_is_staged(
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
def test_a_day_of_fractions_in_a_whole_number_is_loaded_and_counted(
    lake: Lake, tmp_path: Path, kind: dict[str, Any]
) -> None:
    """That is true of every value of an app, and no mistake of the mapping; the digits stay among the unmapped."""
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
def test_so_is_a_day_of_numbers_that_a_field_cannot_hold(
    lake: Lake, kind: dict[str, Any], value: Any
) -> None:
    assert validate_partition(lenient(lake), fractions(lake, kind, [value] * 12)).counts["valid"] == 12


@pytest.mark.parametrize("other", ["many", True, {"a": 1}])
def test_a_field_into_which_no_value_goes_is_still_refused_where_they_are_not_numbers(
    lake: Lake, other: Any
) -> None:
    with pytest.raises(SchemaError, match="None of 12 values"):
        validate_partition(lenient(lake), fractions(lake, INT, [other] * 12))


def test_a_day_unlike_those_before_it_is_a_warning_in_manifest_and_report(lake: Lake) -> None:
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
        "event Purchase should be 13.8% to 86.2% of the day's events, as on the days before",
        "event View should be 13.8% to 86.2% of the day's events, as on the days before",
    ]  # fmt: skip
    assert "event Purchase should be" in page(lenient(lake), made)
    off = workspace(lake, quality={"history_days": 0})
    assert validated(off, *lines(*["NOK"] * 40, name="View")).counts["warnings"] == 0


def test_values_are_told_only_where_the_pipeline_says_so(lake: Lake) -> None:
    for show, told in ((False, 0), (True, 1)):
        place = workspace(lake, quality={"max_quarantined": 1, "show_values": show})
        made = validated(place, *lines(SECRET))
        assert page(place, made).count(SECRET) == told
        assert [reason.get("value") for reason in quarantined(place, made)[0]["reasons"]] == [
            SECRET if show else None
        ]
