"""Two implementations of Data Prep's documentation agree: the DuckDB query and the sandbox's interpreter.

``MAPPING_EXAMPLES``: how many mapping sets, and how many lists of expressions, are generated; few by default.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from include.xdm.dataprep.functions import NOT_HERE
from include.xdm.dataprep.language.check import ROOTS
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.tree import Attribute, Call, Literal, Node
from include.xdm.dataprep.language.types import Type
from mixpanel_aep_sandbox.aep.dataprep.functions.values import plain
from mixpanel_aep_sandbox.aep.dataprep.language.check import parse_and_check
from mixpanel_aep_sandbox.aep.dataprep.language.errors import ExpressionError
from mixpanel_aep_sandbox.aep.dataprep.language.evaluate import evaluate
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.mapper import Mapper
from tests.support.builders import (
    TENANT,
    event,
    line,
    row,
    schema,
)
from tests.support.evaluate_expressions import FAILS, evaluate_all
from tests.support.expression_strategies import EVENTS, expressions
from tests.support.mapping_strategies import FIELDS, agree, as_json, can_be_right, field_of, mappings
from tests.xdm.mapping.test_compile import db, mapped

# In one process: the last test counts what the others compared.
pytestmark = [pytest.mark.unit, pytest.mark.xdist_group("data_prep_against_sandbox")]
__all__ = ["db"]
EXAMPLES = int(os.environ.get("MAPPING_EXAMPLES", "12"))
NOW_MS = 1635243024000  # tests.support.evaluate_expressions.NOW
TABLE = yaml.safe_load((Path(__file__).parents[2] / "data_prep_examples.yaml").read_text(encoding="utf-8"))
profile = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
compared = {"values": 0, "fields": 0}


APART = {
    'make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")': "moments are kept to the microsecond",
    "${First.Name}": "a whole path in braces is parted at its points; properties.${First.Name} is the column",
}


def by_the_oracle(expression: str, properties: dict[str, Any]) -> Any:
    scope = Scope({"event": "Purchase", "properties": properties}, lambda: NOW_MS)
    try:
        return plain(evaluate(parse_and_check(expression), scope))
    except ExpressionError:
        return FAILS


def in_properties(node: Node) -> Node:
    """Return an expression over a row's columns as one over an event's properties."""
    if isinstance(node, Attribute) and node.path[0] not in ROOTS and node.path != ("type",):
        return Attribute(("properties", *node.path))
    if isinstance(node, Call):
        arguments = tuple(map(in_properties, node.arguments))
        if node.name == "contains_key" and isinstance(node.arguments[0], Literal):
            arguments = (Literal(f"properties.{node.arguments[0].value}"),)
        return Call(node.name, arguments, node.is_method)
    return node


def test_every_documented_example_has_its_documented_value(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.evaluate_expressions.NOW", "2019-10-23T17:10:24.571Z")
    monkeypatch.setattr("tests.support.evaluate_expressions.parse", lambda text: in_properties(parse(text)))
    wrong, seen = {}, 0
    for shown in TABLE["examples"]:
        text = shown["expression"]
        name = text.partition("(")[0]
        if name in NOT_HERE:
            continue
        ((value,),) = evaluate_all(db, [text], [json.dumps(shown.get("input", {}))])
        seen += 1
        right = shown["matches"] if "matches" in shown else shown["expected"]
        if "matches" not in shown and not same(value, right):
            wrong[text] = (value, right)
    assert wrong.keys() == APART.keys(), wrong
    assert seen > 80


def same(one: Any, other: Any) -> bool:
    """Return whether values are equal as JSON: 1 is neither 1.0 nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@profile
@given(st.lists(expressions(Type.ANY, 2), min_size=1, max_size=10), st.lists(EVENTS, min_size=1, max_size=4))
@example(
    ["to_decimal(properties.a)"], ['{"a": 9223372036854775808}', '{"a": 100000000000000000000}', '{"a": 5}']
)
@example(
    ["get_url_host(properties.a)"], ['{"a": "https://exa\\tmple.com/x"}', '{"a": "https://example.com/x"}']
)
@example(["size_of(now())", "size_of(properties.a)"], ['{"a": "2026-07-01T00:00:00Z"}'])
@example(["((0) & (0)) + zone_date_to_utc(now())"], ['{"a": "x"}'])
@example(["concat(to_decimal(properties.a))"], ['{"a": "123456789012345678901234567890"}'])
def test_both_evaluate_an_expression_alike(db: Any, texts: list[str], events: list[str]) -> None:
    texts = list(filter(can_be_right, texts))
    if not texts:
        return
    found = evaluate_all(db, texts, events)
    for properties, values in zip(events, found, strict=True):
        for text, value in zip(texts, values, strict=True):
            compared["values"] += 1
            other = by_the_oracle(text, json.loads(properties))
            assert same(value, other), (text, properties, value, other)


@profile
@given(mappings(), st.lists(EVENTS, min_size=1, max_size=4))
@example(
    [row("properties.obj", "o"), row("properties.a", "o.a")],
    ['{"obj": {"b": 9007199254740993, "type": "x"}}', '{"obj": {"a": 1, "b": 2.5}, "a": "y"}'],
)
@example([row("event", "o")], ['{"a": "y"}'])
def test_both_map_an_event_alike(db: Any, rows: list[dict[str, Any]], events: list[str]) -> None:
    xdm = schema(**FIELDS)
    lines = [line(event(**json.loads(text))) for text in events]
    made = mapped(db, xdm, rows, *lines)
    named = [{**one, "destination": one["destination"].replace("_{TENANT_ID}", TENANT)} for one in rows]
    mapper = Mapper({"mappings": named}, dict(xdm.document), now_milliseconds=lambda: 0)
    assert not any(mapper.faults)
    for text, found in zip(lines, made, strict=True):
        reported = mapper.map(json.loads(text))
        wrong = {
            field_of({"destination": error.destination})
            for error in reported.errors
            if "mixpanel." in error.destination
        }
        wanted = reported.data.get(TENANT, {}).get("mixpanel", {})
        for name in {field_of(one) for one in rows}:
            compared["fields"] += 1
            one, other = as_json(found["it"].get(name)), wanted.get(name)
            assert agree(name, one, other, name in wrong), (name, rows, text, one, other)


def test_enough_cases_were_compared() -> None:
    ran_elsewhere = "PYTEST_XDIST_WORKER" in os.environ
    for what, number in compared.items():
        assert number > EXAMPLES or (ran_elsewhere and number == 0), what
