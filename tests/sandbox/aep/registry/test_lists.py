"""Lists of the Schema Registry: filters, order and pages."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from tests.support.sandbox.aep_app import FULL, AepApp, field_group
from tests.support.sandbox.registry_calls import GROUPS, ID, one

pytestmark = pytest.mark.sandbox


def test_list_filters_order_and_pages(aep: AepApp) -> None:
    for title in ("b", "d", "a", "c"):
        aep.field_group({"x": {"type": "string"}}, title)
    every = aep.ok("GET", f"{GROUPS}/", headers=ID)
    assert set(every["results"][0]) == {"$id", "meta:altId", "version", "title"}
    assert every["_page"]["count"] == 4 and every["_page"]["next"] is None
    assert every["_links"]["global_schemas"]["href"].endswith("/global/fieldgroups")

    def titles(**params: Any) -> list[str]:
        return [body["title"] for body in aep.ok("GET", GROUPS, headers=ID, params=params)["results"]]

    assert titles(orderby="title") == ["a", "b", "c", "d"]
    assert titles(orderby="-title") == ["d", "c", "b", "a"]
    page = aep.ok("GET", GROUPS, headers=ID, params={"orderby": "title", "limit": 2})
    assert page["_page"] == {"orderby": "title", "next": "b", "count": 2}
    assert titles(orderby="title", limit=2, start="b") == ["c", "d"]
    assert titles(orderby="-title", limit=2, start="c") == ["b", "a"]
    assert titles(property="title==c") == ["c"]
    assert titles(property="title!=c", orderby="title") == ["a", "b", "d"]
    assert titles(property="title~^[ab]", orderby="title") == ["a", "b"]
    assert titles(property=["title>a", "title<d"], orderby="title") == ["b", "c"]
    assert len(titles(property=f"meta:intendedToExtend=={EXPERIENCE_EVENT}")) == 4
    assert titles(property="meta:nothing") == []
    full = aep.ok("GET", GROUPS, headers={"Accept": "application/vnd.adobe.xed+json"})
    assert "definitions" in full["results"][0]


@pytest.mark.parametrize("query", ["limit=501", "limit=x", "limit=\u00b2", "limit=-1", "property=title~("])
def test_invalid_list_parameters(aep: AepApp, query: str) -> None:
    assert aep.request("GET", f"{GROUPS}?{query}", headers=ID).status_code == 400
    assert aep.request("GET", GROUPS).status_code == 406
    assert aep.request("GET", GROUPS, headers={"Accept": FULL}).status_code == 406


def test_lists_without_an_order_are_ordered_by_their_last_change(aep: AepApp) -> None:
    """As EP:xdm/api/behaviors.md shows; documents and clients disagree whether such lists can be paged."""
    page = aep.ok("GET", f"{REGISTRY}/global/behaviors", headers=ID)
    assert page["_page"] == {"orderby": "updated", "next": None, "count": 3}
    aep.state.clock.set(1_700_000_000, frozen=True)
    made = []
    for title in ("b", "a", "c"):
        made.append(aep.field_group({"x": {"type": "string"}}, title))
        aep.state.clock.advance(1)
    aep.ok("PUT", one(GROUPS, made[0]["$id"]), json=field_group({"x": {"type": "string"}}, "b"))
    first = aep.ok("GET", GROUPS, headers=ID, params={"limit": 2})
    assert [body["title"] for body in first["results"]] == ["a", "c"]
    rest = aep.ok("GET", GROUPS, headers=ID, params={"limit": 2, "start": first["_page"]["next"]})
    assert [body["title"] for body in rest["results"]] == ["b"]
    assert [b["title"] for b in aep.ok("GET", first["_links"]["next"]["href"], headers=ID)["results"]] == [
        "b"
    ]
    aep.http.post("/_sandbox/aep/settings", json={"paging_without_orderby": "refused"})
    for alone in ("limit=2", "start=1"):
        assert aep.request("GET", f"{GROUPS}?{alone}", headers=ID).status_code == 400
    assert aep.request("GET", GROUPS, headers=ID).status_code == 200


def test_pages_are_complete_if_many_resources_have_one_value(aep: AepApp) -> None:
    for number in range(7):
        body = {**field_group({"x": {"type": "string"}}, f"T{number}"), "group": str(number // 3)}
        body |= {"description": "some"} if number % 2 else {}
        aep.ok("POST", GROUPS, json=body)
    for order in ("group", "-group", "description", "-description", "version", "group,-title", "created"):
        found: list[str] = []
        query: dict[str, Any] = {"orderby": order, "limit": 2}
        for _ in range(10):
            page = aep.ok("GET", GROUPS, headers=ID, params=query)
            found += [body["title"] for body in page["results"]]
            if page["_page"]["next"] is None:
                break
            query["start"] = page["_page"]["next"]
        assert sorted(found) == [f"T{number}" for number in range(7)], order


def test_filters_with_commas_and_unusual_values(aep: AepApp) -> None:
    for title in ("a", "a, b", "nan", "1e400", "7"):
        aep.field_group({"x": {"type": "string"}}, title)

    def titles(*filters: str) -> list[str]:
        found = aep.ok("GET", GROUPS, headers=ID, params={"property": filters, "orderby": "title"})
        return sorted(body["title"] for body in found["results"])

    assert titles("title==a, b") == ["a, b"]
    assert titles("title~^a,title!=a") == titles("title~^a", "title!=a") == ["a, b"]
    assert titles("title,meta:nothing") == []
    assert titles("title>=7,meta:containerId") == ["7", "a", "a, b", "nan"]
