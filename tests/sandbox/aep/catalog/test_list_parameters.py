"""Catalog: the parameters of a list, and the invalid queries that it refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.json_filters import keep_matching, matches_glob
from tests.support.sandbox.aep_app import AepApp, aep_app

pytestmark = pytest.mark.sandbox
DATASETS = f"{CATALOG}/dataSets"
NAMES = ["test", "te*st", "a", "[a]", "b", "Äpfel"]


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        schema = caller.schema(caller.field_group()["$id"])["$id"]
        for number, name in enumerate(NAMES):
            key = caller.dataset(schema, name, tags={"n": [str(number)], "odd": ["[x]", "a?c"]})
            for _ in range(number * 3):
                caller.ok("PATCH", f"{DATASETS}/{key}", json={"description": name})
        yield caller


def names(aep: AepApp, **params: Any) -> list[str]:
    return [body["name"] for body in aep.ok("GET", DATASETS, params=params).values()]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name", NAMES),
        ("!description", ["test"]),
        ("description", NAMES[1:]),
        ("name==a", ["a"]),
        ("name!=a", [name for name in NAMES if name != "a"]),
        ("name==te*st", ["test", "te*st"]),
        ("name==te**st", ["te*st"]),
        ("name!=te*", NAMES[2:]),
        ("name==*", NAMES),
        ("name~^te.?st$", ["test", "te*st"]),
        ("name~^Ä", ["Äpfel"]),
        ("version>1.0.9", ["b", "Äpfel"]),
        ("version>=1.0.9", ["[a]", "b", "Äpfel"]),
        ("version<1.0.10", ["test", "te*st", "a", "[a]"]),
        ("version<=1.0.0", ["test"]),
        ("version>1.0.9-x", []),  # Not a version: compared as text.
        ("created>0", NAMES),
        ("created<0", []),
    ],
)
def test_conditions_on_properties(aep: AepApp, condition: str, found: list[str]) -> None:
    assert names(aep, property=condition) == found


def test_all_conditions_must_hold(aep: AepApp) -> None:
    assert names(aep, property=["name~^t", "version>1.0.0"]) == ["te*st"]
    assert names(aep, property="name~^t", name="!test") == ["te*st"]


def test_tag_wildcards_are_stars_only(aep: AepApp) -> None:
    assert names(aep, tags="odd:[x]") == NAMES and names(aep, tags="odd:a?c") == NAMES
    assert names(aep, tags="odd:?x]") == [] and names(aep, tags="odd:[xyz]") == []
    assert names(aep, tags="odd:[*,n:4") == ["b"]
    assert names(aep, tags="odd") == [] and names(aep, tags=",") == []


def test_orders(aep: AepApp) -> None:
    assert names(aep, orderBy="name") == sorted(NAMES)
    assert names(aep, sort="desc:name") == sorted(NAMES, reverse=True)
    assert names(aep, orderBy="desc:version")[0] == "Äpfel"
    assert names(aep, orderBy="desc:imsOrg,name")[0] == "[a]"
    assert names(aep, orderBy="nothing") == NAMES


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "²"},
        {"limit": "9" * 5000},
        {"limit": "1.0"},
        {"start": "-1"},
        {"start": "x"},
        {"orderBy": "up:name"},
        {"property": "name~("},
        {"property": "name~(?=a)"},
    ],
)
def test_queries_that_are_refused(aep: AepApp, params: dict[str, str]) -> None:
    response = aep.request("GET", DATASETS, params=params)
    assert response.status_code in (400, 414)


def test_an_expression_cannot_make_the_sandbox_search_for_ever() -> None:
    rows = [{"name": "a" * 5000 + "!"}]
    start = time.perf_counter()
    assert keep_matching(rows, ["name~^(a+)+$"]) == []
    assert not matches_glob("*a" * 500 + "*b", "a" * 100_000)
    assert time.perf_counter() - start < 2
    with pytest.raises(Problem):
        keep_matching(rows, ["name~["])


TEXT = st.text("ab*", max_size=8)


@given(TEXT, TEXT)
def test_a_glob_matches_by_its_stars(text: str, rest: str) -> None:
    escaped = text.replace("*", "**")
    assert matches_glob(escaped, text)
    assert matches_glob("*", text)
    if not escaped.endswith("*"):
        assert matches_glob(f"{escaped}*", text + rest)


def test_observable_schemas_are_limited_to_twenty(aep: AepApp) -> None:
    params = {"properties": "observableSchema,name", "limit": 100}
    assert set(map(tuple, aep.ok("GET", DATASETS, params=params).values())) == {("name", "observableSchema")}


def test_several_datasets_are_looked_up_by_a_list_of_ids(aep: AepApp) -> None:
    keys = list(aep.ok("GET", DATASETS))
    found = aep.ok("GET", f"{DATASETS}/{keys[3]},{keys[0]},none", params={"properties": "name"})
    assert found == {keys[3]: {"name": "[a]"}, keys[0]: {"name": "test"}}
    assert aep.request("GET", f"{DATASETS}/none,neither").status_code == 404
