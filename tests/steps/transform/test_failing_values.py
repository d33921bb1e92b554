"""Values that fail a query or a converter are quarantined, and the day continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.errors import SchemaError
from include.lake.lake import Lake
from include.xdm.convert.column_converter import ColumnConverter
from include.xdm.mapping.compile import CompiledMapping, compile_mapping
from tests.support.builders import (
    event,
    line,
    quarantined,
    row,
    rows,
    transformed,
    workspace,
)  # fmt: skip
from tests.support.transformed_days import MAPPING, XDM, digests

pytestmark = pytest.mark.unit


def fragile(select: Callable[[str], str]) -> Callable[..., CompiledMapping]:
    """A compiler with a changed query of expressions."""

    def compiler(*arguments: Any, **more: Any) -> CompiledMapping:
        made = compile_mapping(*arguments, **more)
        assert made.expressions is not None
        return replace(made, expressions=replace(made.expressions, select=select(made.expressions.select)))

    return compiler


UPPER = [MAPPING[0], {**row("upper(properties.$city)", "city"), "sourceType": "EXPRESSION"}]


def test_a_value_that_fails_the_query_is_quarantined_and_the_others_are_mapped(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DuckDB ends a whole query for one value; the event is found and the day continues."""
    fails = "CASE WHEN a0 LIKE '%canary%' THEN error(a0)::BIGINT ELSE row END AS row"
    changed = fragile(lambda select: select.replace("SELECT row, ", f"SELECT {fails}, ", 1))
    monkeypatch.setattr("include.steps.transform.step.compile_mapping", changed)
    assert_two_of_a_hundred_are_quarantined(lake, tmp_path, caplog, UPPER)


def test_a_value_that_fails_a_converter_is_quarantined_and_the_others_are_mapped(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from_values = ColumnConverter.from_values

    def failing(self: ColumnConverter, column: Sequence[Any]) -> Any:
        if "canary" in column:
            raise RuntimeError("canary")
        return from_values(self, column)

    monkeypatch.setattr(ColumnConverter, "from_values", failing)
    monkeypatch.setattr(
        "include.xdm.convert.column_builder.flat_columns", lambda *_: {}
    )  # Otherwise no converter is called.
    assert_two_of_a_hundred_are_quarantined(lake, tmp_path, caplog, MAPPING)


def assert_two_of_a_hundred_are_quarantined(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture, mapping: Sequence[dict[str, Any]]
) -> None:
    bodies = [
        line(event(**{"$insert_id": f"{n}", "$city": "canary" if n in (3, 70) else "Oslo"}))
        for n in range(100)
    ]
    place = workspace(lake)
    made = transformed(place, XDM, mapping, *bodies)
    assert (made.counts["mapped"], made.counts["quarantined"]) == (98, 2)
    assert made.details["reasons"] == {"unexpected_error": 2}
    assert made.details["by_event"] == {"Purchase": 98}
    kept = quarantined(place, made)
    assert [record["line_number"] for record in kept] == [4, 71]
    assert {record["raw"].encode() for record in kept} == {bodies[3], bodies[70]}
    assert sorted(i for i, _ in digests(place, made)) == sorted(r["_id"] for r in rows(place, made, tmp_path))
    assert "unexpected_error" in caplog.text
    assert "canary" not in caplog.text


def test_a_mapping_that_fails_for_every_event_stops_early(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.steps.transform.evaluator.MOST_REJECTED", 3)
    broken = fragile(
        lambda select: select.replace("SELECT row, ", "SELECT error('canary')::BIGINT AS row, ", 1)
    )
    monkeypatch.setattr("include.steps.transform.step.compile_mapping", broken)
    with pytest.raises(SchemaError, match="More than 3 events cannot be mapped") as caught:
        transformed(workspace(lake), XDM, UPPER, *(line(event(**{"$insert_id": f"{n}"})) for n in range(9)))
    assert "canary" not in str(caught.value)
