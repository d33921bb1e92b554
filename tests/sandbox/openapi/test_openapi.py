"""The OpenAPI document of the sandbox: it is valid, complete and readable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from starlette.routing import Route

from mixpanel_aep_sandbox.core.app import build_app
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Store
from mixpanel_aep_sandbox.faults.actions import Action
from mixpanel_aep_sandbox.faults.models import Fault, Match
from mixpanel_aep_sandbox.openapi import FOLDER, METHODS, document, merge
from mixpanel_aep_sandbox.openapi.page import render
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox


def served(folder: Path) -> set[tuple[str, str]]:
    """Return method and path of every route of the app, without a trailing slash, without the HEAD of a GET."""
    state = SandboxState(Store(folder))
    app: Any = build_app(state)
    while not hasattr(app, "routes"):
        app = app.app
    found: set[tuple[str, str]] = set()
    for route in app.routes:
        assert isinstance(route, Route)
        if route.path == "/{path:path}" or not route.include_in_schema:
            continue
        methods = (route.methods or set()) - ({"HEAD"} if "GET" in (route.methods or ()) else set())
        found |= {(method, shape(route.path)) for method in methods}
    state.store.close()
    return {
        (method, path)
        for method, path in found
        if (method, path.removesuffix("/")) not in found - {(method, path)}
    }


def shape(path: str) -> str:
    """Return a path without the names of its parameters."""
    return re.sub(r"{[^}]*}", "{}", path)


def described() -> set[tuple[str, str]]:
    return {
        (method.upper(), shape(path))
        for path, item in document()["paths"].items()
        for method in item
        if method in METHODS
    }


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_exactly_the_existing_routes_are_described(tmp_path: Path) -> None:
    app, paper = served(tmp_path), described()
    assert not paper - app, "described, but not served"
    assert not app - paper, "served, but not described"


def test_every_operation_has_a_description_and_responses() -> None:
    for path, item in document()["paths"].items():
        for method in item.keys() & set(METHODS):
            operation = item[method]
            assert operation["summary"] and operation["responses"], f"{method} {path}"
            assert "500" not in operation["responses"], f"{method} {path}"
            assert operation.get("x-source") or path.startswith("/_sandbox"), (
                f"{method} {path} names no source"
            )


def test_contradicting_fragments_are_refused() -> None:
    one = {"paths": {"/a": {"get": {"responses": {"200": {"description": "ok"}}}}}}
    other = {"paths": {"/a": {"get": {"responses": {"204": {"description": "ok"}}}}}}
    with pytest.raises(ValueError, match=r"other.yaml, /a: get is described twice"):
        merge([("one", one), ("other", other)])
    with pytest.raises(ValueError, match=r"one.yaml: unknown path\."):
        merge([("one", {"path": {}})])


def test_an_operation_inherits_from_its_fragment() -> None:
    common = {"parameters": [{"name": "x"}], "responses": {"400": {"description": "no"}}}
    fragment = {
        "tags": [{"name": "A"}],
        "security": [{"token": []}],
        "x-source": "a.md",
        "x-common": {"$ref": "#/x-gateway"},
        "paths": {
            "/a": {"get": {"parameters": [{"name": "y"}], "responses": {"200": {"description": "ok"}}}}
        },
    }
    operation = merge([("gateway", {"x-gateway": common}), ("a", fragment)])["paths"]["/a"]["get"]
    assert operation["tags"] == ["A"]
    assert operation["security"] == [{"token": []}] and operation["x-source"] == "a.md"
    assert [each["name"] for each in operation["parameters"]] == ["x", "y"]
    assert sorted(operation["responses"]) == ["200", "400"]


def test_the_document_is_served(sandbox: Sandbox) -> None:
    answer = sandbox.get("/_sandbox/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document()


def test_faults_are_described_as_they_are_accepted() -> None:
    schemas = document()["components"]["schemas"]
    assert set(schemas["control_fault"]["properties"]) == set(Fault.model_fields)
    assert set(schemas["control_match"]["properties"]) == set(Match.model_fields)
    actions = {
        cast("type[BaseModel]", action).model_fields["do"].default: action
        for action in get_args(get_args(Action)[0])
    }
    assert set(schemas["control_action"]["discriminator"]["mapping"]) == set(actions)
    for do, action in actions.items():
        described = schemas[f"control_action_{do}"]
        assert described["properties"]["do"] == {"const": do}
        assert set(described["properties"]) == set(action.model_fields), do


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in ("href", "src", "action")]


def test_the_page_shows_every_route_and_loads_nothing(sandbox: Sandbox) -> None:
    answer = sandbox.get("/_sandbox/")
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    page = _Links()
    page.feed(answer.text)
    assert not {"script", "img", "iframe", "form"} & page.tags
    assert not [
        link for link in page.found if not re.match(r"#|data:,$|openapi\.json$|faults$|transcript$", link)
    ]
    assert "url(" not in answer.text and "@import" not in answer.text
    for path in document()["paths"]:
        assert f"<code>{path}</code>" in answer.text
    assert f"curl -s {sandbox.url}/_sandbox/faults" in answer.text


def test_the_page_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "<script>alert('`<i>`')</script>"
    operation = {
        "tags": [evil],
        "summary": evil,
        "description": evil,
        "x-source": evil,
        "responses": {"200": {"description": evil}},
    }
    body = {"content": {evil: {"example": evil}}}
    parameters = [{"name": evil, "in": evil, "description": evil}]
    paths = {f"/{evil}": {"post": {**operation, "parameters": parameters, "requestBody": body}}}
    whole = {
        "info": {"title": evil, "description": evil},
        "tags": [{"name": evil, "description": evil}],
        "paths": paths,
    }
    monkeypatch.setattr("mixpanel_aep_sandbox.openapi.page.document", lambda: whole)
    page = render(evil)
    assert "<script" not in page and "<i>" not in page and page.count("&lt;script&gt;") > 10


def test_every_fragment_is_small_enough_to_read() -> None:
    for path in FOLDER.glob("*.yaml"):
        assert max(map(len, path.read_text("utf-8").splitlines())) <= 130, path.name
