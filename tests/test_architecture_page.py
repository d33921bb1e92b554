"""docs/architecture.md names files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and ".py`" in line]
FOLDERS = ("include", "plugins", "dags", "tests", "sandbox", "scripts", "docs")


def files_of(row: str) -> tuple[list[Path], list[str]]:
    """The files that a row names, a bare name in the folder of a path before it; and those that do not exist."""
    found: list[Path] = []
    missing, folders = [], [ROOT]
    for name in re.findall(r"`([\w./-]+(?:\.py|/))`", row):
        places = [ROOT / name] if name.split("/")[0] in FOLDERS else [here / name for here in folders]
        known = [place for place in places if place.exists()]
        if not known:
            missing.append(name)
            continue
        folders += [known[0] if known[0].is_dir() else known[0].parent, known[0].parent.parent]
        found += [known[0]] if known[0].is_file() else []
    return found, missing


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_every_file_exists(row: str) -> None:
    assert files_of(row)[1] == []


def test_every_function_on_the_way_of_a_line_exists() -> None:
    section = PAGE.split("## One event line, one partition key")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if ".py`" in line]
    assert len(rows) > 20
    for row in rows:
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files_of(row)[0]]
        defined = {
            node.name
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        named = re.findall(r"[A-Za-z_]\w*", row.split("|")[3])
        assert set(named) <= defined, row
