"""Each of Adobe's field groups for events: composed, planned, applied, mapped, a day loaded, and what AEP has verified.

``make test`` takes ten of them, ``make test-schemas`` (``ALL_FIELD_GROUPS=1``) all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest

from include.config.model import Pipeline
from include.steps.history.open_history import open_history
from include.steps.verify import verify
from include.xdm.dataprep.language.paths import parse_path
from include.xdm.schema.xdm_field import Kind, XdmField
from include.xdm.schema.xdm_schema import EXPERIENCE_EVENT, XdmSchema
from tests.field_groups import adobe_registry as adobe
from tests.support.company_sandbox import DAY, Company, attribute, company, constant
from tests.support.pipeline_runner import quick_sandbox

pytestmark = pytest.mark.sandbox
Path = tuple[str, ...]
DRAFT = "http://json-schema.org/draft-07/schema#"
__all__ = ["company"]
_TEN = (
    "context/experienceevent-web", "context/experienceevent-commerce", "context/experienceevent-environment-details",
    "context/experienceevent-marketing", "context/experienceevent-search", "context/experienceevent-pushtracking",
    "context/experienceevent-implementation-details", "context/experienceevent-directmarketing",
    "mixins/experienceevent-site-search", "mixins/experienceevent-media-analytics",
)  # fmt: skip
TEN = [f"https://ns.adobe.com/xdm/{name}" for name in _TEN]
CHOSEN = (
    adobe.groups() if os.environ.get("ALL_FIELD_GROUPS") else [key for key in adobe.groups() if key in TEN]
)
SOURCES = {
    Kind.STRING: "text", Kind.NUMBER: "fraction", Kind.BOOLEAN: "flag", Kind.DATE: "day", Kind.DATE_TIME: "moment",
    **dict.fromkeys((Kind.LONG, Kind.INTEGER, Kind.SHORT, Kind.BYTE), "whole"),
}  # fmt: skip
EVENT: dict[str, Any] = {
    "text": "a", "fraction": 0.5, "whole": 1, "flag": True, "day": "2026-06-30", "moment": "2026-06-30T12:00:00Z",
    "$user_id": "u1",
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with adobe.in_the_sandbox(), quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield server.url


def test_the_ten_exist() -> None:
    assert len([key for key in adobe.groups() if key in TEN]) == 10


def rows_of(part: Mapping[str, Any], known: set[Path]) -> list[dict[str, str]]:
    """Return a mapping to the first field that a value can fill, with the mappings that it requires, or none."""
    fits = jsonschema_rs.Draft7Validator(
        {**part, "type": "object", "$schema": DRAFT}, validate_formats=True
    ).is_valid
    schema = XdmSchema({**part, "type": "object"})
    for field in _leaves(schema.root):
        rows = [_row(each) for each in (field, *_beside(schema, field))]
        if field.path not in known and all(rows) and fits(_instance([row for row in rows if row])):
            return [row for row in rows if row]
    return []


def _leaves(field: XdmField) -> Iterator[XdmField]:
    """Yield the fields that are not objects, first those outside arrays and maps."""
    inner = [*field.children.values(), *([field.item] if field.item else [])]
    for each in sorted(inner, key=lambda child: child.kind in (Kind.ARRAY, Kind.MAP)):
        if each.kind in SOURCES:
            yield each
        yield from _leaves(each)


def _beside(schema: XdmSchema, field: XdmField) -> list[XdmField]:
    """Return the required members of the objects that contain a field, with the required members of objects among them."""
    found: dict[Path, XdmField] = {}

    def look(here: XdmField) -> None:
        for name in sorted(here.required & here.children.keys()):
            child = here.children[name]
            if child.kind is Kind.OBJECT:
                look(child)
            elif child.path != field.path[: len(child.path)] and child.path not in (("_id",), ("timestamp",)):
                found[child.path] = child

    here: XdmField | None = schema.root
    for name in field.path:
        assert here is not None
        look(here)
        here = here.item if name == "*" else here.children[name]
    return list(found.values())


def _row(field: XdmField) -> dict[str, str] | None:
    """Return a mapping; a constant if the schema accepts only certain texts; None if the field holds no single value."""
    destination = ""
    for part in field.path:
        destination += "[0]" if part == "*" else f".{_named(part)}"
    allowed = field.constraints.get("enum") or (
        [field.constraints["const"]] if "const" in field.constraints else None
    )
    if allowed:
        return constant(str(allowed[0]), destination[1:])
    return attribute(f"properties.{SOURCES[field.kind]}", destination[1:]) if field.kind in SOURCES else None


def _instance(rows: list[dict[str, str]]) -> Any:
    """Return the event that a mapping produces, as JSON."""
    made: dict[str, Any] = {}
    for row in rows:
        value = row["source"]
        value = EVENT[value.removeprefix("properties.")] if row["sourceType"] == "ATTRIBUTE" else value
        here: Any = made
        *outer, last = parse_path(row["destination"])
        for step, following in zip(outer, [*outer, last][1:], strict=True):
            empty: Any = [] if following == 0 else {}
            if isinstance(here, list):
                here[:] = here or [empty]
                here = here[0]
            else:
                here = here.setdefault(str(step), empty)
        if isinstance(here, list):
            here[:] = [value]
        else:
            here[str(last)] = value
    return made


def _named(part: str) -> str:
    return part if part.replace("_", "").replace("-", "").isalnum() else f"${{{part}}}"


def composed(company: Company, group: str) -> tuple[Pipeline, list[dict[str, str]]]:
    """Return a pipeline whose schema setup composes of the field group, with a mapping to its fields."""
    bare = XdmSchema(company.aep.registry.resolved("classes", EXPERIENCE_EVENT))
    known = {field.path for field in bare.root.walk()}
    part = company.aep.registry.resolved("fieldgroups", group)
    rows = rows_of(part, known) or [attribute("event", "eventType")]
    return company.pipeline(rows, aep={"field_groups": [adobe.documents()[group]["title"]]}), rows


@pytest.mark.parametrize("group", CHOSEN, ids=lambda key: key.removeprefix("https://ns.adobe.com/"))
def test_a_field_group_is_composed_applied_mapped_loaded_and_verified(company: Company, group: str) -> None:
    pipeline, rows = composed(company, group)
    plan = company.plan(pipeline)
    assert company.apply(pipeline).changes == [change.done for change in plan.changes]
    assert not company.plan(pipeline).changes
    resolved = XdmSchema(company.aep.registry.resolved("schemas", company.plan(pipeline).schema_id))
    assert {field.path for field in plan.schema.root.walk()} == {field.path for field in resolved.root.walk()}
    company.events(EVENT, {**EVENT, "$user_id": "u2"})
    counts, reasons = company.load(pipeline)
    assert reasons == []
    assert (counts["valid"], counts["warnings"]) == (2, 0)
    assert len(company.rows()) == 2
    assert any(_has(row, rows[0]["destination"]) for row in company.rows())
    runner = company.runner(pipeline)
    aep = runner.aep
    opened = open_history(runner.lake, pipeline, aep, runner.source, all_days=True)
    with aep.lake_reader("query_service") as reader:
        found = verify(opened.history, opened.dataset, reader, aep, pipeline, [DAY], runner.clock)
    assert [(result.ids, result.is_equal) for result in found.days] == [(2, True)]


def _has(row: Any, destination: str) -> bool:
    for step in parse_path(destination):
        row = row[0] if step == 0 else row.get(step) if isinstance(row, dict) else None
    return row is not None
