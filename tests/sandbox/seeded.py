"""A sandbox that holds one resource of each kind, whose ids stand where the document has parameters."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.auth import _basic_auth_str as basic_auth

from include.sandbox import data
from include.sandbox.aep.constants import (
    CONSOLE,
    DEMO_CREDENTIAL,
    DEMO_ORG_NUMBER,
    DEMO_SECRET_SCOPE,
    IMPORT,
    NAMESPACES,
    REGISTRY,
)
from include.sandbox.fixtures import AepSandbox, MixpanelSandbox
from include.sandbox.openapi import METHODS, document

_MARK = "seeded-"
DAY = "2026-07-01"

Make = Callable[["Seeded"], str]


class Seeded:
    """``ids["dataset"]`` makes a dataset when it is first asked for; ``renew`` forgets all."""

    def __init__(self, url: str) -> None:
        self.aep, self.mixpanel, self.console = AepSandbox(url), MixpanelSandbox(url), AepSandbox(url)
        self.console.scope += f",{DEMO_SECRET_SCOPE}"
        self._ids: dict[str, str] = {}
        self.session = requests.Session()

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


def _batch(seeded: Seeded) -> str:
    """One good row and one bad one."""
    rows = [{"_id": "1", "timestamp": f"{DAY}T00:00:00Z"}, {"_id": "2"}]
    return str(seeded.aep.load(seeded["dataset"], rows, partialIngestionPercent=60)["id"])


def _open_batch(seeded: Seeded) -> str:
    body = {"datasetId": seeded["dataset"], "inputFormat": {"format": "json"}}
    return str(seeded.aep.request("POST", f"{IMPORT}/batches", json=body).json()["id"])


def _open_file(seeded: Seeded) -> str:
    path = f"{IMPORT}/batches/{seeded['open-batch']}/datasets/{seeded['dataset']}/files/a.json"
    seeded.aep.request("POST", f"{path}?action=INITIALIZE")
    return "a.json"


def _secret(seeded: Seeded) -> str:
    path = f"{CONSOLE}/{DEMO_ORG_NUMBER}/credentials/{DEMO_CREDENTIAL}/secrets"
    return str(seeded.console.request("POST", path).json()["uuid"])


def _descriptor(seeded: Seeded) -> str:
    body = {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": seeded["schema"],
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_acmesandbox/plan",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": False,
    }
    return str(seeded.aep.request("POST", f"{REGISTRY}/tenant/descriptors", json=body).json()["@id"])


def _resource(kind: str) -> Make:
    def first(seeded: Seeded) -> str:
        accept = {"Accept": "application/vnd.adobe.xed-id+json"}
        found = seeded.aep.request("GET", f"{REGISTRY}/{kind}", headers=accept).json()["results"]
        return str(found[0]["meta:altId"])

    return first


SEEDS: dict[str, Make] = {
    "fault": lambda seeded: seeded.aep.plan_fault("delay", path="/nowhere"),
    "project": lambda seeded: str(data.SHOP_PROJECT_ID),
    "account": lambda seeded: seeded.mixpanel.username,
    "day": lambda seeded: DAY,
    "org": lambda seeded: DEMO_ORG_NUMBER,
    "credential": lambda seeded: DEMO_CREDENTIAL,
    "secret": _secret,
    "schema": lambda seeded: seeded.aep.add_schema({"plan": {"type": "string"}}),
    "dataset": lambda seeded: seeded.aep.add_dataset(schema=seeded["schema"]),
    "batch": _batch,
    "open-batch": _open_batch,
    "open-file": _open_file,
    "dataset-file": lambda seeded: f"{seeded['batch']}-1",
    "descriptor": _descriptor,
    "namespace": lambda seeded: str(seeded.aep.request("GET", NAMESPACES).json()[0]["id"]),
}
NAMED = {
    "project_id": "project",
    "from_date": "day",
    "to_date": "day",
    "dataset": "dataset",
    "datasetId": "dataset",
    "xdm:sourceSchema": "schema",
}
"""Query parameters and properties of bodies, by name."""

PLACES: list[tuple[str, dict[str, str]]] = [
    (IMPORT, {"batches": "open-batch", "files": "open-file"}),
    ("/data/foundation/export/files", {"files": "dataset-file"}),
    (
        "",
        {
            "faults": "fault",
            "projects": "project",
            "accounts": "account",
            "organizations": "org",
            "credentials": "credential",
            "secrets": "secret",
            "dataSets": "dataset",
            "datasets": "dataset",
            "batches": "batch",
            "batch": "batch",
        },
    ),
]
"""What the parameter after a segment of a path stands for, by the path's beginning; the first that knows it says."""


def kinds(path: str) -> Iterator[tuple[str, str | None]]:
    """Name of each parameter of a path, and which seed stands there; None: nobody has said yet."""
    for segment, name in re.findall(r"([^/{}]+)/{([^}]*)}", path):
        yield (
            name,
            next(
                (known[segment] for start, known in PLACES if path.startswith(start) and segment in known),
                None,
            ),
        )


def with_marks() -> dict[str, Any]:
    """The document, with the marks of seeds for the parameters of its paths."""
    whole = copy.deepcopy(document())
    for path, item in whole["paths"].items():
        stands_for = dict(kinds(path))
        for holder in (item, *(item[method] for method in item.keys() & set(METHODS))):
            holder["parameters"] = [
                _marked(_resolved(whole, each), stands_for) for each in holder.get("parameters", [])
            ]
    return whole


def _marked(parameter: dict[str, Any], stands_for: dict[str, str | None]) -> dict[str, Any]:
    kind = stands_for.get(parameter["name"]) if parameter["in"] == "path" else None
    return {**parameter, "schema": {"enum": [_MARK + kind]}} if kind else parameter


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        return dict(whole["components"]["parameters"][part["$ref"].rpartition("/")[2]])
    return part
