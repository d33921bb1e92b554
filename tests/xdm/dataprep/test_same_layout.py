"""The product's and the sandbox's reading of Data Prep can be laid side by side, and share no code.

Both implement the same documents independently, so that each is a check of the other one. A reader who compares them
finds each documented function in a file of the same name, under the same name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import include.xdm.dataprep
import mixpanel_aep_sandbox.aep.dataprep
from include.xdm.dataprep.functions import FUNCTIONS, NOT_HERE
from mixpanel_aep_sandbox.aep.dataprep.functions import registry
from mixpanel_aep_sandbox.aep.dataprep.language.evaluate import BINARY, SHORT_CIRCUIT, UNARY

pytestmark = pytest.mark.unit
PRODUCT = Path(*include.xdm.dataprep.__path__)
SANDBOX = Path(*mixpanel_aep_sandbox.aep.dataprep.__path__)
FOLDERS = ("functions", "language")
SIGNS_OF_ONE_OPERAND = {"-": "unary -", "+": "unary +"}

ONE_SIDE_ONLY = {
    "[...]": "the sandbox evaluates it as a node of the tree (language/evaluate.py)",
    "{...}": "the sandbox evaluates it as a node of the tree (language/evaluate.py)",
}
FILES_OF_THE_PRODUCT_ONLY = {
    "language/types.py": "types are checked before any row is read, because a query needs them",
}
FILES_OF_THE_SANDBOX_ONLY = {
    "functions/java_dates/names.py": "names of months, days and zones; the product uses Python's calendar",
    "language/evaluate.py": "the product compiles an expression to a query instead",
    "language/scope.py": "the row of an evaluation; a query has columns",
    "language/options.py": "readings that a test of other software can choose",
    "language/operator_list.py": "the response of /languages/el/operators",
}
SAME_IN_ONE_LINE = {
    *("get", "lower", "upper", "format_date", "not_contains", "not_equal"),  # one call
    *("to_bigint", "upsert_array_append", "upsert_array_replace"),  # the argument
}
"""Functions that have only one sensible body."""


def place(function: Callable[..., object]) -> tuple[str, str]:
    """Return the file and the name of a function."""
    return function.__module__.partition(".functions.")[2], function.__name__


def of_the_product() -> dict[str, set[tuple[str, str]]]:
    return {
        name: {place(way) for way in (function.sql, function.python, function.special) if way}
        for name, function in FUNCTIONS.items()
    }


def of_the_sandbox() -> dict[str, tuple[str, str]]:
    named = {
        name: way
        for name, function in {**registry.FUNCTIONS, **registry.METHODS}.items()
        if (way := function.does or function.lazy)
    }
    signs = {SIGNS_OF_ONE_OPERAND.get(sign, sign): way for sign, way in UNARY.items()}
    return {name: place(way) for name, way in {**named, **signs, **BINARY, **SHORT_CIRCUIT}.items()} | {
        "[]": ("objects", "item_or_member")
    }


def test_each_documented_function_has_the_same_file_and_name_on_both_sides() -> None:
    product, sandbox = of_the_product(), of_the_sandbox()
    both = product.keys() & sandbox.keys()
    differing = {name: (product[name], sandbox[name]) for name in both if sandbox[name] not in product[name]}
    assert differing == {}
    assert (product.keys() ^ sandbox.keys()) - NOT_HERE.keys() == ONE_SIDE_ONLY.keys()
    assert len(both) > 90


def test_the_files_have_the_same_names_on_both_sides() -> None:
    product, sandbox = files_in(PRODUCT), files_in(SANDBOX)
    assert product - sandbox == FILES_OF_THE_PRODUCT_ONLY.keys()
    assert sandbox - product == FILES_OF_THE_SANDBOX_ONLY.keys()


def files_in(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for folder in FOLDERS for path in (root / folder).rglob("*.py")}


def test_no_function_has_the_same_body_on_both_sides() -> None:
    product, sandbox = bodies_in(PRODUCT), bodies_in(SANDBOX)
    same = {name for body in product.keys() & sandbox.keys() for name in product[body] | sandbox[body]}
    assert same == SAME_IN_ONE_LINE


def bodies_in(root: Path) -> dict[str, set[str]]:
    """Return the names of functions by their body, without its docstring and with numbered local names."""
    found: dict[str, set[str]] = {}
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                found.setdefault(body_of(node), set()).add(node.name)
    return found


def body_of(function: ast.FunctionDef) -> str:
    names = {argument.arg: f"argument {n}" for n, argument in enumerate(function.args.args)}
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                node.id = names.get(node.id, node.id)
    return "\n".join(map(ast.dump, statements)) or function.name


def test_neither_side_imports_the_other_one() -> None:
    assert [path for path in PRODUCT.rglob("*.py") if "mixpanel_aep_sandbox" in set(imported(path))] == []
    assert [path for path in SANDBOX.rglob("*.py") if "include" in set(imported(path))] == []


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
