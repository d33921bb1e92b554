"""docs/operating.md: every error that can make a run red is in the table, with its retry and a remedy."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module

import pytest

from include import errors
from tests.support.documentation import ROOT

pytestmark = pytest.mark.unit
GROUPS = {errors.PipelineError, errors.Terminal, errors.Transient}
"""Only their subclasses are raised, and say more."""


def error_classes() -> Iterator[type[errors.PipelineError]]:
    """Return every class of include/errors.py and the classes that other files derive from them."""
    listed = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    yield from (kind for kind in listed if kind.__module__ == errors.__name__)
    names = {kind.__name__ for kind in listed}
    for path in sorted((ROOT / "include").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and names & {getattr(base, "id", "") for base in node.bases}:
                yield getattr(
                    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)), node.name
                )


CLASSES = {kind.__name__: kind for kind in error_classes() if kind not in GROUPS}
SECTION = (ROOT / "docs/operating.md").read_text(encoding="utf-8").split("### Every error\n")[1]
ROWS = {
    cells[1].strip("` "): [cell.strip() for cell in cells[2:-1]]
    for line in SECTION.splitlines()
    if line.startswith("| `")
    for cells in [line.split("|")]
}


def test_the_table_has_every_error_and_no_other() -> None:
    assert ROWS.keys() == CLASSES.keys()
    assert list(ROWS) == sorted(ROWS)


@pytest.mark.parametrize("name", CLASSES)
def test_the_table_has_retry_and_remedy(name: str) -> None:
    retry, happened, remedy = ROWS[name]
    assert retry == ("yes" if issubclass(CLASSES[name], errors.Transient | errors.Conflict) else "no")
    assert len(happened) > 20
    assert len(remedy) > 15 or remedy.startswith("nothing")
