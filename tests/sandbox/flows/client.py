"""Plain HTTP against the running sandbox, with the bodies that Adobe's Mixpanel tutorial prints."""

from __future__ import annotations

import base64
import json
from typing import Any

import requests

from include.sandbox import data
from include.sandbox.aep.constants import (
    CATALOG,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORG,
    DEMO_SCOPE,
    EXPERIENCE_EVENT,
    EXPORT,
    REGISTRY,
)
from tests.sandbox.asking import Sandbox

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
        "source": 'concat(data.insert_id, "-", data.time, "-", data.mp_processing_time_ms)',
        "destination": "_id",
    },
    {"sourceType": "ATTRIBUTE", "source": "data.mp_api_timestamp_ms", "destination": "timestamp"},
]
"""What an ExperienceEvent needs besides; the tutorial's own mapping has neither."""


class Client:
    """One caller; ``ok`` and ``refused`` send a request and look at what comes back."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        form = {
            "grant_type": "client_credentials",
            "client_id": DEMO_CLIENT_ID,
            "client_secret": DEMO_CLIENT_SECRET,
            "scope": DEMO_SCOPE,
        }
        token = self.session.post(f"{sandbox.url}/ims/token/v3", data=form, timeout=20).json()["access_token"]
        self.session.headers.update(
            {
                "Authorization": f"Bearer {token}",
                "x-api-key": DEMO_CLIENT_ID,
                "x-gw-ims-org-id": DEMO_ORG,
                "x-sandbox-name": "prod",
            }
        )
        self.settings(batch_seconds=0)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.sandbox.url + path, timeout=30, **options)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.request(method, path, json=body, **options)
        assert answer.status_code < 300, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> str:
        """The code of a refusal in the Flow Service's own shape, such as ``1403-400``."""
        answer = self.request(method, path, json=body, **options)
        told = answer.json()
        code = str(told["type"]).removeprefix("https://ns.adobe.com/aep/errors/FLOW-")
        assert answer.status_code == told["status"] == int(code[-3:]), (answer.status_code, told)
        assert told["errorMessage"] == told["report"]["detailed-message"]
        assert told["report"]["request-id"] == answer.headers["x-request-id"]
        return code

    def settings(self, **wanted: Any) -> None:
        self.sandbox.control("/aep/settings", wanted)

    def item(self, path: str) -> dict[str, Any]:
        (found,) = self.ok("GET", f"{FLOW}{path}")["items"]
        return dict(found)

    def connection(self, **params: str) -> str:
        account = {"username": data.SERVICE_ACCOUNT, "password": data.SERVICE_ACCOUNT_SECRET}
        body = {
            "name": "Mixpanel base connection",
            "description": "Mixpanel base connection to authenticate to Platform",
            "connectionSpec": MIXPANEL_SPEC,
            "auth": {"specName": "Basic Authentication", "params": account | params},
        }
        return str(self.ok("POST", f"{FLOW}/connections", body)["id"])

    def source(self, base: str, project: int | str = data.ADOBE_PROJECT_ID, zone: str = ZONE) -> str:
        body = {
            "name": "Mixpanel source connection",
            "description": "Mixpanel source connection",
            "baseConnectionId": base,
            "connectionSpec": MIXPANEL_SPEC,
            "data": {"format": "json"},
            "params": {"projectId": str(project), "timezone": zone},
        }
        return str(self.ok("POST", f"{FLOW}/sourceConnections", body)["id"])

    def schema(self, title: str = "Mixpanel") -> str:
        """A field group with the eleven fields, and an ExperienceEvent schema with it."""
        fields: dict[str, Any] = {name: {"type": kind, "title": name} for name, kind in MAPPED.items()}
        for name, field in fields.items():
            if field["type"] == "integer":
                fields[name] = field | {"minimum": -9007199254740992, "maximum": 9007199254740992}
        group = {
            "title": f"{title} fields",
            "type": "object",
            "meta:intendedToExtend": [EXPERIENCE_EVENT],
            "definitions": {
                "customFields": {"properties": {TENANT: {"type": "object", "properties": fields}}}
            },
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }
        group_id = self.ok("POST", f"{REGISTRY}/tenant/fieldgroups", group)["$id"]
        refs = [{"$ref": EXPERIENCE_EVENT}, {"$ref": group_id}]
        body = {"title": f"{title} events", "type": "object", "allOf": refs}
        return str(self.ok("POST", f"{REGISTRY}/tenant/schemas", body)["$id"])

    def dataset(self, schema: str, name: str = "Mixpanel events") -> str:
        reference = {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
        (ref,) = self.ok("POST", f"{CATALOG}/dataSets", {"name": name, "schemaRef": reference})
        return str(ref).removeprefix("@/dataSets/")

    def target(self, dataset: str, spec: dict[str, str] = MIXPANEL_SPEC) -> str:
        body = {
            "name": "{Mixpanel} Target Connection",
            "description": "{Mixpanel} Target Connection",
            "connectionSpec": spec,
            "data": {"format": "json"},
            "params": {"dataSetId": dataset},
        }
        return str(self.ok("POST", f"{FLOW}/targetConnections", body)["id"])

    def mapping(self, schema: str, *more: dict[str, Any]) -> str:
        """The tutorial's mapping set, and more."""
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

    def flow_body(self, source: str, target: str, mapping: str, **schedule: Any) -> dict[str, Any]:
        return {
            "name": "{Mixpanel} dataflow",
            "description": "{Mixpanel} dataflow",
            "flowSpec": FLOW_SPEC,
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            "transformations": [{"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": "0"}}],
            "scheduleParams": schedule or {"startTime": "1625040887", "frequency": "minute", "interval": 15},
        }

    def chain(self, *more: dict[str, Any], project: int | str = data.ADOBE_PROJECT_ID) -> dict[str, Any]:
        """Everything that a dataflow needs: its body with a one-time schedule, ready to be sent."""
        schema = self.schema()
        target = self.target(self.dataset(schema))
        source = self.source(self.connection(), project)
        mapping = self.mapping(schema, *(more or COMPLETED))
        return self.flow_body(source, target, mapping, startTime="1625040887", frequency="once")

    def flow(self, body: dict[str, Any]) -> str:
        return str(self.ok("POST", f"{FLOW}/flows", body)["id"])

    def runs(self, flow: str) -> list[dict[str, Any]]:
        return list(self.ok("GET", f"{FLOW}/runs", params={"property": f"flowId=={flow}"})["items"])

    def preview(self, dataset: str) -> list[dict[str, Any]]:
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
        return self.request("GET", f"{FLOW}/connections/{connection}/explore", params=query)
