"""Names that others chose are text on a page and never markup; and no file is written that a spreadsheet would execute."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from include.quality.report import Expectation, Report, render
from tests.quality.test_report import Page
from tests.security.canary_run import Running
from tests.security.hostile_names import FORMULAS, MARKUP

ROOT = Path(__file__).parents[2]
_TAG = re.compile(r"<\s*/?\s*([A-Za-z!?][^\s>/]*)")
_OUR_TAGS = {
    "!doctype", "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "details", "summary", "div", "b", "table", "tr", "th",
    "td", "code", "br", "wbr", "small", "svg", "g", "rect", "span",
}  # fmt: skip
_OUR_ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "class", "style", "viewbox", "role", "aria-label", "x", "y",
    "width", "height", "preserveaspectratio",
}  # fmt: skip
_CSV_WRITERS = {"writer", "DictWriter", "to_csv", "write_csv", "save_csv"}


def report(text: str) -> Report:
    """Return a report with ``text`` in every place that a name, a reason or a value can reach."""
    counts = {"exported": 5, "duplicates": 0, "quarantined": 1, "refused": 2, "valid": 2}
    return Report(
        text, text, text, text, counts, {text: 2}, {text: 3}, [Expectation(text, text, "critical", 1), Expectation(text, text, "critical", 0, restates=True)], {text: 4}, {text: 5},
        [text], {text: 6}, {text: 7}, {text: 8}, examples={text: [text]}, quarantine=[text],
    )  # fmt: skip


def tags(page: str) -> list[str]:
    """The tags of a page, except those at which a long name may be broken: how many there are depends on the name."""
    return [name.lower() for name in _TAG.findall(page) if name != "wbr"]


@pytest.mark.unit
@pytest.mark.case("M03")
@pytest.mark.parametrize("name", MARKUP, ids=lambda name: f"M03-{name}")
def test_m03_markup_is_text_wherever_it_comes_from(name: str) -> None:
    page, plain = render(report(MARKUP[name])), render(report("plain"))
    assert tags(page) == tags(plain)
    assert MARKUP[name] not in page or not set(MARKUP[name]) & set("<>\"'&")
    assert (
        Page(page).attributes == Page(plain).attributes
    )  # In no attribute, where `javascript:` needs no tag.


@pytest.mark.sandbox
@pytest.mark.case("M03")
def test_m03_every_page_in_the_lake_of_a_hostile_day_has_our_tags_only(carried: Running) -> None:
    lake = carried.runner.lake
    pages = [(lake.read(key) or b"").decode() for key in lake.keys("") if key.endswith(".html")]
    assert len(pages) == 1
    for page in pages:
        assert set(tags(page)) <= _OUR_TAGS
        attributes = Page(page).attributes
        assert {name for _, name, _ in attributes} <= _OUR_ATTRIBUTES
        assert not [value for _, _, value in attributes if any(text in value for text in MARKUP.values())]
    # It is there as text: the page shows the names of events.
    assert "&lt;" in pages[0]


@pytest.mark.sandbox
@pytest.mark.case("M03")
@pytest.mark.parametrize(
    "path", ["/_sandbox/aep/batches", "/_sandbox/mixpanel/returned", "/_sandbox/transcript"]
)
def test_m03_data_shown_by_the_sandbox_is_not_a_page(carried: Running, path: str) -> None:
    answer = requests.get(carried.url + path, timeout=20)
    assert answer.headers["Content-Type"].partition(";")[0] in ("application/json", "application/x-ndjson")


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.unit
@pytest.mark.case("M04")
def test_m04_no_csv_is_written() -> None:
    """A spreadsheet treats a cell that begins with = + - @ as a formula. Rows are sent as JSON Lines and Parquet."""
    found = []
    for path in python_files("include", "plugins", "dags"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (
                node.attr
                if isinstance(node, ast.Attribute)
                else node.id
                if isinstance(node, ast.Name)
                else ""
            )
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if name in _CSV_WRITERS and not _of_another_library(node):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
            if re.search(r"\bCOPY\b.*\bCSV\b|text/csv", text, re.IGNORECASE | re.DOTALL):
                found.append(f"{path.relative_to(ROOT)}: {text[:60]}")
    assert found == []


def _of_another_library(node: ast.AST) -> bool:
    """``writer`` of anything but the module ``csv``."""
    return isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute)
        and node.attr == "writer"
        and not (isinstance(node.value, ast.Name) and node.value.id == "csv")
    )


@pytest.mark.sandbox
@pytest.mark.case("M04")
def test_m04_a_formula_arrives_unchanged_as_text(carried: Running) -> None:
    """Nothing is prefixed: a change for spreadsheets would change the value in AEP."""
    names = {row["eventType"] for row in carried.rows()}
    assert set(FORMULAS.values()) <= names
    keys = list(carried.runner.lake.keys(""))
    assert not [key for key in keys if key.endswith((".csv", ".tsv", ".xlsx"))]
