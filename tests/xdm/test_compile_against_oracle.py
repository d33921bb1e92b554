"""Two readings of Data Prep's documentation agree: the mapping query in DuckDB, and the sandbox's interpreter.

``MAPPING_EXAMPLES`` is how many mapping sets, and how many lists of expressions, are made; the suite makes few.
"""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.sandbox.aep.dataprep.language.check import compiled
from include.sandbox.aep.dataprep.language.errors import ExpressionError
from include.sandbox.aep.dataprep.language.evaluate import evaluate
from include.sandbox.aep.dataprep.language.scope import Scope
from include.sandbox.aep.dataprep.mapper import Mapper
from include.sandbox.aep.dataprep.values import plain
from include.xdm.destinations import can_hold
from include.xdm.functions import NOT_HERE
from include.xdm.language.check import ROOTS, check
from include.xdm.language.parser import parse
from include.xdm.language.tree import Attribute, Call, LanguageError, Literal, Node
from include.xdm.language.types import Type
from tests.evaluating import FAILS, evaluate_all
from tests.expressions import EVENTS, NAMES, TEXTS, attribute, expressions
from tests.making import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    INT,
    LONG,
    NUMBER,
    STRING,
    TENANT,
    array_of,
    event,
    line,
    map_of,
    object_of,
    row,
    schema,
)
from tests.xdm.test_compile import db, mapped

pytestmark = pytest.mark.unit
__all__ = ["db"]
EXAMPLES = int(os.environ.get("MAPPING_EXAMPLES", "25"))
NOW_MS = 1635243024000  # tests.evaluating.NOW
TABLE = yaml.safe_load((Path(__file__).parents[1] / "data_prep_examples.yaml").read_text(encoding="utf-8"))
profile = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
compared = {"values": 0, "fields": 0}


APART = {
    'make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")': "moments are kept to the microsecond",
    "${First.Name}": "a whole path in braces is parted at its points; properties.${First.Name} is the column",
}


def by_the_oracle(expression: str, properties: dict[str, Any]) -> Any:
    scope = Scope({"event": "Purchase", "properties": properties}, lambda: NOW_MS)
    try:
        return plain(evaluate(compiled(expression), scope))
    except ExpressionError:
        return FAILS


def can_be_right(expression: str) -> bool:
    try:
        check(parse(expression))
    except LanguageError:
        return False
    return "uuid" not in expression  # random there, made of the event's id here


def fits(name: str, expression: str) -> bool:
    field = schema(**FIELDS).find((TENANT, "mixpanel", name))
    return can_be_right(expression) and field is not None and can_hold(field, check(parse(expression)).type)


def in_properties(node: Node) -> Node:
    """An expression over a row's columns as one over an event's properties."""
    if isinstance(node, Attribute) and node.path[0] not in ROOTS and node.path != ("type",):
        return Attribute(("properties", *node.path))
    if isinstance(node, Call):
        arguments = tuple(map(in_properties, node.arguments))
        if node.name == "contains_key" and isinstance(node.arguments[0], Literal):
            arguments = (Literal(f"properties.{node.arguments[0].value}"),)
        return Call(node.name, arguments, node.is_method)
    return node


def test_every_documented_example_has_its_documented_value(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.evaluating.NOW", "2019-10-23T17:10:24.571Z")
    monkeypatch.setattr("tests.evaluating.parse", lambda text: in_properties(parse(text)))
    wrong, seen = {}, 0
    for example in TABLE["examples"]:
        text = example["expression"]
        name = text.partition("(")[0]
        if name in NOT_HERE:
            continue
        ((value,),) = evaluate_all(db, [text], [json.dumps(example.get("input", {}))])
        seen += 1
        right = example["matches"] if "matches" in example else example["expected"]
        if "matches" not in example and not same(value, right):
            wrong[text] = (value, right)
    assert wrong.keys() == APART.keys(), wrong
    assert seen > 80


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is neither 1.0 nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@profile
@given(st.lists(expressions(Type.ANY, 2), min_size=1, max_size=10), st.lists(EVENTS, min_size=1, max_size=4))
def test_an_expression_has_one_value(db: Any, texts: list[str], events: list[str]) -> None:
    texts = list(filter(can_be_right, texts))
    if not texts:
        return
    found = evaluate_all(db, texts, events)
    for properties, values in zip(events, found, strict=True):
        for text, value in zip(texts, values, strict=True):
            compared["values"] += 1
            other = by_the_oracle(text, json.loads(properties))
            assert same(value, other), (text, properties, value, other)


ITEM = object_of(a=STRING, b=NUMBER, type=STRING)
FIELDS: dict[str, dict[str, Any]] = {
    "s": STRING, "l": LONG, "i": INT, "n": NUMBER, "y": BOOLEAN, "d": DATE, "t": DATE_TIME, "as": array_of(STRING), "ai": array_of(INT),
    "ao": array_of(ITEM), "ms": map_of(STRING), "o": ITEM, "deep": object_of(inner=object_of(s=STRING, l=LONG)),
}  # fmt: skip
TYPES = {"s": Type.STRING, "l": Type.NUMBER, "i": Type.NUMBER, "n": Type.NUMBER, "y": Type.BOOLEAN, "d": Type.DATE, "t": Type.DATE,
         "as": Type.ARRAY, "ai": Type.ARRAY, "ao": Type.ARRAY, "ms": Type.OBJECT, "o": Type.OBJECT}  # fmt: skip
PATHS = st.sampled_from(
    [*map(attribute, NAMES), "properties.obj.a", "properties.list[0]", "properties.list[1].a", "event"]
)


def mappings() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Mapping sets whose destinations do not meet: at most one mapping, or one group of them, for each field."""
    attributes = [st.builds(row, PATHS, st.just(name)) for name in FIELDS if name != "deep"]
    formulas = [
        st.builds(row, expressions(kind, 1).filter(partial(fits, name)), st.just(name)).map(_formula)
        for name, kind in TYPES.items()
    ]
    constants = [
        st.builds(row, TEXTS.filter(bool), st.just("s")).map(lambda made: {**made, "sourceType": "STATIC"})
    ]
    groups = st.sampled_from([
        [row("properties.list[*].a", "ao[*].a"), row("properties.list[*].b", "ao[*].b")],
        [row("properties.list[*].a", "as")],
        [row("properties.obj.a", "as[0]"), row("properties.a", "as[2]"), _formula(row("upper(properties.b)", "as[1]"))],
        [row("properties.a", "ms.key"), _formula(row("properties.b == 5", "ms.other"))],
        [row("properties.obj", "o"), row("properties.a", "o.a")],
        [row("properties.a", "deep.inner.s"), _formula(row("size_of(properties.b)", "deep.inner.l"))],
    ])  # fmt: skip
    return st.lists(
        st.one_of(*attributes, *formulas, *constants).map(lambda made: [made]) | groups,
        min_size=1,
        max_size=8,
    ).map(_apart)


def _formula(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "sourceType": "EXPRESSION"}


def _apart(groups: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    taken: set[str] = set()
    kept: list[dict[str, Any]] = []
    for group in groups:
        fields = {_field(made) for made in group}
        if not fields & taken:
            taken |= fields
            kept += group
    return kept


def _field(made: dict[str, Any]) -> str:
    return str(made["destination"]).split("mixpanel.")[1].split(".")[0].split("[")[0]


@profile
@given(mappings(), st.lists(EVENTS, min_size=1, max_size=4))
def test_a_mapping_set_makes_one_row(db: Any, rows: list[dict[str, Any]], events: list[str]) -> None:
    xdm = schema(**FIELDS)
    lines = [line(event(**json.loads(text))) for text in events]
    made = mapped(db, xdm, rows, *lines)
    named = [{**one, "destination": one["destination"].replace("_{TENANT_ID}", TENANT)} for one in rows]
    mapper = Mapper({"mappings": named}, dict(xdm.document), now_milliseconds=lambda: 0)
    assert not any(mapper.faults)
    for text, found in zip(lines, made, strict=True):
        told = mapper.map(json.loads(text))
        wrong = {
            _field({"destination": error.destination})
            for error in told.errors
            if "mixpanel." in error.destination
        }
        wanted = told.data.get(TENANT, {}).get("mixpanel", {})
        for name in {_field(one) for one in rows}:
            compared["fields"] += 1
            one, other = as_json(found["it"].get(name)), wanted.get(name)
            assert agree(name, one, other, name in wrong), (name, rows, text, one, other)


def as_json(value: Any) -> Any:
    """A value of a row as XDM's JSON, without what is null."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items() if part is not None} or None
    return value


def agree(name: str, one: Any, other: Any, failed: bool) -> bool:
    """Equal, or apart where the two are meant to be.

    Here a value converts exactly or not at all, and one that is refused there may be kept: an array as its text, the
    items that do fit. A bare number is no date here, because Mixpanel's are seconds; there it is milliseconds. A
    single value mapped to an object is nothing here; there it becomes the member of its own name.
    """
    kind = FIELDS[name]
    if failed:
        return other is None or kind not in (LONG, INT, NUMBER, DATE) or one is None
    if other is None or one is None:
        return (
            one == other or kind in (DATE, DATE_TIME) or beyond(other) or (kind is ITEM and len(other) == 1)
        )
    if kind is DATE_TIME:
        return datetime.fromisoformat(one) == cut(datetime.fromisoformat(other))
    if kind is STRING and one != other:
        return is_float(one) and is_float(other) and float(one) == float(other)
    return bool(one == other)


def beyond(value: Any) -> bool:
    """A number with more digits than the field keeps, or written as none that XDM has."""
    return isinstance(value, int | float) and (
        not math.isfinite(value) or abs(value) > 2**53 or value == int(value)
    )


def is_float(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_enough_was_compared() -> None:
    assert compared["values"] > 4 * EXAMPLES
    assert compared["fields"] > 2 * EXAMPLES
