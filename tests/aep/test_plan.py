"""A field group in AEP grows with its file, and nothing else ever happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from include.aep import plan as plans
from include.aep.client import AepClient
from include.aep.plan import plan_field_group, read_field_group
from include.aep.setup import setup_pipeline
from include.config.model import Pipeline
from include.errors import ConfigError, SchemaError
from include.lake.lake import Lake
from include.xdm.schema import XdmSchema
from tests.carrying import PIPELINES, Carrier, quick_sandbox

pytestmark = pytest.mark.sandbox
SHOP = read_field_group("shop.json")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield server.url


@pytest.fixture
def aep(url: str, tmp_path: Path) -> AepClient:
    return Carrier(url, Lake(f"file://{tmp_path}/lake"), PIPELINES["shop"]).aep


@pytest.fixture
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """The shop, with a schema and a dataset of this test's own."""
    shop, name = PIPELINES["shop"], request.node.name
    return shop.model_copy(update={"aep": shop.aep.model_copy(update={"dataset": name, "schema_name": name})})


@pytest.fixture
def write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[dict[str, Any]], None]:
    """Writes the pipeline's field group file, with ``custom`` as the fields of an object beside the shop's own."""
    monkeypatch.setattr(plans, "FIELD_GROUPS", tmp_path)

    def write(custom: dict[str, Any], **more: Any) -> None:
        group = deepcopy(SHOP) | {"title": f"{request.node.name} fields"}
        fields = {"type": "object", "properties": custom, **more}
        group["properties"]["mixpanel"]["properties"]["custom"] = fields
        (tmp_path / "shop.json").write_text(json.dumps(group))

    return write


Write = Callable[..., None]
BASE: dict[str, Any] = {
    "code": {"type": "string", "maxLength": 9},
    "count": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
    "tags": {"type": "array", "items": {"type": "string"}},
    "cart": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    "place": {"type": "object", "properties": {"city": {"type": "string"}}},
    "plan": {"type": "string", "enum": ["free", "paid"]},
}
PLACE = BASE["place"]["properties"]


def resolved(aep: AepClient, schema_id: str, *path: str) -> str | None:
    schema = XdmSchema(aep.registry.resolved_schema(schema_id))
    found = schema.find((schema.tenant, "mixpanel", "custom", *path))
    return found.kind.value if found else None


def test_new_fields_are_added_wherever_they_are(aep: AepClient, pipeline: Pipeline, write: Write) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    grown = deepcopy(BASE)
    grown["more"] = {"type": "number"}
    grown["place"]["properties"]["street"] = {"type": "string"}
    grown["cart"]["items"]["properties"]["price"] = {"type": "number"}
    grown["device"] = {"type": "object", "properties": {"os": {"type": "string"}}}
    write(grown)
    plan = plan_field_group(pipeline, aep.registry)
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
    plan = plan_field_group(pipeline, aep.registry)
    assert plan is not None
    assert (plan.group_id, plan.operations) == (None, ())
    assert aep.registry.find_by_title("fieldgroups", plan.title) is None


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another type": ({"code": {"type": "number"}}, "custom.code is string in AEP and cannot become number"),
    "a narrower type": ({"count": {"type": "integer"}}, "custom.count is long in AEP and cannot become int"),
    "a wider type": ({"count": {"type": "number"}}, "custom.count is long in AEP and cannot become number"),
    "a format": ({"code": {"type": "string", "format": "date-time"}}, "custom.code is string in AEP"),
    "less length": ({"code": {"type": "string", "maxLength": 3}}, "custom.code has maxLength 9 in AEP"),
    "a pattern": ({"code": BASE["code"] | {"pattern": "^x"}}, "custom.code has pattern unset in AEP"),
    "fewer values": ({"plan": {"type": "string", "enum": ["free"]}}, "custom.plan has enum"),
    "other items": (
        {"tags": {"type": "array", "items": {"type": "number"}}},
        r"custom\.tags\.\* is string in AEP",
    ),
    "a renamed field": (
        {"place": {"type": "object", "properties": {"town": {"type": "string"}}}},
        "custom.place.city is in AEP and cannot be removed, renamed or moved",
    ),
    "a required field": (
        {"place": {"type": "object", "properties": PLACE, "required": ["city"]}},
        "custom.place.city cannot become required",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_addition_is_refused_before_anything_is_sent(
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


def test_a_field_that_somebody_added_in_aep_has_to_be_in_the_file(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    write({name: field for name, field in BASE.items() if name != "tags"})
    with pytest.raises(SchemaError, match=r"custom\.tags is in AEP"):
        plan_field_group(pipeline, aep.registry)


def test_what_only_tells_people_something_is_no_change(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    write(BASE)
    setup_pipeline(pipeline, aep)
    write(BASE | {"code": BASE["code"] | {"title": "Code", "description": "What it is"}})
    assert setup_pipeline(pipeline, aep).changes == []


def test_a_schema_that_lacks_the_field_group_gets_it(
    aep: AepClient, pipeline: Pipeline, write: Write
) -> None:
    event = "https://ns.adobe.com/xdm/context/experienceevent"
    title = pipeline.aep.schema_name
    aep.registry.create("schemas", {"title": title, "type": "object", "allOf": [{"$ref": event}]})
    write(BASE)
    result = setup_pipeline(pipeline, aep)
    assert f"added the field group to schema {title!r}" in result.changes
    assert resolved(aep, result.schema_id, "code") == "string"
    assert setup_pipeline(pipeline, aep).changes == []


def test_a_file_that_is_no_field_group_is_told(pipeline: Pipeline, tmp_path: Path, write: Write) -> None:
    write({})
    (tmp_path / "shop.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"shop\.json is no field group"):
        read_field_group("shop.json")
    with pytest.raises(ConfigError, match=r"no file other\.json"):
        read_field_group("other.json")
