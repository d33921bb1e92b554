"""Lists: filtered, ordered, in pages (EP:dataflows/api/sort-and-filter.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox.flow_client import FLOW, MIXPANEL_SPEC, Client

pytestmark = pytest.mark.sandbox


def names(client: Client, query: str, path: str = "/connections") -> list[str]:
    return [item["name"] for item in client.ok("GET", f"{FLOW}{path}?{query}")["items"]]


@pytest.fixture
def three(client: Client) -> Client:
    body: dict[str, Any] = {"connectionSpec": MIXPANEL_SPEC}
    for name, description in (("b", "Test description"), ("a", "x,y"), ("c", "Test description")):
        client.ok("POST", f"{FLOW}/connections?mode=draft", body | {"name": name, "description": description})
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "bac"),
        ("property=name==a", "a"),
        ("property=name==a,c", "ac"),
        ("property=name!=a", "bc"),
        ('property=name=="a"', "a"),
        ("property=description==Test%20description", "bc"),
        ("property=description==Test%20description&property=name==c", "c"),
        (f"property=connectionSpec.id=={MIXPANEL_SPEC['id']}", "bac"),
        ("property=connectionSpec.id==other", ""),
        ("property=state==Draft", "bac"),
        ("property=createdAt>0&property=createdAt<99999999999999", "bac"),
        ("property=createdAt>99999999999999", ""),
        ("property=name>=b", "bc"),
        ("property=nothing==1", ""),
        ("orderby=name", "abc"),
        ("orderby=-name", "cba"),
        ("orderby=%2Bname", "abc"),
        ("orderby=+name", "abc"),
        ("orderby=description,-name", "cba"),
        ("orderBy=name&limit=2", "ab"),
    ],
)
def test_filters_and_orders(three: Client, query: str, found: str) -> None:
    assert "".join(names(three, query)) == found


def test_arrays_are_filtered_by_their_items(client: Client) -> None:
    body = client.chain()
    client.flow(body)
    source = body["sourceConnectionIds"][0]
    for query in (
        f"property=sourceConnectionIds[]=={source},other",
        f"property=transformations[].params.mappingId=={body['transformations'][0]['params']['mappingId']}",
        "property=inheritedAttributes.properties.isDestinationFlow!=true",
        "property=inheritedAttributes.properties.isSourceFlow==true",
        f"property=inheritedAttributes.targetConnections[].connectionSpec.id=={MIXPANEL_SPEC['id']}",
    ):
        assert names(client, query, "/flows") == ["{Mixpanel} dataflow"]
    assert names(client, f"property=sourceConnectionIds=={source}", "/flows") == []


def test_pages_follow_one_another(three: Client) -> None:
    path, seen = f"{FLOW}/connections?orderby=-name&limit=1&property=name!=b", []
    while path:
        page = three.ok("GET", path)
        seen += [item["name"] for item in page["items"]]
        href = page["_links"].get("next", {}).get("href", "")
        path = f"{FLOW}{href}" if href else ""
    assert seen == ["c", "a"]
    assert three.ok("GET", f"{FLOW}/connections")["_links"] == {}


def test_a_count_has_no_items(three: Client) -> None:
    assert three.ok("GET", f"{FLOW}/connections?property=name!=a&count=true") == {"count": 2}
    assert len(three.ok("GET", f"{FLOW}/connections?count=false")["items"]) == 3


def test_only_requested_fields_are_shown(three: Client) -> None:
    items = three.ok("GET", f"{FLOW}/connections?property=name,state&property=name==a")["items"]
    assert items == [{"name": "a", "state": "draft"}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=1&count=true", "1401-400"),
        ("limit=0", "1453-400"),
        ("limit=x", "1453-400"),
        ("limit=99999999999999999999", "1453-400"),
        ("count=maybe", "1453-400"),
        ("property=name~a", "1440-400"),
        ("property=name!>a", "1450-400"),
        ("property=name==", "1453-400"),
        ("property=createdAt<=1,2", "1443-400"),
        ("orderby=%23id", "1433-400"),
        ("testParam=1", "1451-400"),
        ("continuationToken=nonsense", "1451-400"),
        ("continuationToken=eyJhdCI6MX0=", "1451-400"),
    ],
)
def test_invalid_queries_are_refused(three: Client, query: str, code: str) -> None:
    assert three.refused("GET", f"{FLOW}/connections?{query}") == code
