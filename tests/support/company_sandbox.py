"""A company's AEP in a sandbox: existing schemas, datasets and identities, and a pipeline that uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import requests

from include.aep.client import AepClient
from include.aep.ownership import Ownership
from include.aep.setup import Plan, SetupResult, field_group, plan_pipeline, setup_pipeline
from include.config.model import Pipeline
from include.json_types import JsonMapping, JsonObject
from include.lake.lake import Lake
from include.xdm.mapping import mapping_file
from tests.support.pipeline_runner import CONNECTIONS, PIPELINES, PipelineRunner, quick_sandbox

EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"
WEB = "https://ns.adobe.com/xdm/context/experienceevent-web"
COMMERCE = "https://ns.adobe.com/xdm/context/experienceevent-commerce"
DAY = date(2026, 7, 1)
NOON = 1_782_907_200
ENABLED = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
_TIME_SERIES = "https://ns.adobe.com/xdm/data/time-series"
STRING = {"type": "string"}


def attribute(source: str, destination: str) -> dict[str, str]:
    return {"sourceType": "ATTRIBUTE", "source": source, "destination": destination}


def constant(value: str, destination: str) -> dict[str, str]:
    return {"sourceType": "STATIC", "source": value, "destination": destination}


@dataclass
class Company:
    """A company in the sandbox. All its schemas and datasets have the prefix ``name``, so that companies can share a sandbox."""

    url: str
    folder: Path
    name: str
    seen: int = 0
    """The last entry of the transcript that ``writes`` has read."""

    @cached_property
    def aep(self) -> AepClient:
        return self.runner(PIPELINES["shop"]).aep

    def runner(self, pipeline: Pipeline) -> PipelineRunner:
        return PipelineRunner(self.url, Lake(f"file://{self.folder}/lake"), pipeline)

    @property
    def tenant(self) -> str:
        return f"_{self.aep.registry.tenant_id()}"

    def group(self, title: str, fields: JsonMapping) -> str:
        """Create a field group below the tenant and return its ``$id``."""
        custom = {self.tenant: {"type": "object", "properties": fields}}
        body = {
            "title": f"{self.name} {title}",
            "type": "object",
            "meta:intendedToExtend": [EVENT, _TIME_SERIES],
            "definitions": {"customFields": {"type": "object", "properties": custom}},
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }
        return str(self.aep.registry.create("fieldgroups", body)["$id"])

    def event_class(self) -> str:
        """Create a custom class for events, which unlike Adobe's has no ``identityMap``; return its ``$id``."""
        custom = {self.tenant: {"type": "object", "properties": {"kind": STRING}}}
        body = {
            "title": f"{self.name} class",
            "type": "object",
            "definitions": {"customFields": {"type": "object", "properties": custom}},
            "allOf": [{"$ref": _TIME_SERIES}, {"$ref": "#/definitions/customFields"}],
        }
        return str(self.aep.registry.create("classes", body)["$id"])

    def schema(self, *parts: str, of: str = EVENT, title: str = "") -> str:
        """Create a schema of a class for events and return its ``$id``."""
        all_of = [{"$ref": part} for part in (of, *parts)]
        body = {"title": f"{self.name}{title}", "type": "object", "allOf": all_of}
        return str(self.aep.registry.create("schemas", body)["$id"])

    def dataset(self, schema_id: str, **more: Any) -> str:
        reference = {"id": schema_id, "contentType": "application/vnd.adobe.xed+json;version=1"}
        return self.aep.catalog.create_dataset({"name": self.name, "schemaRef": reference, **more})

    def namespace(self, code: str) -> None:
        if code not in self.aep.identity.codes():
            self.aep.identity.create(code, code, "CROSS_DEVICE")

    def mark(self, schema_id: str, path: str, code: str, *, primary: bool) -> None:
        """Create a descriptor that marks a field of a schema as an identity."""
        self.namespace(code)
        self.aep.registry.create_descriptor(
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": schema_id,
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": path,
                "xdm:namespace": code,
                "xdm:property": "xdm:code",
                "xdm:isPrimary": primary,
            }
        )

    def enable(self, schema_id: str) -> None:
        union = {"op": "add", "path": "/meta:immutableTags", "value": ["union"]}
        self.aep.registry.patch("schemas", schema_id, [union])

    def pipeline(self, rows: Sequence[JsonMapping], group: Any = None, **more: Any) -> Pipeline:
        """Return a pipeline of the company; ``aep``: keys of that section; ``group``: contents of its field group file."""
        mapping = self.folder / f"{self.name}.json"
        mapping.write_text(json.dumps(list(rows)))
        section = {"dataset": self.name, "schema": self.name, **more.pop("aep", {})}
        if group is not None:
            (self.folder / f"{self.name}-group.json").write_text(json.dumps(group))
            section["field_group"] = f"{self.name}-group.json"
        return Pipeline.model_validate(
            {
                "name": "company",
                "mixpanel": {"conn_id": "mixpanel_shop", "timezone": "UTC", "time_is": "utc"},
                "aep": section,
                "mapping": mapping.name,
                "unmapped": "drop",
                "identities": {"$user_id": "MixpanelUser"},
                "quality": {"max_quarantined": "100%"},
                "start_date": "2026-06-01",
                **more,
            }
        )

    def plan(self, pipeline: Pipeline) -> Plan:
        return plan_pipeline(pipeline, self.aep, Ownership(pipeline.name))

    def apply(self, pipeline: Pipeline) -> SetupResult:
        return setup_pipeline(pipeline, self.aep)

    def events(self, *properties: JsonMapping) -> None:
        """Replace the events of the connection's Mixpanel project by events at noon."""
        project = CONNECTIONS["mixpanel_shop"]["conn_extra"]["project_id"]
        self.control("mixpanel/projects", {"id": project, "limits": {"enabled": False}})
        self.control(
            f"mixpanel/projects/{project}/deletions", {"from_date": "2000-01-01", "to_date": "2030-01-01"}
        )
        events = [
            {"event": "View", "properties": {"time": NOON + n, "$insert_id": f"{self.name}{n}", **each}}
            for n, each in enumerate(properties)
        ]
        self.control(f"mixpanel/projects/{project}/events", {"events": events})

    def load(self, pipeline: Pipeline) -> tuple[dict[str, int], list[str]]:
        """Run all five steps of the day; return the counts of validate, and its reasons."""
        steps = self.runner(pipeline)
        raw = steps.export(DAY, self.name)
        mapped = steps.transform(DAY, raw)
        valid = steps.steps(DAY).validate(mapped)
        steps.ingest(DAY, steps.steps(DAY).stage(valid))
        return dict(valid.counts), list(valid.details["reasons"])

    def rows(self) -> list[JsonObject]:
        """Return the active rows of the dataset."""
        params: dict[str, str | int] = {"dataset": self.name, "limit": 100}
        text = requests.get(f"{self.url}/_sandbox/aep/rows", params=params, timeout=20).text
        return [json.loads(line) for line in text.splitlines()]

    def control(self, path: str, body: object) -> None:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=20)
        assert answer.ok, answer.text

    def writes(self) -> list[str]:
        """Return the requests to AEP since the last call, except reads."""
        answer = requests.get(f"{self.url}/_sandbox/transcript", {"since": self.seen}, timeout=10)
        entries = answer.json()["entries"]
        self.seen = entries[-1]["n"] if entries else self.seen
        return [
            f"{entry['method']} {entry['path']}"
            for entry in entries
            if entry["method"] != "GET" and entry["path"].startswith("/data/")
        ]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with quick_sandbox(tmp_path_factory.mktemp("sandbox")) as server:
        yield server.url


@pytest.fixture
def company(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Company:
    monkeypatch.setattr(mapping_file, "MAPPINGS", tmp_path)
    monkeypatch.setattr(field_group, "FIELD_GROUPS", tmp_path)
    plain = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return Company(url, tmp_path, plain[-60:])
