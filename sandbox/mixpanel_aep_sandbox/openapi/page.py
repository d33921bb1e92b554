"""The OpenAPI document as one self-contained HTML page that loads no other files."""

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

_EXAMPLE_FAULT = {
    "match": {"path": "/api/2.0/export"},
    "action": {"do": "answer", "status": 429, "retry_after": 1},
    "times": 2,
}


def render(url: str) -> str:
    """Return the HTML page of a sandbox that is served at ``url``. All texts in the page are escaped."""
    openapi = document()
    return _template().render(
        url=url,
        info=openapi["info"],
        services=[{**tag, "routes": _routes(openapi, tag["name"])} for tag in openapi["tags"]],
        credentials={"Mixpanel": credentials.MIXPANEL, "Adobe IMS and AEP": credentials.AEP},
        fault=json.dumps(_EXAMPLE_FAULT),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    return environment.from_string((Path(__file__).parent / "page.html.j2").read_text("utf-8"))


def _code(text: str) -> Markup:
    """Return a plain text as escaped HTML, in which text in backticks is marked as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _routes(openapi: JsonObject, tag: str) -> list[JsonObject]:
    """Return the template's variables for each operation of the service with this tag."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("summary", ""),
            "description": operation.get("description", ""),
            "parameters": [
                _resolve_reference(openapi, each)
                for each in [*item.get("parameters", []), *operation.get("parameters", [])]
            ],
            "takes": [
                (kind, _body_example(openapi, media))
                for kind, media in _resolve_reference(openapi, operation.get("requestBody", {}))
                .get("content", {})
                .items()
            ],
            "responses": {
                status: _resolve_reference(openapi, each)["description"]
                for status, each in sorted(operation["responses"].items())
            },
            "source": operation.get("x-source", ""),
        }
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if method in METHODS and tag in operation["tags"]
    ]


def _body_example(openapi: JsonObject, media: JsonObject) -> str:
    """Return the first example of a request body as JSON text, or an empty text if there is no example."""
    schema = _resolve_reference(openapi, media.get("schema", {}))
    named = (each["value"] for each in media.get("examples", {}).values())
    for found in (media.get("example"), *named, *schema.get("examples", [])):
        if found is not None:
            return json.dumps(found, ensure_ascii=False)
    return ""


def _resolve_reference(openapi: JsonObject, part: JsonObject) -> JsonObject:
    """Follow ``$ref`` references from a part of the document, and return the part to which they lead."""
    while "$ref" in part:
        found = openapi
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        part = found
    return part
