"""Proposed fields accept every discovered value exactly: nothing is omitted or rounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from include.xdm.discovery.discover import Discovery
from include.xdm.discovery.field_names import FieldAssignments, field_name
from include.xdm.discovery.field_proposals import propose_fields
from tests.support.builders import event, line, schema
from tests.xdm.mapping.test_compile import db, mapped  # noqa: F401 - a fixture

pytestmark = pytest.mark.unit

VALUES: dict[str, list[Any]] = {
    "plain": ["a", "", None, "b"],
    "long": [1, -(2**53), 2**53, 0],
    "number": [1, 2.5, -3, 0.1],
    "too_long": [2**53 + 1, 5, 2**70, -7],
    "mixed": [1, "1", True, "x"],
    "flag": [True, False, True, None],
    "when": ["2026-07-01T10:00:00Z", "2026-07-01T12:00:00+02:00", None, "2026-07-01T10:00:00.250Z"],
    "tags": [["a"], ["b", "c"], [], None],
    "counts": [[1, 2], [3], None, [4]],
    "User Name": ["Ann", "Bob", "Cem", "Eve"],
    "a.b[0]\\": ["x", "y", "z", "${q}"],
    "${c}": ["1", "2", "3", "4"],
}


def discovered(*events: dict[str, Any]) -> Discovery:
    found = Discovery()
    found.add_lines([line(event(**properties)) for properties in events])
    return found


def custom(db: Any, *events: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: F811
    """Return events as mapped by the mapping that is proposed for them."""
    proposal = propose_fields(discovered(*events), FieldAssignments())
    fields = proposal.field_group({})["properties"]["mixpanel"]["properties"]
    rows = mapped(
        db, schema(**fields), proposal.rows(), *(line(event(**properties)) for properties in events)
    )
    assert [row["failed"] for row in rows] == [[] for _ in events]
    return [row["it"]["custom"] for row in rows]


def expected(name: str, value: Any) -> Any:
    if value in (None, "", []):
        return None
    if name == "too_long":
        return str(value)
    if name == "mixed":
        return value if isinstance(value, str) else json.dumps(value)
    if name == "when":
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


def test_every_value_is_in_its_field_exactly(db: Any) -> None:  # noqa: F811
    events = [{name: values[n] for name, values in VALUES.items()} for n in range(4)]
    for n, found in enumerate(custom(db, *events)):
        for name, values in VALUES.items():
            assert found[field_name(name)] == expected(name, values[n]), (name, n)


def test_members_of_objects_have_their_own_fields(db: Any) -> None:  # noqa: F811
    (first, second) = custom(db, {"o": {"A b": {"c": 1}, "d": "x"}}, {"o": {"d": "y"}})
    assert first["o"][field_name("A b")]["c"] == 1
    assert (first["o"]["d"], second["o"]["d"]) == ("x", "y")


def test_a_list_of_objects_stays_in_step(db: Any) -> None:  # noqa: F811
    (found,) = custom(db, {"cart": [{"sku": "a", "Price": 1.5}, {"sku": "b"}, {"Price": 2}]})
    price = field_name("Price")
    assert found["cart"] == [{"sku": "a", price: 1.5}, {"sku": "b", price: None}, {"sku": None, price: 2.0}]


def test_values_without_a_field_type_become_one_json_text(db: Any) -> None:  # noqa: F811
    many = {f"k{n}": n for n in range(60)}
    (found,) = custom(db, {"many": many, "odd": [1, "a", [2]], "deep": {"b": {"c": {"d": {"e": 1}}}}})
    assert json.loads(found["many"]) == many
    assert json.loads(found["odd"]) == [1, "a", [2]]
    assert json.loads(found["deep"]["b"]["c"]["d"]) == {"e": 1}
