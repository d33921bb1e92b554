"""An expectation that cannot be checked is red, and nested values are found in their rows."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from include.quality.aep_json import without_nulls
from include.quality.constraints import ValidationBroken
from include.quality.derive_expectations import derive_expectations
from include.quality.view import Part, RowChunk, View
from tests.support.broken_rows import (
    GOOD,
    one_text,
    refused,
    suite,
    table,
)
from tests.support.builders import (
    NUMBER,
    TENANT,
    array_of,
    row_rules,
    schema,
)
from tests.support.validate_tables import verdict

pytestmark = pytest.mark.unit
IT = (TENANT, "mixpanel", "it")


@pytest.mark.parametrize(
    "limits",
    [
        {"pattern": "("},
        {"minLength": "two"},
        {"minLength": 0.5},
        {"maxLength": True},
        {"enum": "a"},
        {"oneOf": 5},
        {"not": {"pattern": "("}},
    ],
)
def test_an_expectation_that_cannot_be_checked_is_red(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationBroken, match=r"of field '_acme\.mixpanel\.it' could not be checked"):
        verdict(derive_expectations(schema(it={"type": "string", **limits}), {IT}, row_rules()), one_text())


@pytest.mark.parametrize(
    "limits", [{"minimum": "0"}, {"maximum": True}, {"multipleOf": 0}, {"multipleOf": "2"}]
)
def test_a_limit_that_is_not_a_number_is_red(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationBroken, match="could not be checked"):
        verdict(
            derive_expectations(schema(it={**NUMBER, **limits}), {IT}, row_rules()),
            one_value(1.0, pa.float64()),
        )


def one_value(value: Any, kind: Any) -> pa.Table:
    it = pa.StructArray.from_arrays([pa.array([value], kind)], ["it"])
    return one_text().set_column(2, TENANT, pa.StructArray.from_arrays([it], ["mixpanel"]))


def test_a_nested_schema_that_is_not_a_schema_is_red() -> None:
    node = array_of({"type": "string", "pattern": "("})
    rows = one_value(["a"], pa.list_(pa.string()))
    with pytest.raises(ValidationBroken):
        verdict(derive_expectations(schema(it=node), {(*IT, "*")}, row_rules()), rows)


def test_a_reference_inside_a_schema_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree refuses references already; this is a second protection."""
    from include.quality.json_schema_expectation import validator

    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kw: asked.append(args))
    for target in ("http://127.0.0.1:9/schema.json", "https://ns.adobe.com/xdm/x", "file:///etc/hostname"):
        with pytest.raises(Exception, match="references are not followed"):
            validator(f'{{"items": {{"$ref": "{target}"}}}}')
    assert asked == []


def test_items_are_attributed_to_their_row_also_after_missing_or_empty_arrays_and_maps() -> None:
    rows = [
        {},
        None,
        {"tags": []},
        {"tags": ["x", "z"]},
        {},
        {"prices": {"a": -1}},
        {"items": None},
        {"items": [{"sku": None}]},
    ]
    assert refused(suite(), table(rows)) == {
        3: [("tags.*", "enum")], 5: [("prices.*", "minimum")], 7: [("items.*.sku", "required")],
    }  # fmt: skip


def test_presence_is_checked_only_if_the_parent_object_exists() -> None:
    chunk = RowChunk(table([GOOD, {**GOOD, "place": None}, None, {"place": {"city": None, "zip": "1"}}]))
    seen = chunk.values_of(View((TENANT, "mixpanel", "place", "city"), Part.PRESENCE))
    assert (seen.values.to_pylist(), seen.rows().tolist()) == ([True, False], [0, 3])
    missing = chunk.values_of(View((TENANT, "mixpanel", "place", "street"), Part.PRESENCE))
    assert (missing.values.to_pylist(), missing.rows().tolist()) == ([False, False], [0, 3])


def test_removing_nulls_does_not_change_a_value() -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    value = {"a": None, "b": {"c": None, "d": [1, None, {"e": None}]}, "f": moment, "g": False, "h": 0}
    assert without_nulls(value) == {"b": {"d": [1, {}]}, "f": moment, "g": False, "h": 0}
