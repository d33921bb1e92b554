"""The sandbox's OpenAPI document with marks in place of resource ids, and a sandbox that replaces the marks with ids."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import requests
from requests.auth import _basic_auth_str as basic_auth

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import DEMO_SECRET_SCOPE
from mixpanel_aep_sandbox.client import AepSandbox, MixpanelSandbox
from mixpanel_aep_sandbox.openapi import METHODS, document
from tests.support.sandbox.fuzz_resources import BODIES, NAMED, PLACES, SEEDS, the
from tests.support.sandbox.json_types import JsonObject

_MARK = the("")
_GATEWAYS = ("x-sandbox-name", "x-sandbox-id", "x-request-id")
"""Looked at before a service sees the request, and the same everywhere; ``tests/sandbox/aep/core/test_gateway.py``."""


class FuzzDocument:
    """``seeded["dataset"]`` creates a dataset at its first use; ``renew`` discards all."""

    def __init__(self, url: str) -> None:
        self.aep, self.mixpanel, self.console = AepSandbox(url), MixpanelSandbox(url), AepSandbox(url)
        self.console.scope += f",{DEMO_SECRET_SCOPE}"
        self.session = requests.Session()
        self._ids: dict[str, str] = {}

    def renew(self) -> None:
        self._ids.clear()
        self.console.reset()
        self.aep.reset()
        self.mixpanel.add_project(data.SHOP_PROJECT_ID)  # It exists; now without limits.

    def __getitem__(self, kind: str) -> str:
        if kind not in self._ids:
            self._ids[kind] = SEEDS[kind](self)
        return self._ids[kind]

    def headers(self, path: str, number: int) -> dict[str, str]:
        """Return the headers that the service of a path requires, and what its ``number``-th request accepts."""
        if path.startswith("/data/"):
            accepted = ACCEPTED.get(path, ["*/*"])
            return self.aep.headers(Accept=accepted[number % len(accepted)])
        if path.startswith("/console/"):
            return self.console.headers()
        if path == "/import" or (path.startswith("/api/app/") and "service-accounts" in path):
            return {"Authorization": basic_auth(data.ADMIN_ACCOUNT, data.ADMIN_ACCOUNT_SECRET)}
        if path.startswith("/api/"):
            return {"Authorization": basic_auth(*self.mixpanel.auth)}
        return {}

    def filled(self, value: Any) -> Any:
        """Return a value with ids in place of their marks, and in the places known by name."""
        if isinstance(value, dict):
            return {
                _shown(key): self[NAMED[key]]
                if key in NAMED and isinstance(each, str | int)
                else self.filled(each)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        is_mark = isinstance(value, str) and value.startswith(_MARK)
        return self[value.removeprefix(_MARK)] if is_mark else value


def kinds(path: str) -> Iterator[tuple[str, str | None]]:
    """Return the name of each path parameter, and its seed, if there is one."""
    for segment, name in re.findall(r"([^/{}]+)/{([^}]*)}", path):
        known = (seeds[segment] for start, seeds in PLACES if path.startswith(start) and segment in seeds)
        yield name, next(known, None)


def with_marks() -> JsonObject:
    """Return the document, with marks for the path parameters, and with valid bodies as examples."""
    whole = _with_hidden_examples(copy.deepcopy(document()))
    for path, item in whole["paths"].items():
        stands_for = dict(kinds(path))
        operations = [item[method] for method in item.keys() & set(METHODS)]
        for holder in (item, *operations):
            parameters = [_resolved(whole, each) for each in holder.get("parameters", [])]
            holder["parameters"] = [
                _marked(each, stands_for) for each in parameters if each["name"] not in _GATEWAYS
            ]
        for method in item.keys() & {"post", "put", "patch"}:
            of_path = BODIES.get(path if method != "put" else path.rpartition("/")[0])
            body = BODIES.get(f"{method.upper()} {path}", of_path)
            if body is not None:
                content = item[method]["requestBody"]["content"]
                content["application/json"] = {**content["application/json"], "example": _hidden(body)}
    return whole


def _with_hidden_examples(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _hidden(each) if key in ("example", "examples") else _with_hidden_examples(each)
            for key, each in value.items()
        }
    return [_with_hidden_examples(each) for each in value] if isinstance(value, list) else value


def _hidden(value: Any) -> Any:
    """Return an example whose ``$ref`` must not be read as a reference of the document."""
    if isinstance(value, dict):
        return {_MARK + key if key == "$ref" else key: _hidden(each) for key, each in value.items()}
    return [_hidden(each) for each in value] if isinstance(value, list) else value


def _shown(key: str) -> str:
    return key.removeprefix(_MARK)


def _accepted() -> dict[str, list[str]]:
    """Return examples of each path's Accept header, which OpenAPI tools ignore."""
    whole = document()
    found = {}
    for path, item in whole["paths"].items():
        for each in item.get("get", {}).get("parameters", []):
            parameter = _resolved(whole, each)
            if parameter["name"] == "Accept":
                found[path] = parameter["schema"]["examples"]
    return found


def _marked(parameter: JsonObject, stands_for: dict[str, str | None]) -> JsonObject:
    kind = stands_for.get(parameter["name"]) if parameter["in"] == "path" else None
    if parameter["name"] == "If-Match":
        return {**parameter, "schema": {"const": "*"}}
    return {**parameter, "schema": {"enum": [_MARK + kind]}} if kind else parameter


def _resolved(whole: JsonObject, part: JsonObject) -> JsonObject:
    if "$ref" in part:
        return dict(whole["components"]["parameters"][part["$ref"].rpartition("/")[2]])
    return part


ACCEPTED = _accepted()
