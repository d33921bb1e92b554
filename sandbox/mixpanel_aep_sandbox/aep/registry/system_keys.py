"""Keys of a resource that the Schema Registry sets itself (EP:xdm/api/schemas.md)."""

from __future__ import annotations

import hashlib
import json

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, DEMO_USER
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.registry.standard.notation import LIBRARY_VERSION
from mixpanel_aep_sandbox.core.json_types import JsonObject

_GUIDE_NAMES = {"repo:createdDate": "repo:createDate", "xdm:createdUserId": "xdm:repositoryCreatedBy"}
_GUIDE_WITHOUT = ("xdm:lastModifiedClientId", "xdm:lastModifiedUserId", "eTag", "meta:globalLibVersion")


def with_ids(call: Call, body: JsonObject, kind: str, token: str) -> JsonObject:
    """Return a resource with the keys ``$id``, ``meta:altId`` and ``meta:resourceType`` of a resource of the tenant.

    Args:
        call: The request that creates the resource.
        body: The resource; its own values of these keys are ignored.
        kind: The ``meta:resourceType``.
        token: The last part of both ids.
    """
    tenant = call.scope.tenant
    return {
        "$id": f"https://ns.adobe.com/{tenant}/{kind}/{token}",
        "meta:altId": f"_{tenant}.{kind}.{token}",
        "meta:resourceType": kind,
        **{
            key: value for key, value in body.items() if key not in ("$id", "meta:altId", "meta:resourceType")
        },
    }


def with_metadata(
    call: Call, body: JsonObject, before: JsonObject | None, *, raised: bool = True
) -> JsonObject:
    """Return a resource with the version and the metadata that the registry sets.

    Args:
        call: The request that creates or changes the resource.
        body: The resource.
        before: The replaced resource; None for a new resource.
        raised: Whether the minor version of a replaced resource is increased.
    """
    scope, kind = call.scope, body["meta:resourceType"]
    minor = int(before["version"].split(".")[1]) + raised if before else 0
    body = {
        **body,
        "version": f"1.{minor}",
        "imsOrg": scope.org,
        "meta:extensible": kind != "schemas",
        "meta:abstract": kind != "schemas",
        "meta:containerId": "tenant",
        "meta:sandboxId": AEP_SANDBOXES[scope.name],
        "meta:sandboxType": "production" if scope.name == "prod" else "development",
        "meta:tenantNamespace": f"_{scope.tenant}",
    }
    body.pop("meta:registryMetadata", None)
    return {**body, "meta:registryMetadata": _metadata(call, body, before)}


def response_body(call: Call, body: JsonObject) -> JsonObject:
    """Return the body of the response to the creation or change of a resource.

    A setting selects whether its metadata have the names of lookups or of Adobe's guide.
    """
    guide = AepSettings.of(call.scope.state).registry_write_names == "guide"
    if not guide or body["meta:resourceType"] not in ("schemas", "classes"):
        return body
    metadata = body["meta:registryMetadata"]
    shown = {
        _GUIDE_NAMES.get(name, name): value for name, value in metadata.items() if name not in _GUIDE_WITHOUT
    }
    return {**body, "meta:registryMetadata": shown}


def _metadata(call: Call, body: JsonObject, before: JsonObject | None) -> JsonObject:
    old, now = (before or {}).get("meta:registryMetadata", {}), call.scope.now
    return {
        "repo:createdDate": old.get("repo:createdDate", now),
        "repo:lastModifiedDate": now,
        "xdm:createdClientId": old.get("xdm:createdClientId", call.client_id),
        "xdm:lastModifiedClientId": call.client_id,
        "xdm:createdUserId": old.get("xdm:createdUserId", DEMO_USER),
        "xdm:lastModifiedUserId": DEMO_USER,
        "eTag": hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
        "meta:globalLibVersion": LIBRARY_VERSION,
    }
