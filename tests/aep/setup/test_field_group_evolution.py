"""Changes that AEP allows in addition to new fields: relaxed constraints; fields that exist only in AEP are kept."""

from __future__ import annotations

from typing import Any

import pytest

from include.aep.client import AepClient
from include.aep.setup import read_field_group, setup_pipeline
from include.config.model import Pipeline
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.field_group_growth import (
    BASE,
    CART,
    PLACE,
    Write,
    aep,
    group_plan,
    pipeline,
    resolved,
    url,
    write,
)

pytestmark = pytest.mark.sandbox
__all__ = ["aep", "pipeline", "url", "write"]


LOOSENED: dict[str, tuple[dict[str, Any], str, str, Any]] = {
    "more length": ({"code": {"type": "string", "maxLength": 20}}, "code", "maxLength 9 becomes 20", {"maxLength": 20}),
    "any length": ({"code": {"type": "string"}}, "code", "maxLength 9 is removed", {"maxLength": None}),
    "less length at least": (
        {"short": BASE["short"] | {"minLength": 1}}, "short", "minLength 2 becomes 1", {"minLength": 1},
    ),
    "no pattern": (
        {"short": {"type": "string", "minLength": 2}}, "short", "pattern ^[a-z]+$ is removed", {"pattern": None},
    ),
    "wider bounds": (
        {"ratio": {"type": "number", "minimum": -1, "maximum": 1}}, "ratio", "minimum 0 becomes -1", {"minimum": -1},
    ),
    "a wider range of one type": (
        {"tally": {"type": "integer", "minimum": 0, "maximum": 120}}, "tally", "maximum 100 becomes 120", {"maximum": 120},
    ),
    "more values": (
        {"plan": {"type": "string", "enum": ["team", "paid", "free"]}},
        "plan",
        "enum ['free', 'paid'] becomes ['team', 'paid', 'free']",
        {"enum": ["team", "paid", "free"], "meta:enum": {"free": "Free", "paid": "Paid"}},
    ),
    "any value": (
        {"plan": {"type": "string"}},
        "plan",
        "enum ['free', 'paid'] is removed",
        {"enum": None, "meta:enum": {"free": "Free", "paid": "Paid"}},
    ),
    "more suggested values": (
        {"mood": {"type": "string", "meta:enum": {"bad": "Bad"}}},
        "mood",
        "meta:enum adds bad",
        {"meta:enum": {"good": "Good", "bad": "Bad"}},
    ),
    "a required field of two": (
        {"place": BASE["place"] | {"required": ["zip"]}}, "place", "city is no longer required", {"required": ["zip"]},
    ),
    "longer texts in a list": (
        {"cart": CART | {"items": {"type": "object", "properties": {"sku": {"type": "string", "maxLength": 9}}}}},
        "cart.*.sku", "maxLength 8 becomes 9", {},
    ),
    "longer texts in a map": (
        {"labels": BASE["labels"] | {"additionalProperties": {"type": "string"}}},
        "labels.*", "maxLength 5 is removed", {},
    ),
    "required fields": (
        {"place": {"type": "object", "properties": PLACE}},
        "place", "city, zip is no longer required", {"required": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "name", "reported", "now"), LOOSENED.values(), ids=LOOSENED.keys())
def test_relaxed_constraints_are_accepted_for_a_schema_in_use(
    aep: AepClient,
    pipeline: Pipeline,
    write: Write,
    change: dict[str, Any],
    name: str,
    reported: str,
    now: Any,
) -> None:
    """EP:xdm/ui/fields/enum.md#evolution: an existing field can only be made less restrictive."""
    write(BASE)
    setup_pipeline(pipeline, aep)
    write(BASE | change)
    plan = group_plan(pipeline, aep)
    assert plan is not None
    assert plan.relaxed == ((f"mixpanel.custom.{name}", reported),)
    assert (plan.added, plan.kept) == ((), ())
    result = setup_pipeline(pipeline, aep)
    assert result.changes == [
        f"relaxed constraints in field group {plan.title!r}: mixpanel.custom.{name} ({reported})"
    ]
    schema = XdmSchema(aep.registry.resolved_schema(result.schema_id))
    field = schema.find((schema.tenant, "mixpanel", "custom", name.partition(".")[0]))
    assert field is not None
    there = field.constraints | {"required": sorted(field.required) or None}
    assert {keyword: there.get(keyword) for keyword in now} == now
    assert setup_pipeline(pipeline, aep).changes == []


def test_a_field_added_in_aep_is_reported_and_kept(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    assert group_plan(pipeline, aep) is None
    title = str(read_field_group("shop.json")["title"])
    group = aep.registry.find_by_title("fieldgroups", title)
    assert group is not None
    tenant = f"_{aep.registry.tenant_id()}"
    custom = f"/definitions/customFields/properties/{tenant}/properties/mixpanel/properties/custom/properties"
    added: dict[str, Any] = {
        "theirs": {"type": "integer"},
        "address": {"$ref": "https://ns.adobe.com/xdm/common/address", "type": "object"},
        "place/properties/street": {"type": "string"},
        "cart/items/properties/price": {"type": "number"},
    }
    aep.registry.patch(
        "fieldgroups",
        group["$id"],
        [{"op": "add", "path": f"{custom}/{path}", "value": node} for path, node in added.items()],
    )
    write({name: node for name, node in BASE.items() if name != "tags"} | {"more": {"type": "string"}})
    grown = group_plan(pipeline, aep)
    assert grown is not None
    assert sorted(grown.kept) == [
        ("mixpanel.custom.address", "object"),
        ("mixpanel.custom.cart.*.price", "number"),
        ("mixpanel.custom.place.street", "string"),
        ("mixpanel.custom.tags", "array"),
        ("mixpanel.custom.theirs", "int"),
    ]
    result = setup_pipeline(pipeline, aep)
    assert result.changes == [f"added to field group {title!r}: mixpanel.custom.more (string)"]
    assert "AEP has a field mixpanel.custom.theirs (int) that is not in the file; it is kept." in result.notes
    assert resolved(aep, result.schema_id, "theirs") == "int"
    assert resolved(aep, result.schema_id, "tags") == "array"
    again = setup_pipeline(pipeline, aep)
    assert (again.changes, len(again.notes)) == ([], 5)


def test_a_new_enum_value_has_its_label(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    labels = {"free": "Free of charge", "team": "Team"}
    write(BASE | {"plan": {"type": "string", "enum": ["free", "paid", "team"], "meta:enum": labels}})
    result = setup_pipeline(pipeline, aep)
    schema = XdmSchema(aep.registry.resolved_schema(result.schema_id))
    field = schema.find((schema.tenant, "mixpanel", "custom", "plan"))
    assert field is not None
    assert field.constraints["enum"] == ["free", "paid", "team"]
    assert field.constraints["meta:enum"] == {"free": "Free", "paid": "Paid", "team": "Team"}
    assert setup_pipeline(pipeline, aep).changes == []
