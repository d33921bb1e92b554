"""Plain HTTP requests to the running sandbox, with the bodies of Adobe's Mixpanel tutorial."""

from __future__ import annotations

import base64
import json
from typing import Any

import requests

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from mixpanel_aep_sandbox.client import AepSandbox
from tests.support.sandbox.json_types import JsonObject

FLOW = "/data/foundation/flowservice"
MAPPING_SETS = "/data/foundation/conversion/mappingSets"
MIXPANEL_SPEC = {"id": "fd2c8ff3-1de0-4f6b-8fa8-4264784870eb", "version": "1.0"}
DATA_LAKE_SPEC = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
FLOW_SPEC = {"id": "6499120c-0b15-42dc-936e-847ea3c24d72", "version": "1.0"}
ZONE = "Pacific Standard Time"
MAPPED = {
    "distinct_id": "string",
    "event_name": "string",
    "import": "boolean",
    "insert_id": "string",
    "item_id": "string",
    "item_name": "string",
    "item_price": "string",
    "mp_api_endpoint": "string",
    "mp_api_timestamp_ms": "integer",
    "mp_processing_time_ms": "integer",
    "time": "integer",
}
"""The eleven fields of the UI tutorial's table, with their types."""
TENANT = "_acmesandbox"
COMPLETED = [
    {
        "sourceType": "EXPRESSION",
        "source": 'sha256(concat(data.event_name, "|", data.distinct_id, "|", data.time, "|", data.insert_id), "UTF-8")',
        "destination": "_id",
    },
    {
        "sourceType": "EXPRESSION",
        "source": "dformat(data.mp_api_timestamp_ms, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")",
        "destination": "timestamp",
    },
]
"""The other required fields of an ExperienceEvent, which the tutorial's own mapping lacks."""


class Client(AepSandbox):
    """One caller; ``ok`` and ``refused`` send a request and check its response."""

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request and return its response, whatever its status."""
        options["headers"] = self.headers(**options.get("headers", {}))
        return self._session.request(method, self.url + path, timeout=30, **options)

    def ok(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        answer = self.request(method, path, json=body, **options)
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: object = None, **options: Any) -> str:
        """Send a request that must be refused; return the code of the Flow Service's error, such as ``1403-400``."""
        answer = self.ask(method, path, json=body, **options)
        reported = answer.json()
        code = str(reported["type"]).removeprefix("https://ns.adobe.com/aep/errors/FLOW-")
        assert answer.status_code == reported["status"] == int(code[-3:]), (answer.status_code, reported)
        assert reported["errorMessage"] == reported["report"]["detailed-message"]
        assert reported["report"]["request-id"] == answer.headers["x-request-id"]
        return code

    def item(self, path: str) -> JsonObject:
        (found,) = self.ok("GET", f"{FLOW}{path}")["items"]
        return dict(found)

    def connection(self, **params: str) -> str:
        return str(self.ok("POST", f"{FLOW}/connections", self.connection_body(**params))["id"])

    def connection_body(self, **params: str) -> JsonObject:
        account = {"username": data.SERVICE_ACCOUNT, "password": data.SERVICE_ACCOUNT_SECRET}
        return {
            "name": "Mixpanel base connection",
            "description": "Mixpanel base connection to authenticate to Platform",
            "connectionSpec": MIXPANEL_SPEC,
            "auth": {"specName": "Basic Authentication", "params": account | params},
        }

    def source(self, base: str, project: int | str = data.ADOBE_PROJECT_ID, zone: str = ZONE) -> str:
        return str(self.ok("POST", f"{FLOW}/sourceConnections", self.source_body(base, project, zone))["id"])

    def source_body(
        self, base: str, project: int | str = data.ADOBE_PROJECT_ID, zone: str = ZONE
    ) -> JsonObject:
        return {
            "name": "Mixpanel source connection",
            "description": "Mixpanel source connection",
            "baseConnectionId": base,
            "connectionSpec": MIXPANEL_SPEC,
            "data": {"format": "json"},
            "params": {"projectId": str(project), "timezone": zone},
        }

    def schema(self, title: str = "Mixpanel") -> str:
        """Create an ExperienceEvent schema with the eleven fields of the tutorial; return its ``$id``."""
        fields: JsonObject = {name: {"type": kind, "title": name} for name, kind in MAPPED.items()}
        for field in fields.values():
            if field["type"] == "integer":
                field |= {"minimum": -9007199254740992, "maximum": 9007199254740992}
        return self.add_schema(fields, title=f"{title} events")

    def target(self, dataset: str, spec: dict[str, str] = MIXPANEL_SPEC) -> str:
        return str(self.ok("POST", f"{FLOW}/targetConnections", self.target_body(dataset, spec))["id"])

    def target_body(self, dataset: str, spec: dict[str, str] = MIXPANEL_SPEC) -> JsonObject:
        return {
            "name": "{Mixpanel} Target Connection",
            "description": "{Mixpanel} Target Connection",
            "connectionSpec": spec,
            "data": {"format": "json"},
            "params": {"dataSetId": dataset},
        }

    def mapping(self, schema: str, *more: JsonObject) -> str:
        """Create the tutorial's mapping set with ``more`` mappings; return its id."""
        first = {"name": "distinct_id", "description": "Mixpanel"}
        mappings = [
            {
                "sourceType": "ATTRIBUTE",
                "source": f"data.{name}",
                "destination": f"{TENANT}.{name}",
                **(first if name == "distinct_id" else {}),
            }
            for name in MAPPED
        ]
        body = {
            "version": 0,
            "xdmSchema": schema,
            "xdmVersion": "1.0",
            "id": None,
            "mappings": [*mappings, *more],
        }
        return str(self.ok("POST", MAPPING_SETS, body)["id"])

    def flow_body(self, source: str, target: str, mapping: str, **schedule: object) -> JsonObject:
        return {
            "name": "{Mixpanel} dataflow",
            "description": "{Mixpanel} dataflow",
            "flowSpec": FLOW_SPEC,
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            "transformations": [{"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": "0"}}],
            "scheduleParams": schedule or {"startTime": "1625040887", "frequency": "minute", "interval": 15},
        }

    def chain(self, *more: JsonObject, project: int | str = data.ADOBE_PROJECT_ID) -> JsonObject:
        """Create everything that a dataflow needs; return the body of the dataflow with a one-time schedule."""
        schema = self.schema()
        target = self.target(self.add_dataset(schema=schema))
        source = self.source(self.connection(), project)
        mapping = self.mapping(schema, *(more or COMPLETED))
        return self.flow_body(source, target, mapping, startTime="1625040887", frequency="once")

    def flow(self, body: JsonObject) -> str:
        return str(self.ok("POST", f"{FLOW}/flows", body)["id"])

    def runs(self, flow: str) -> list[JsonObject]:
        return list(self.ok("GET", f"{FLOW}/runs", params={"property": f"flowId=={flow}"})["items"])

    def preview(self, dataset: str) -> list[JsonObject]:
        return list(self.ok("GET", f"{EXPORT}/datasets/{dataset}/preview")["data"])

    def explore(self, connection: str, **given: Any) -> requests.Response:
        params = {"projectId": str(data.ADOBE_PROJECT_ID), "timezone": ZONE, **given}
        query = {
            "objectType": "rest",
            "object": "json",
            "fileType": "json",
            "preview": "true",
            "sourceParams": base64.b64encode(json.dumps(params).encode()).decode(),
        }
        return self.ask("GET", f"{FLOW}/connections/{connection}/explore", params=query)
