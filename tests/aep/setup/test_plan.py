"""A field group in AEP grows with its file; other changes are refused before any request that writes."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.setup import plan_pipeline, read_field_group, setup_pipeline
from include.config.model import Pipeline
from include.errors import ConfigError, SchemaError
from tests.support.field_group_growth import BASE, Write, aep, group_plan, pipeline, resolved, url, write

pytestmark = pytest.mark.sandbox
__all__ = ["aep", "pipeline", "url", "write"]


def test_new_fields_are_added_at_any_level(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    grown = deepcopy(BASE)
    grown["more"] = {"type": "number"}
    grown["place"]["properties"]["street"] = {"type": "string"}
    grown["cart"]["items"]["properties"]["price"] = {"type": "number"}
    grown["device"] = {"type": "object", "properties": {"os": {"type": "string"}}}
    write(grown)
    plan = group_plan(pipeline, aep)
    assert plan is not None
    assert {operation["op"] for operation in plan.operations} == {"add"}
    assert dict(plan.added) == {
        "mixpanel.custom.more": "number",
        "mixpanel.custom.place.street": "string",
        "mixpanel.custom.cart.*.price": "number",
        "mixpanel.custom.device": "object",
    }
    result = setup_pipeline(pipeline, aep)
    assert [change.split(":")[0] for change in result.changes] == [f"added to field group {plan.title!r}"]
    assert resolved(aep, result.schema_id, "place", "street") == "string"
    assert resolved(aep, result.schema_id, "device", "os") == "string"
    assert setup_pipeline(pipeline, aep).changes == []


def test_a_plan_sends_nothing(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    plan = plan_pipeline(pipeline, aep, Ownership(pipeline.name))
    kinds = [change.kind for change in plan.changes]
    assert [kind for kind in kinds if kind not in ("create_namespace", "mark_identity", "tag_dataset")] == [
        "create_field_group",
        "create_schema",
        "create_dataset",
    ]
    assert aep.registry.find_by_title("fieldgroups", str(read_field_group("shop.json")["title"])) is None


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another type": ({"code": {"type": "number"}}, "custom.code is string in AEP and cannot become number"),
    "a narrower type": ({"count": {"type": "integer"}}, "custom.count is long in AEP and cannot become int"),
    "bounds of another type": (
        {"tally": {"type": "integer", "minimum": 0, "maximum": 1000}},
        "custom.tally is byte in AEP and cannot become short",
    ),
    "a wider type": ({"count": {"type": "number"}}, "custom.count is long in AEP and cannot become number"),
    "a format": ({"code": {"type": "string", "format": "date-time"}}, "custom.code is string in AEP"),
    "less length": ({"code": {"type": "string", "maxLength": 3}}, "custom.code has maxLength 9 in AEP"),
    "a pattern": ({"code": BASE["code"] | {"pattern": "^x"}}, "custom.code has pattern unset in AEP"),
    "fewer values": ({"plan": {"type": "string", "enum": ["free"]}}, "custom.plan has enum"),
    "other items": (
        {"tags": {"type": "array", "items": {"type": "number"}}},
        r"custom\.tags\.\* is string in AEP",
    ),
    "an enum where none was": (
        {"mood": {"type": "string", "enum": ["good"]}},
        "custom.mood has enum unset in AEP and cannot become",
    ),
    "other values": (
        {"plan": {"type": "string", "enum": ["free", "dear", "dearer"]}},
        "custom.plan has enum",
    ),
    "another pattern": ({"short": BASE["short"] | {"pattern": "^x"}}, "custom.short has pattern"),
    "more length at least": (
        {"short": BASE["short"] | {"minLength": 3}},
        "custom.short has minLength 2 in AEP",
    ),
    "a lower maximum": ({"ratio": BASE["ratio"] | {"maximum": 0.5}}, "custom.ratio has maximum 1 in AEP"),
    "another default": ({"code": BASE["code"] | {"default": "x"}}, "custom.code has default unset in AEP"),
    "a required field": (
        {"cart": {"type": "array", "items": BASE["cart"]["items"] | {"required": ["sku"]}}},
        r"custom.cart.\*.sku cannot become required",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_changes_other_than_growth_are_refused_before_a_write(
    aep: AepClient, pipeline: Pipeline, write: Write, change: dict[str, Any], reason: str
) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    title = str(read_field_group("shop.json")["title"])
    before = aep.registry.find_by_title("fieldgroups", title)
    write(BASE | change | {"more": {"type": "string"}})
    with pytest.raises(SchemaError, match=reason):
        setup_pipeline(pipeline, aep)
    assert aep.registry.find_by_title("fieldgroups", title) == before


def test_changed_descriptions_are_ignored(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    write(BASE | {"code": BASE["code"] | {"title": "Code", "description": "What it is"}})
    assert setup_pipeline(pipeline, aep).changes == []


def test_a_schema_without_the_field_group_gets_it(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    event = "https://ns.adobe.com/xdm/context/experienceevent"
    title = pipeline.aep.schema_name
    aep.registry.create("schemas", {"title": title, "type": "object", "allOf": [{"$ref": event}]})
    write(BASE)
    result = setup_pipeline(pipeline, aep)
    assert f"added the field group to schema {title!r}" in result.changes
    assert resolved(aep, result.schema_id, "code") == "string"
    assert setup_pipeline(pipeline, aep).changes == []


def test_a_file_that_is_not_a_field_group_is_refused(
    pipeline: Pipeline, tmp_path: Path, write: Write
) -> None:
    write({})
    (tmp_path / "shop.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"shop\.json is not a field group"):
        read_field_group("shop.json")
    with pytest.raises(ConfigError, match=r"other\.json does not exist"):
        read_field_group("other.json")
