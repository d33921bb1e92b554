"""Every function returns what Adobe's documentation says."""

from __future__ import annotations

from typing import Any

import pytest

from include.steps.duckdb_connection import open_duckdb
from include.xdm.dataprep.docs_table import PAGE, replace_tables, tables
from include.xdm.dataprep.functions import ALL, FUNCTIONS, NOT_HERE
from tests.support.evaluate_expressions import evaluate

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_duckdb(tmp_path_factory.mktemp("duckdb")) as connection:
        connection.execute("SET threads = 1")
        yield connection


def test_every_documented_example_gives_the_documented_result(db: Any) -> None:
    examples = [example for function in ALL for example in function.examples]
    found = evaluate(db, [expression for expression, _ in examples])
    given = dict(zip((expression for expression, _ in examples), found, strict=True))
    assert given == dict(examples)


def test_the_page_has_the_generated_table_of_functions() -> None:
    """Otherwise: python -m include.xdm.dataprep.docs_table"""
    page = PAGE.read_text(encoding="utf-8")
    assert page == replace_tables(page)


def test_the_page_names_every_function_once() -> None:
    page = tables().replace("\\|", "|")
    assert [
        name for name in {**FUNCTIONS, **NOT_HERE} if name.isidentifier() and f"`{name}" not in page
    ] == []
    assert [name for name in FUNCTIONS if name.removeprefix("unary ") not in page] == []
    assert FUNCTIONS.keys().isdisjoint(NOT_HERE)
