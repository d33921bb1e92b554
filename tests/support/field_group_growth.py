"""Fixtures for a field group that grows: a test's own pipeline in a sandbox, and its field group file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.setup import changes, plan_pipeline, read_field_group
from include.aep.setup import field_group as plans
from include.config.model import Pipeline
from include.json_types import JsonObject
from include.lake.lake import Lake
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

SHOP = read_field_group("shop.json")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield server.url


@pytest.fixture
def aep(url: str, tmp_path: Path) -> AepClient:
    return PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), PIPELINES["shop"]).aep


@pytest.fixture
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """Return the shop pipeline with a schema and a dataset that only this test uses."""
    shop, name = PIPELINES["shop"], request.node.name
    return shop.model_copy(update={"aep": shop.aep.model_copy(update={"dataset": name, "schema_name": name})})


@pytest.fixture
def write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[JsonObject], None]:
    """Write the pipeline's field group file, with ``custom`` as the fields of an additional object."""
    monkeypatch.setattr(plans, "FIELD_GROUPS", tmp_path)

    def write(custom: JsonObject, **more: Any) -> None:
        group = deepcopy(SHOP) | {"title": f"{request.node.name} fields"}
        fields = {"type": "object", "properties": custom, **more}
        group["properties"]["mixpanel"]["properties"]["custom"] = fields
        (tmp_path / "shop.json").write_text(json.dumps(group))

    return write


Write = Callable[..., None]
BASE: JsonObject = {
    "code": {"type": "string", "maxLength": 9},
    "count": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
    "tags": {"type": "array", "items": {"type": "string"}},
    "cart": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string", "maxLength": 8}}}},
    "place": {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "string"}}, "required": ["city", "zip"]},
    "plan": {"type": "string", "enum": ["free", "paid"], "meta:enum": {"free": "Free", "paid": "Paid"}},
    "tally": {"type": "integer", "minimum": 0, "maximum": 100},
    "labels": {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "string", "maxLength": 5}},
    "mood": {"type": "string", "meta:enum": {"good": "Good"}},
    "ratio": {"type": "number", "minimum": 0, "maximum": 1},
    "short": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
}  # fmt: skip
PLACE, CART = BASE["place"]["properties"], BASE["cart"]


def resolved(aep: AepClient, schema_id: str, *path: str) -> str | None:
    schema = XdmSchema(aep.registry.resolved_schema(schema_id))
    found = schema.find((schema.tenant, "mixpanel", "custom", *path))
    return found.kind.value if found else None


def group_plan(pipeline: Pipeline, aep: AepClient) -> plans.FieldGroupPlan | None:
    """Return the planned change of the field group that the pipeline's file defines, or None."""
    plan = plan_pipeline(pipeline, aep, Ownership(pipeline.name))
    return next((each.plan for each in plan.changes if isinstance(each, changes.GrowFieldGroup)), None)
