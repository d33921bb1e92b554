"""The cost of a plan in addition to AEP's responses: at most seconds, for the largest schemas and worst mappings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest

from include.aep.setup import SetupRequirements, plan_setup, read_state
from include.errors import ConfigError
from include.xdm.mapping.mapping_set import bind
from tests.field_groups import adobe_registry as adobe
from tests.support.builders import STRING, object_of, row, schema
from tests.support.company_sandbox import Company, attribute, company
from tests.support.pipeline_runner import quick_sandbox

pytestmark = pytest.mark.sandbox
__all__ = ["company"]
_GROUPS, _FIELDS = 30, 2000
_PLAN_SECONDS, _REFUSAL_SECONDS = 3, 2


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with adobe.in_the_sandbox(), quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield server.url


def test_a_plan_for_thirty_field_groups_takes_seconds_at_most(company: Company) -> None:
    """Measured: 0.1 s of processor time for 3,000 fields."""
    known = [key for key in adobe.groups() if key.startswith("https://ns.adobe.com/xdm/")]
    largest = sorted(known, key=lambda key: -len(json.dumps(adobe.documents()[key])))[:_GROUPS]
    own = {"title": "Wide", "properties": {f"field{n}": STRING for n in range(_FIELDS)}}
    pipeline = company.pipeline([attribute("event", "eventType")], own, aep={"field_groups": largest})
    requirements = SetupRequirements.of(pipeline)
    state = read_state(company.aep, requirements)
    began = process_time()
    plan = plan_setup(state, requirements)
    took = process_time() - began
    assert sum(1 for _ in plan.schema.root.walk()) > _FIELDS
    assert len(plan.changes[-2].details) > _GROUPS
    assert took < _PLAN_SECONDS
    wrong = [attribute(f"properties.p{n}", f"commerce.order.purchaseNumbr{n}.event{n}") for n in range(100)]
    began = process_time()
    with pytest.raises(ConfigError, match=r"has no field commerce\.order\.purchaseNumbr0"):
        plan_setup(state, replace(requirements, rows=tuple(wrong)))
    assert process_time() - began < _REFUSAL_SECONDS


def test_a_hundred_invalid_paths_are_refused_in_seconds(tmp_path: Path) -> None:
    """Measured: 0.3 s of processor time."""
    members = {f"fieldNumber{n}": STRING for n in range(50)}
    wide = schema(**{f"group{n}": object_of(**members) for n in range(_FIELDS // 50)})
    rows = [row(f"properties.p{n}", f"group{n % 40}.fieldNumbr{n}") for n in range(100)]
    began = process_time()
    with pytest.raises(ConfigError, match=r"nearest is _acme\.mixpanel\.group7\.fieldNumber47"):
        bind("x", rows, wide, keep_unmapped=False)
    assert process_time() - began < _REFUSAL_SECONDS
