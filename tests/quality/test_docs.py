"""docs/quality.md has the current table of constraints."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.quality.constraints import CONSTRAINTS

pytestmark = pytest.mark.unit
PAGE = Path(__file__).parents[2] / "docs" / "quality.md"


def table() -> list[str]:
    rows = [
        f"| `{name}` | {c.required_by} | {c.expectation.removeprefix('Expect')} | {c.scope} | {c.severity} | "
        f"{c.sentence.format(limit='*limit*')} |"
        for name, c in CONSTRAINTS.items()
    ]
    head = "| constraint | asked by | expectation | of a | severity | the report says |"
    return [head, "|---|---|---|---|---|---|", *rows]


def test_the_page_has_the_current_table_of_constraints() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text[text.index("<!-- table:") : text.index("<!-- end of table")].splitlines()[1:]
    assert [line for line in shown if line] == table()
