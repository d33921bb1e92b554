"""What a sandbox contains before it is fuzzed: one resource of each kind, and a valid body for each POST."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import (
    CATALOG,
    CONSOLE,
    CONVERSION,
    DEMO_CREDENTIAL,
    DEMO_ORG_NUMBER,
    EXPERIENCE_EVENT,
    HYGIENE,
    IMPORT,
    NAMESPACES,
    REGISTRY,
)

if TYPE_CHECKING:
    from tests.support.sandbox.fuzz_document import FuzzDocument

DAY = "2026-07-01"
FLOWS = "/data/foundation/flowservice"
MIXPANEL_SPEC = "fd2c8ff3-1de0-4f6b-8fa8-4264784870eb"
LAKE_SPEC = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
FLOW_SPEC = "6499120c-0b15-42dc-936e-847ea3c24d72"


def the(kind: str) -> str:
    """Return the mark that stands for a seed's id until it exists."""
    return f"seeded-{kind}"


BODIES: dict[str, Any] = {
    f"{REGISTRY}/tenant/fieldgroups": {
        "title": "Fields",
        "type": "object",
        "meta:intendedToExtend": [EXPERIENCE_EVENT],
        "definitions": {
            "own": {
                "properties": {"_acmesandbox": {"type": "object", "properties": {"plan": {"type": "string"}}}}
            }
        },
        "allOf": [{"$ref": "#/definitions/own"}],
    },
    f"{REGISTRY}/tenant/schemas": {
        "title": "Events",
        "type": "object",
        "allOf": [{"$ref": EXPERIENCE_EVENT}, {"$ref": the("field-group-id")}],
    },
    f"{REGISTRY}/tenant/classes": {
        "title": "Visit",
        "type": "object",
        "meta:extends": ["https://ns.adobe.com/xdm/data/record"],
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}],
    },
    f"{REGISTRY}/tenant/datatypes": {
        "title": "Plan",
        "type": "object",
        "properties": {"plan": {"type": "string", "title": "Plan"}},
    },
    f"{REGISTRY}/tenant/descriptors": {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": the("schema-id"),
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_acmesandbox/plan",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": False,
    },
    NAMESPACES: {"name": "Mine", "code": "Mine", "idType": "CROSS_DEVICE"},
    f"{CATALOG}/dataSets": {
        "name": "Events",
        "schemaRef": {"id": the("schema-id"), "contentType": "application/vnd.adobe.xed+json;version=1"},
    },
    f"{IMPORT}/batches": {"datasetId": the("dataset"), "inputFormat": {"format": "json"}},
    f"{HYGIENE}/ttl": {"datasetId": the("dataset"), "expiry": "2999-12-31T23:59:59Z"},
    f"{CONVERSION}/mappingSets": {
        "name": "Mapping",
        "outputSchema": {
            "schemaRef": {
                "id": the("schema-id"),
                "contentType": "application/vnd.adobe.xed-full+json;version=1",
            }
        },
        "mappings": [
            {"sourceType": "ATTRIBUTE", "source": "data.event_name", "destination": "_acmesandbox.plan"}
        ],
    },
    f"{FLOWS}/connections": {
        "name": "Base",
        "description": "Seeded",
        "connectionSpec": {"id": MIXPANEL_SPEC, "version": "1.0"},
        "auth": {
            "specName": "Basic Authentication",
            "params": {"username": data.SERVICE_ACCOUNT, "password": data.SERVICE_ACCOUNT_SECRET},
        },
    },
    f"{FLOWS}/sourceConnections": {
        "name": "Source",
        "description": "Seeded",
        "baseConnectionId": the("connection"),
        "connectionSpec": {"id": MIXPANEL_SPEC, "version": "1.0"},
        "data": {"format": "json"},
        "params": {"projectId": str(data.ADOBE_PROJECT_ID), "timezone": "Pacific Standard Time"},
    },
    f"{FLOWS}/targetConnections": {
        "name": "Target",
        "description": "Seeded",
        "connectionSpec": {"id": LAKE_SPEC, "version": "1.0"},
        "data": {
            "format": "json",
            "schema": {"id": the("schema-id"), "version": "application/vnd.adobe.xed-full+json;version=1"},
        },
        "params": {"dataSetId": the("dataset")},
    },
    f"{FLOWS}/flows": {
        "name": "Flow",
        "description": "Seeded",
        "flowSpec": {"id": FLOW_SPEC, "version": "1.0"},
        "sourceConnectionIds": [the("source-connection")],
        "targetConnectionIds": [the("target-connection")],
        "transformations": [
            {"name": "Mapping", "params": {"mappingId": the("mapping-set"), "mappingVersion": "0"}}
        ],
        "scheduleParams": {"startTime": "1782864000", "frequency": "once"},
    },
    f"{FLOWS}/runs": {"flowId": the("flow")},
}
"""By path of a POST; a PUT of what it makes takes the same."""
BODIES[f"{REGISTRY}/tenant/schemas/{{id}}"] = [{"op": "replace", "path": "/title", "value": "Other events"}]
BODIES[f"{REGISTRY}/rpc/import"] = [
    {
        **BODIES[f"{REGISTRY}/tenant/datatypes"],
        "$id": "https://ns.adobe.com/<XDM_TENANTID_PLACEHOLDER>/datatypes/0123456789abcdef",
        "meta:altId": "_<XDM_TENANTID_PLACEHOLDER>.datatypes.0123456789abcdef",
        "meta:resourceType": "datatypes",
    }
]
BODIES[f"{CONVERSION}/xdmBatchConversions"] = {
    "destinationDatasetId": the("dataset"),
    "sourceBatchId": the("batch"),
    "mappingSetId": the("mapping-set"),
}
BODIES[f"PATCH {IMPORT}/batches"] = {
    **BODIES[f"{IMPORT}/batches"],
    "replay": {"predecessors": [the("batch")], "reason": "replace"},
}
for _views in ("dataSetViews", "datasetViews"):
    BODIES[f"{CATALOG}/{_views}"] = {"dataSetId": the("dataset"), "status": "enabled"}
BODIES["/import"] = [
    {
        "event": "Sign up",
        "properties": {"time": 1782864000, "distinct_id": "ann", "$insert_id": "0m5q10ooiui3hwc2"},
    }
]
BODIES[f"{REGISTRY}/tenant/mixins"] = BODIES[f"{REGISTRY}/tenant/fieldgroups"]
BODIES[f"{CATALOG}/datasets"] = BODIES[f"{CATALOG}/dataSets"]
BODIES[f"{CONVERSION}/mappingSets/validate"] = BODIES[f"{CONVERSION}/mappingSets"]
BODIES[f"{CONVERSION}/mappingSets/preview"] = {
    "data": [{"event_name": "A"}],
    "mappingSet": BODIES[f"{CONVERSION}/mappingSets"],
}

Make = Callable[["FuzzDocument"], str]


def _made(path: str, name: str = "id") -> Make:
    def make(seeded: FuzzDocument) -> str:
        body = seeded.filled(BODIES[path])
        if "title" in body:  # No two resources of the Registry have the same one.
            body["title"] += " (seed)"
        return str(seeded.aep.request("POST", path, json=body).json()[name])

    return make


def _alt_id(path: str) -> Make:
    def make(seeded: FuzzDocument) -> str:
        accept = {"Accept": "application/vnd.adobe.xed-id+json"}
        found = seeded.aep.request("GET", path, headers=accept).json()["results"]
        return str(found[0]["meta:altId"])

    return make


def _batch(seeded: FuzzDocument) -> str:
    """Return one good row and one bad one."""
    rows = [{"_id": "1", "timestamp": f"{DAY}T00:00:00Z"}, {"_id": "2"}]
    return str(seeded.aep.load(seeded["dataset"], rows, partialIngestionPercent=60)["id"])


def _open_file(seeded: FuzzDocument) -> str:
    path = f"{IMPORT}/batches/{seeded['open-batch']}/datasets/{seeded['dataset']}/files/a.json"
    seeded.aep.request("POST", f"{path}?action=INITIALIZE")
    return "a.json"


def _dataset(seeded: FuzzDocument) -> str:
    path = f"{CATALOG}/dataSets"
    [ref] = seeded.aep.request("POST", path, json=seeded.filled(BODIES[path])).json()
    return str(ref).removeprefix("@/dataSets/")


def _view(seeded: FuzzDocument) -> str:
    key = seeded["dataset"]
    return str(seeded.aep.request("GET", f"{CATALOG}/dataSets/{key}").json()[key]["viewId"])


def _mapping(seeded: FuzzDocument) -> str:
    path = f"{CONVERSION}/mappingSets/{seeded['mapping-set']}/mappings"
    return str(seeded.aep.request("GET", path).json()[0]["id"])


def _union(seeded: FuzzDocument) -> str:
    """Return the union of the schemas that are enabled for Profile, once it exists."""
    path = f"{REGISTRY}/tenant/descriptors"
    seeded.aep.request("POST", path, json={**seeded.filled(BODIES[path]), "xdm:isPrimary": True})
    enable = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    seeded.aep.request(
        "PATCH", f"{REGISTRY}/tenant/schemas/{quote(seeded['schema-id'], safe='')}", json=enable
    )
    return _alt_id(f"{REGISTRY}/tenant/unions")(seeded)


def _secret(seeded: FuzzDocument) -> str:
    path = f"{CONSOLE}/{DEMO_ORG_NUMBER}/credentials/{DEMO_CREDENTIAL}/secrets"
    return str(seeded.console.request("POST", path).json()["uuid"])


def _namespace(seeded: FuzzDocument) -> str:
    """Create a namespace with the code in the document's example, because a PUT cannot change the code; return its id."""
    seeded.aep.add_namespace("Loyalty")
    return str(seeded.aep.request("GET", NAMESPACES).json()[-1]["id"])


SEEDS: dict[str, Make] = {
    "fault": lambda seeded: seeded.aep.plan_fault("delay", path="/nowhere"),
    "small-project": lambda seeded: str(data.HOSTILE_PROJECT_ID),
    "project": lambda seeded: str(data.SHOP_PROJECT_ID),
    "account": lambda seeded: seeded.mixpanel.username,
    "mixpanel-organization": lambda seeded: str(data.ORGANIZATION_ID),
    "service-account": lambda seeded: str(seeded.mixpanel.control("GET", "/mixpanel/accounts")[0]["id"]),
    "annotation": lambda seeded: "1001",
    "funnel": lambda seeded: "7509",
    "entity-type": lambda seeded: "event",
    "day": lambda seeded: DAY,
    "org": lambda seeded: DEMO_ORG_NUMBER,
    "credential": lambda seeded: DEMO_CREDENTIAL,
    "secret": _secret,
    "field-group-id": _made(f"{REGISTRY}/tenant/fieldgroups", "$id"),
    "field-group": _made(f"{REGISTRY}/tenant/fieldgroups", "meta:altId"),
    "schema-id": _made(f"{REGISTRY}/tenant/schemas", "$id"),
    "schema": _made(f"{REGISTRY}/tenant/schemas", "meta:altId"),
    "class": _made(f"{REGISTRY}/tenant/classes", "meta:altId"),
    "datatype": _made(f"{REGISTRY}/tenant/datatypes", "meta:altId"),
    "global-class": _alt_id(f"{REGISTRY}/global/classes"),
    "behavior": _alt_id(f"{REGISTRY}/global/behaviors"),
    "union": _union,
    "global-field-group": _alt_id(f"{REGISTRY}/global/fieldgroups"),
    "global-datatype": _alt_id(f"{REGISTRY}/global/datatypes"),
    "descriptor": _made(f"{REGISTRY}/tenant/descriptors", "@id"),
    "namespace": _namespace,
    "dataset": _dataset,
    "view": _view,
    "batch": _batch,
    "open-batch": _made(f"{IMPORT}/batches"),
    "open-file": _open_file,
    "dataset-file": lambda seeded: f"{seeded['batch']}-1",
    "expiration": _made(f"{HYGIENE}/ttl", "ttlId"),
    "mapping-set": _made(f"{CONVERSION}/mappingSets"),
    "mapping": _mapping,
    "conversion": _made(f"{CONVERSION}/xdmBatchConversions"),
    "conversion-activity": lambda seeded: f"{seeded['conversion']}-1",
    "connection": _made(f"{FLOWS}/connections"),
    "source-connection": _made(f"{FLOWS}/sourceConnections"),
    "target-connection": _made(f"{FLOWS}/targetConnections"),
    "flow": _made(f"{FLOWS}/flows"),
    "run": _made(f"{FLOWS}/runs"),
    "connection-spec": lambda seeded: MIXPANEL_SPEC,
    "flow-spec": lambda seeded: FLOW_SPEC,
}
NAMED = {
    "project_id": "project",
    "funnel_id": "funnel",
    "from_date": "day",
    "to_date": "day",
    "dataset": "dataset",
    "datasetId": "dataset",
    "baseConnectionId": "connection",
    "mappingId": "mapping-set",
    "flowId": "flow",
    "xdm:sourceSchema": "schema-id",
}
"""Query parameters and properties of bodies, by name."""

PLACES: list[tuple[str, dict[str, str]]] = [
    ("/_sandbox/mixpanel/projects/{project_id}/events", {"projects": "small-project"}),
    (
        "/api/app",
        {
            "organizations": "mixpanel-organization",
            "service-accounts": "service-account",
            "annotations": "annotation",
            "schemas": "entity-type",
        },
    ),
    (IMPORT, {"batches": "open-batch", "files": "open-file"}),
    ("/data/foundation/export/files", {"files": "dataset-file"}),
    (HYGIENE, {"ttl": "expiration"}),
    (
        CATALOG,
        {
            "ttl": "dataset",
            "dataSetFiles": "dataset-file",
            "datasetFiles": "dataset-file",
            "dataSetViews": "view",
            "datasetViews": "view",
        },
    ),
    (
        f"{REGISTRY}/global",
        {
            "classes": "global-class",
            "fieldgroups": "global-field-group",
            "mixins": "global-field-group",
            "datatypes": "global-datatype",
        },
    ),
    (
        "/data/",
        {
            "schemas": "schema",
            "sampledata": "schema",
            "fieldgroups": "field-group",
            "mixins": "field-group",
            "classes": "class",
            "datatypes": "datatype",
            "descriptors": "descriptor",
            "unions": "union",
            "behaviors": "behavior",
            "export": "schema",
            "auditlog": "schema",
            "identities": "namespace",
            "views": "view",
            "mappingSets": "mapping-set",
            "mappings": "mapping",
            "xdmBatchConversions": "conversion",
            "activities": "conversion-activity",
            "connections": "connection",
            "sourceConnections": "source-connection",
            "targetConnections": "target-connection",
            "connectionSpecs": "connection-spec",
            "flowSpecs": "flow-spec",
            "flows": "flow",
            "runs": "run",
        },
    ),
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
