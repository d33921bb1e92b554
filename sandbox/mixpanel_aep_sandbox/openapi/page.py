"""The document as a page for people: one self-contained HTML file that loads nothing else."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.demo_data import credentials
from mixpanel_aep_sandbox.openapi import METHODS, document

_FAULT = {
    "match": {"path": "/api/2.0/export"},
    "action": {"do": "answer", "status": 429, "retry_after": 1},
    "times": 2,
}


def render(url: str) -> str:
    """Return the page of a sandbox that is served at ``url``. The template escapes everything in it."""
    whole = document()
    return _template().render(
        url=url,
        info=whole["info"],
        services=[{**tag, "routes": _routes(whole, tag["name"])} for tag in whole["tags"]],
        credentials={"Mixpanel": credentials.MIXPANEL, "Adobe IMS and AEP": credentials.AEP},
        fault=json.dumps(_FAULT),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    return environment.from_string((Path(__file__).parent / "page.html.j2").read_text("utf-8"))


def _code(text: str) -> Markup:
    """Return a text as HTML; text in backticks becomes code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _routes(whole: JsonObject, tag: str) -> list[JsonObject]:
    """Return what the page shows of each operation of a service."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("summary", ""),
            "description": operation.get("description", ""),
            "parameters": [
                _resolve_reference(whole, each)
                for each in [*item.get("parameters", []), *operation.get("parameters", [])]
            ],
            "takes": [
                (kind, _body_example(whole, media))
                for kind, media in _resolve_reference(whole, operation.get("requestBody", {}))
                .get("content", {})
                .items()
            ],
            "responses": {
                status: _resolve_reference(whole, each)["description"]
                for status, each in sorted(operation["responses"].items())
            },
            "source": operation.get("x-source", ""),
        }
        for path, item in whole["paths"].items()
        for method, operation in item.items()
        if method in METHODS and tag in operation["tags"]
    ]


def _body_example(whole: JsonObject, media: JsonObject) -> str:
    """Return an accepted body, if the fragment has one."""
    schema = _resolve_reference(whole, media.get("schema", {}))
    named = (each["value"] for each in media.get("examples", {}).values())
    for found in (media.get("example"), *named, *schema.get("examples", [])):
        if found is not None:
            return json.dumps(found, ensure_ascii=False)
    return ""


def _resolve_reference(whole: JsonObject, part: JsonObject) -> JsonObject:
    """Return a parameter or a response; a reference is replaced by its target."""
    while "$ref" in part:
        found = whole
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        part = found
    return part
