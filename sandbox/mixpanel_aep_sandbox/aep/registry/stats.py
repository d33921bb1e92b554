"""``GET /stats``: the tenant's id, and counts of its resources (EP:xdm/api/getting-started.md)."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject

_RECENT = 10
_MOMENT = "%a %b %d %Y %H:%M:%S GMT+0000 (UTC)"


def stats(call: Call) -> Response:
    """Handle ``GET /stats``: the numbers of resources, the ten last created and changed ones, and the use of classes.

    ``classUsage`` is an object, as in the guide; OAS:schema-registry.yaml describes an array.
    """
    scope = call.scope
    held = [body for _, body in scope.items(RESOURCES)]
    kinds = [body["meta:resourceType"] for body in held]
    counts = {kind: kinds.count(kind) for kind in ("schemas", "mixins", "datatypes", "classes")}
    enabled = {body["meta:class"] for body in held if "union" in body.get("meta:immutableTags", [])}
    usage: dict[str, list[JsonObject]] = {}
    for body in held:
        if "meta:class" in body:
            short: JsonObject = {key: body[key] for key in ("$id", "title", "description") if key in body}
            usage.setdefault(body["meta:class"], []).append(short)

    return JSONResponse(
        {
            "imsOrg": scope.org,
            "tenantId": scope.tenant,
            "counts": {**counts, "unions": len(enabled)},
            "recentlyCreatedResources": _recent(scope, held, "repo:createdDate", "meta:created"),
            "recentlyUpdatedResources": _recent(scope, held, "repo:lastModifiedDate", "meta:updated"),
            "classUsage": usage,
        }
    )


def _recent(scope: AepSandboxScope, held: list[JsonObject], moment: str, name: str) -> list[JsonObject]:
    """Return summaries of the ten resources that were created or updated last, newest first.

    Args:
        scope: The AEP sandbox.
        held: All resources of the tenant.
        moment: The key of the time in a resource's metadata.
        name: The key of this time in the summaries.
    """
    newest = sorted(enumerate(held), key=lambda each: (_time_ms(each[1], moment), each[0]), reverse=True)
    return [
        {**_summary(scope, body), name: _time_text(_time_ms(body, moment))} for _, body in newest[:_RECENT]
    ]


def _summary(scope: AepSandboxScope, body: JsonObject) -> JsonObject:
    """Return the keys of a resource that ``/stats`` shows."""
    keys = ("$id", "meta:altId", "title", "description", "meta:resourceType", "meta:class", "version")
    short = {key: body[key] for key in keys if key in body}
    if "meta:class" in body:
        short["meta:classTitle"] = (find_resource(scope, body["meta:class"]) or {}).get("title")
    return short


def _time_ms(body: JsonObject, moment: str) -> int:
    return int(body["meta:registryMetadata"][moment])


def _time_text(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime(_MOMENT)
