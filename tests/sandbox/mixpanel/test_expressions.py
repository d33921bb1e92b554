"""Segmentation expressions: the grammar and the rules for types of Mixpanel's reference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.mixpanel.expressions.parser import WhereError, parse

pytestmark = pytest.mark.sandbox

EVENT: dict[str, Any] = {
    "event": "Purchase",
    "properties": {
        "time": 1782907200,
        "distinct_id": "u-1",
        "n": 5,
        "huge": 10**4000,
        "f": 2.5,
        "text": "5",
        "word": "blue sky",
        "yes": True,
        "yes text": "true",
        "null": None,
        "tags": ["a", 3],
        "mp_processing_time_ms": 1782907206027,
        'quo"te': 1,
        "seen": "2026-07-01T12:00:00",
    },
    "user": {"$email": "a@b.example"},
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('number(properties["mp_processing_time_ms"]) < 1782907206028', True),
        ('number(properties["mp_processing_time_ms"]) < 1782907206027', False),
        ('properties["mp_processing_time_ms"] > 1 and properties["mp_processing_time_ms"] < 2', False),
        ('properties["$time"]>=datetime(1782907200)', True),
        ('properties["$time"]>datetime(1782907200)', False),
        ('event["$time"] >= datetime("2026-07-01T12:00:00")', True),
        ('event["$time"] < datetime("2026-07-01T12:00:00Z")', False),
        # Filtering on time itself matches nothing, and neither does its opposite.
        ('properties["time"] > 0', False),
        ('properties["$distinct_id"] == "u-1"', True),
        ('properties["$event_name"] == "Purchase"', True),
        ('defined(properties["null"])', True),
        ('defined(properties["missing"])', False),
        ('not defined(properties["missing"])', True),
        ('"a" in properties["tags"]', True),
        ('"3" in properties["tags"]', False),
        ('3 in properties["tags"]', True),
        ('"sky" in properties["word"]', True),
        ('properties["n"] in [1, 5, 9]', True),
        ('properties["n"] in ["5"]', False),
        ('properties["n"] in []', False),
        ('properties["n"] == 5', True),
        ('properties["n"] == 5.0', True),
        ('properties["n"] == "5"', False),
        ('properties["n"] != "5"', True),
        ('properties["text"] > 4', False),
        ('number(properties["text"]) > 4', True),
        ('string(properties["n"]) == "5"', True),
        ('boolean(properties["yes text"])', True),
        ('properties["yes"]', True),
        ('properties["yes"] == true', True),
        ('properties["yes"] == 1', False),
        ("1 in [true]", False),
        ('properties["n"]', False),
        ('properties["f"] * 2 == properties["n"]', True),
        ("7 % 4 == 3 and -7 % 4 == -3", True),
        ("2 + 3 * 4 == 14 and (2 + 3) * 4 == 20", True),
        ("1 / 0 == 1", False),
        ('"a" + "b" == "ab"', True),
        ("floor(2.5) == 2 and ceil(2.5) == 3 and round(2.6) == 3", True),
        ("round(2.5) == 3 and round(-2.5) == -3 and round(3.5) == 4", True),
        ('floor(properties["huge"]) == 1 or round(properties["huge"]) == 1', False),
        ("- -5 == 5 and --5 == 5 and 3 - -2 == 5", True),
        ('- -properties["text"] == 5', False),
        ("true == not false and not -5 == true", True),
        # Numbers above the limit are undefined.
        ('number("1e200000") == 1', False),
        ('string(properties["huge"] * properties["huge"]) == ""', False),
        ("true or false and false", True),
        ("not false and false", False),
        ("not not true", True),
        ('properties["missing"] < 3 or not (properties["missing"] < 3)', True),
        ("properties['quo\"te'] == 1", True),
        ('properties["quo\\"te"] == 1', True),
        ('"x" < "y"', True),
        # A date property is a text; compared with datetime() it is a time.
        ('properties["seen"] >= datetime("2026-07-01T12:00:00")', True),
        ('properties["seen"] > datetime(1782907200)', False),
        ('datetime("2026-07-02") > properties["seen"]', True),
        ('properties["word"] > datetime(1)', False),
        ('properties["seen"] == datetime(1782907200)', True),
        ('user["$email"] == "a@b.example"', True),
        ('defined(user["$name"])', False),
    ],
)
def test_an_expression(expression: str, expected: bool) -> None:
    assert parse(expression)(EVENT) is expected


@pytest.mark.parametrize(
    "expression",
    [
        " or ".join(f'properties["n"] == {n}' for n in range(3000, 4, -1)),
        " + ".join("1" * 3000) + " == 3000",
        "-" * 3000 + "5 == 5",
        "not " * 3000 + "true",
    ],
    ids=["or", "sum", "minus", "not"],
)
def test_a_long_expression_is_not_a_deep_one(expression: str) -> None:
    """The documentation tells clients to combine queries."""
    assert parse(expression)(EVENT) is True


@pytest.mark.parametrize(
    "expression",
    [
        'properties["a"',
        "properties[a]",
        'properties["a"] ==',
        "== 3",
        "1 2",
        "foo(1)",
        "__import__('os')",
        '"unended',
        "a = 3",
        "(1",
        "[1,",
        "()",
        "not",
        "1 ===2",
        pytest.param("9" * 5000, id="nines"),
        "1e999",
        "\\",
    ],
)
def test_invalid_expressions_are_refused(expression: str) -> None:
    with pytest.raises(WhereError):
        parse(expression)


@given(st.text(alphabet='properties["a]()=<>!andornot 1.5"\\\'+-*/%,\u2028é', max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        test = parse(text)
    except WhereError:
        return
    assert test(EVENT) in (True, False)


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.lists(st.integers())
)


@settings(max_examples=60)
@given(values, values, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]))
def test_no_values_break_an_operator(left: Any, right: Any, operator: str) -> None:
    event = {"event": "e", "properties": {"l": left, "r": right}}
    assert parse(f'properties["l"] {operator} properties["r"]')(event) in (True, False)


@given(st.text())
def test_any_text_can_be_compared(text: str) -> None:
    event = {"event": "e", "properties": {text: text}}
    literal = json.dumps(text, ensure_ascii=False)
    if text not in ("time", "$time", "$event_name", "$distinct_id"):
        assert parse(f"properties[{literal}] == {literal}")(event) is True
