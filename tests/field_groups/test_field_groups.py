"""Each of Adobe's field groups for events: composed, planned, applied, mapped, a day loaded, and what AEP has verified.

``make test`` takes ten of them, ``make test-schemas`` (``ALL_FIELD_GROUPS=1``) all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.config.model import Pipeline
from include.steps.binding import open_history
from include.steps.verify import verify
from include.xdm.schema import EXPERIENCE_EVENT, Kind, XdmField, XdmSchema
from tests.aep.company import DAY, Company, attribute, company, constant
from tests.carrying import quick_sandbox
from tests.field_groups import adobe

pytestmark = pytest.mark.sandbox
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


def test_the_ten_are_there() -> None:
    assert len([key for key in adobe.groups() if key in TEN]) == 10


def rows_of(schema: XdmSchema, known: set[tuple[str, ...]]) -> list[dict[str, str]]:
    """A mapping to the first field that values of an event can fill, with all that has to stand beside it."""
    for field in schema.root.walk():
        if field.path in known or field.kind not in SOURCES:
            continue
        rows = [row for each in (field, *_beside(schema, field)) if (row := _row(each)) is not None]
        if len(rows) == 1 + len(_beside(schema, field)) and not _is_choice(schema, field):
            return rows
    return []


def _beside(schema: XdmSchema, field: XdmField) -> list[XdmField]:
    """The required members of the objects that a field is in, and of those that are objects what they require."""
    found: dict[tuple[str, ...], XdmField] = {}

    def look(here: XdmField) -> None:
        for name in sorted(here.required & here.children.keys()):
            child = here.children[name]
            if child.kind is Kind.OBJECT:
                look(child)
            elif child.path != field.path and child.path not in (("_id",), ("timestamp",)):
                found[child.path] = child

    for length in range(len(field.path)):
        above = schema.find(field.path[:length])
        assert above is not None
        look(above)
    return list(found.values())


def _is_choice(schema: XdmSchema, field: XdmField) -> bool:
    """Whether an object that a field is in fits one of several alternatives only."""
    above = [schema.find(field.path[:length]) for length in range(1, len(field.path))]
    return any(each and {"oneOf", "anyOf", "not"} & each.constraints.keys() for each in above)


def _row(field: XdmField) -> dict[str, str] | None:
    """A mapping; a constant where the schema takes certain texts only; None where neither will do."""
    allowed, destination = field.constraints.get("enum"), ".".join(map(_named, field.path))
    if allowed:
        return constant(str(allowed[0]), destination)
    limits = {"pattern", "format", "minLength", "maximum", "minimum", "oneOf", "anyOf", "const"}
    if field.kind not in SOURCES or limits & field.constraints.keys() - _of_type(field):
        return None
    return attribute(f"properties.{SOURCES[field.kind]}", destination)


def _of_type(field: XdmField) -> set[str]:
    return (
        {"format"}
        if field.kind in (Kind.DATE, Kind.DATE_TIME)
        else {"minimum", "maximum"}
        if field.kind.is_integer
        else set()
    )


def _named(part: str) -> str:
    return part if part.replace("_", "").replace("-", "").isalnum() else f"${{{part}}}"


def composed(company: Company, group: str) -> tuple[Pipeline, list[dict[str, str]]]:
    """A pipeline whose schema setup composes of the field group, with a mapping to fields of it."""
    bare = XdmSchema(company.aep.registry.resolved("classes", EXPERIENCE_EVENT))
    known = {field.path for field in bare.root.walk()}
    part = XdmSchema({**company.aep.registry.resolved("fieldgroups", group), "type": "object"})
    rows = rows_of(part, known) or [attribute("event", "eventType")]
    title = adobe.documents()[group]["title"]
    return company.pipeline(rows, aep={"field_groups": [title]}), rows


@pytest.mark.parametrize("group", CHOSEN, ids=lambda key: key.removeprefix("https://ns.adobe.com/"))
def test_a_field_group_is_composed_applied_mapped_loaded_and_verified(
    company: Company, group: str, tmp_path: Path
) -> None:
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
    carrier = company.carrier(pipeline)
    aep = carrier.aep
    opened = open_history(carrier.lake, pipeline, aep, carrier.source, all_days=True)
    with aep.lake_reader("query_service") as reader:
        found = verify(opened.history, opened.dataset, reader, aep, pipeline, [DAY], carrier.clock)
    assert [(result.ids, result.is_equal) for result in found.days] == [(2, True)]


def _has(row: Any, destination: str) -> bool:
    for name in destination.split("."):
        row = row.get(name.strip("${}")) if isinstance(row, dict) else None
    return row is not None
