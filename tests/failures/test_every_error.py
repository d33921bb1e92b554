"""Promise 5, explained: every error of a client or a step says what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
INCLUDE = Path(__file__).parents[2] / "include"
ROOMS = ("http", "mixpanel", "aep", "steps", "lake")


def errors() -> set[str]:
    tree = ast.parse((INCLUDE / "errors.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def without_a_hint(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors():
            named = {keyword.arg for keyword in node.keywords}
            if len(node.args) < 2 and "hint" not in named:
                yield f"{path.relative_to(INCLUDE)}:{node.lineno}"


def test_every_error_says_what_to_do() -> None:
    paths = [path for room in ROOMS for path in sorted((INCLUDE / room).rglob("*.py"))]
    assert len(paths) > 30
    assert [place for path in paths for place in without_a_hint(path)] == []
