"""Every documented example, and every function has one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import FUNCTIONS, METHODS
from mixpanel_aep_sandbox.aep.dataprep.functions.special import UNAVAILABLE
from mixpanel_aep_sandbox.aep.dataprep.language.check import parse_and_check
from mixpanel_aep_sandbox.aep.dataprep.language.errors import ExpressionError, NotAvailable, SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Call, Method, walk
from tests.support.sandbox.dataprep_values import ALL, NOW, value_of

pytestmark = pytest.mark.unit

TABLE = yaml.safe_load((Path(__file__).parents[3] / "data_prep_examples.yaml").read_text(encoding="utf-8"))
EXAMPLES: list[dict[str, Any]] = TABLE["examples"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["expression"][:60])
def test_a_documented_example_has_its_documented_value(example: dict[str, Any]) -> None:
    assert TABLE["now"] == NOW
    expression, row = example["expression"], example.get("input", {})
    if example.get("unavailable"):
        with pytest.raises(NotAvailable, match="not available in the sandbox"):
            value_of(expression, **row)
        return
    value = value_of(expression, **row)
    if "matches" in example:
        assert re.fullmatch(example["matches"], value)
    else:
        assert json.dumps(value) == json.dumps(example["expected"])  # 1 is neither 1.0 nor true.


def test_every_example_has_a_result_and_a_reason_if_adobes_differs() -> None:
    for example in EXAMPLES:
        assert len(example.keys() & {"expected", "matches", "unavailable"}) == 1, example
        assert "note" in example or "adobe" not in example or example.get("unavailable"), example


def test_invalid_expressions_in_adobes_documentation_are_refused() -> None:
    wrong = [
        example["adobe"]["expression"] for example in EXAMPLES if "expression" in example.get("adobe", {})
    ]
    refused = []
    for expression in wrong:
        try:
            parse_and_check(expression)
        except SyntaxFault:
            refused.append(expression)
    fits = [expression for expression in wrong if expression not in refused]
    assert [expression.partition("(")[0] for expression in fits] == ["str_to_object"]


def test_every_function_has_an_example() -> None:
    used: set[str] = set()
    for example in EXAMPLES:
        calls = [
            node
            for node, _ in walk(parse_and_check(example["expression"], ALL))
            if isinstance(node, (Call, Method))
        ]
        used |= {node.name for node in calls}
    assert used == FUNCTIONS.keys() | METHODS.keys()


def test_the_examples_of_the_list_of_functions_are_in_the_table() -> None:
    expressions = {example["expression"] for example in EXAMPLES}
    for function in (*FUNCTIONS.values(), *METHODS.values()):
        assert function.unavailable or function.example in expressions, function.name


def test_missing_functions_are_in_one_table_with_reasons() -> None:
    assert {name for _, name, *_ in UNAVAILABLE} == {f.name for f in FUNCTIONS.values() if f.unavailable}
    for _, name, _, reason, parameters in UNAVAILABLE:
        with pytest.raises(ExpressionError, match=re.escape(reason)):
            value_of(f"{name}({', '.join(['null'] * len(parameters))})")
