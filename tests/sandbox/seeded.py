"""The document with marks where ids of resources belong, and a sandbox that puts the ids there."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import requests
from requests.auth import _basic_auth_str as basic_auth

from include.sandbox.aep.constants import DEMO_SECRET_SCOPE
from include.sandbox.fixtures import AepSandbox, MixpanelSandbox
from include.sandbox.openapi import METHODS, document
from tests.sandbox.seeds import BODIES, NAMED, PLACES, SEEDS, the

_MARK = the("")


class Seeded:
    """``seeded["dataset"]`` makes a dataset when it is first asked for; ``renew`` forgets all."""

    def __init__(self, url: str) -> None:
        self.aep, self.mixpanel, self.console = AepSandbox(url), MixpanelSandbox(url), AepSandbox(url)
        self.console.scope += f",{DEMO_SECRET_SCOPE}"
        self.session = requests.Session()
        self._ids: dict[str, str] = {}

    def renew(self) -> None:
        self._ids.clear()
        self.console.reset()
        self.aep.reset()

    def __getitem__(self, kind: str) -> str:
        if kind not in self._ids:
            self._ids[kind] = SEEDS[kind](self)
        return self._ids[kind]

    def headers(self, path: str) -> dict[str, str]:
        """What the service of a path asks for."""
        if path.startswith("/data/"):
            return self.aep.headers()
        if path.startswith("/console/"):
            return self.console.headers()
        if path.startswith("/api/"):
            return {"Authorization": basic_auth(*self.mixpanel.auth)}
        return {}

    def filled(self, value: Any) -> Any:
        """A value with the ids in the place of their marks, and in the places that are known by name."""
        if isinstance(value, dict):
            return {
                key: self[NAMED[key]] if key in NAMED and isinstance(each, str) else self.filled(each)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        is_mark = isinstance(value, str) and value.startswith(_MARK)
        return self[value.removeprefix(_MARK)] if is_mark else value


def kinds(path: str) -> Iterator[tuple[str, str | None]]:
    """Name of each parameter that follows a segment of the path, and which seed stands there, if it is known."""
    for segment, name in re.findall(r"([^/{}]+)/{([^}]*)}", path):
        known = (seeds[segment] for start, seeds in PLACES if path.startswith(start) and segment in seeds)
        yield name, next(known, None)


def with_marks() -> dict[str, Any]:
    """The document, with marks for the parameters of its paths, and with good bodies as examples."""
    whole = copy.deepcopy(document())
    for path, item in whole["paths"].items():
        stands_for = dict(kinds(path))
        operations = [item[method] for method in item.keys() & set(METHODS)]
        for holder in (item, *operations):
            holder["parameters"] = [
                _marked(_resolved(whole, each), stands_for) for each in holder.get("parameters", [])
            ]
        if path in BODIES and "post" in item:
            item["post"]["requestBody"]["content"]["application/json"]["example"] = BODIES[path]
    return whole


def _marked(parameter: dict[str, Any], stands_for: dict[str, str | None]) -> dict[str, Any]:
    kind = stands_for.get(parameter["name"]) if parameter["in"] == "path" else None
    if parameter["name"] == "If-Match":
        return {**parameter, "schema": {"const": "*"}}
    return {**parameter, "schema": {"enum": [_MARK + kind]}} if kind else parameter


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        return dict(whole["components"]["parameters"][part["$ref"].rpartition("/")[2]])
    return part
