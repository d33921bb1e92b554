"""``/mappingSets``: create, list, read, change, delete (EP:data-prep/api/mapping-set.md, OAS:data-prep.yaml)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import CONVERSION, DEMO_USER
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.dataprep.language.check import unknown_function
from mixpanel_aep_sandbox.aep.dataprep.models import InvalidMappingSet, Mapping, MappingSet, read_mapping_set
from mixpanel_aep_sandbox.aep.dataprep.routes.parameters import flag, number
from mixpanel_aep_sandbox.aep.dataprep.schemas import output_schema
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

SETS = "mapping-sets"
VERSIONS = "mapping-set-versions"
_MEDIA_TYPES = {"ATTRIBUTE": "text/x.schema-path", "EXPRESSION": "text/x.aep-xl"}
"""The ``sourceType`` in Adobe's documented responses for ATTRIBUTE; the one for EXPRESSION is analogous [I]."""


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of ``/mappingSets`` to ``router``."""
    routes = Routes(state, router, CONVERSION)
    routes.add("GET", "/mappingSets", _list)
    routes.add("POST", "/mappingSets", _create)
    routes.add(
        "GET", "/mappingSets/{id}", lambda call: JSONResponse(_mapping_set_view(call, _find_requested(call)))
    )
    routes.add("PUT", "/mappingSets/{id}", _change)
    routes.add("DELETE", "/mappingSets/{id}", _delete)
    routes.add(
        "GET", "/mappingSets/{id}/mappings", lambda call: JSONResponse(_mappings(call, _find_requested(call)))
    )
    routes.add("GET", "/mappingSets/{id}/mappings/{mapping}", _mapping)


def find_mapping_set(scope: AepSandboxScope, key: str, version: int | None = None) -> JsonObject | None:
    """Return a stored mapping set, or None if it does not exist.

    Args:
        scope: The AEP sandbox.
        key: The id of the mapping set.
        version: The version; None: the newest.
    """
    newest = scope.get(SETS, key)
    if newest is None or version is None or version == newest["version"]:
        return newest
    return scope.get(VERSIONS, f"{key}/{version}")


def mapping_set_from_body(body: object) -> MappingSet:
    """Parse a request body as a mapping set. Raises Problem 400 if it is not a valid one."""
    try:
        return read_mapping_set(body)
    except InvalidMappingSet as fault:
        raise problem(400, str(fault)) from fault


def _create(call: Call) -> Response:
    kept = _stored_form(call, secrets.token_hex(16), None)
    call.scope.put(SETS, kept["id"], kept)
    names = ("id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy")
    return JSONResponse({name: kept[name] for name in names})  # 200, not 201


def _change(call: Call) -> Response:
    before = _newest(call)
    kept = _stored_form(call, before["id"], before)
    call.scope.put(VERSIONS, f"{before['id']}/{before['version']}", before)
    call.scope.put(SETS, kept["id"], kept)
    return JSONResponse(_mapping_set_view(call, kept))


def _delete(call: Call) -> Response:
    """Delete a mapping set and its older versions [I: Adobe's lists of endpoints do not contain this request]."""
    before = _newest(call)
    for version in range(before["version"]):
        call.scope.delete(VERSIONS, f"{before['id']}/{version}")
    call.scope.delete(SETS, before["id"])
    return Response(status_code=204)


def _newest(call: Call) -> JsonObject:
    """Return the newest version of the mapping set in the request's path. Raises Problem 404."""
    kept = find_mapping_set(call.scope, call.path("id"))
    if kept is None:
        raise problem(404, f"Mapping set {call.path('id')} not found")
    return kept


def _find_requested(call: Call) -> JsonObject:
    """Return the mapping set in the request's path, in the version that the query names. Raises Problem 404."""
    version = number(call, "version")
    kept = find_mapping_set(call.scope, call.path("id"), version)
    if kept is None:
        suffix = "" if version is None else f" with version {version}"
        raise problem(404, f"Mapping set {call.path('id')}{suffix} not found")
    return kept


def _stored_form(call: Call, key: str, before: JsonObject | None) -> JsonObject:
    """Validate the mapping set in a request body, and return the document to store.

    It has members of the body, and members that only the service sets.

    Args:
        call: The request.
        key: The id of the mapping set.
        before: The version that it replaces; None for a new mapping set.
    """
    mapping_set = mapping_set_from_body(call.body)
    if not mapping_set.schema_id:
        raise problem(400, "outputSchema.schemaRef.id is required.")
    output_schema(call.scope, mapping_set.schema_id)
    if AepSettings.of(call.scope.state).mapping_unknown_functions == "refused":
        _check_functions(mapping_set.mappings)
    now = call.scope.now
    body = mapping_set.body
    reference = {"id": mapping_set.schema_id, "contentType": mapping_set.content_type}
    given = {
        name: body[name] for name in ("name", "inputSchema", "tags", "transformScript") if body.get(name)
    }
    return {
        "id": key,
        "version": before["version"] + 1 if before else 0,
        "createdDate": before["createdDate"] if before else now,
        "modifiedDate": now,
        "createdBy": before["createdBy"] if before else DEMO_USER,
        "modifiedBy": DEMO_USER,
        "supportVersion": body.get("supportVersion") or "1.1",
        "inputSchema": {},
        **given,
        "outputSchema": {
            "id": hashlib.sha256(mapping_set.schema_id.encode()).hexdigest()[:32],
            "version": 0,
            "schemaRef": reference,
        },
        "mappings": [_stored(mapping, now) for mapping in mapping_set.mappings],
        "status": body.get("status") or (before or {}).get("status", "DRAFT"),
        "strictMapping": bool(body.get("strictMapping")),
        "allowNullValues": mapping_set.allow_null_values,
        "xdmVersion": mapping_set.content_type,
        "schemaRef": reference,
        "xdmSchema": mapping_set.schema_id,
    }


def _check_functions(mappings: Iterable[Mapping]) -> None:
    """Raise Problem 400 if an expression uses an unknown function."""
    for mapping in mappings:
        if mapping.source_type == "EXPRESSION" and (name := unknown_function(str(mapping.source))):
            raise problem(400, f"The mapping of {mapping.destination} uses an unknown function: {name}().")


def _stored(mapping: Mapping, now: int) -> JsonObject:
    """Return the stored form of one mapping, with a new id; ``now`` is the time in epoch milliseconds."""
    names = ("name", "description", "identityGroup", "namespaceCode")
    return {
        "id": secrets.token_hex(16),
        "version": 0,
        "createdDate": now,
        "modifiedDate": now,
        "createdBy": DEMO_USER,
        "modifiedBy": DEMO_USER,
        "sourceType": mapping.source_type,
        "source": mapping.source,
        "destination": mapping.destination,
        **{name: mapping.body[name] for name in names if mapping.body.get(name) is not None},
        "identity": bool(mapping.body.get("identity")),
        "primaryIdentity": bool(mapping.body.get("primaryIdentity")),
        "matchScore": 0.0,
        "functionVersion": mapping.body.get("functionVersion") or 1,
        "sourceAttribute": mapping.source,
        "destinationXdmPath": mapping.destination,
    }


def _mappings(call: Call, kept: JsonObject) -> list[JsonObject]:
    """Return the mappings of a stored set for a response, with the ``sourceType`` that a setting selects."""
    shown = _MEDIA_TYPES if AepSettings.of(call.scope.state).mapping_source_types == "media" else {}
    return [
        {**mapping, "sourceType": shown.get(mapping["sourceType"], mapping["sourceType"])}
        for mapping in kept["mappings"]
    ]


def _mapping(call: Call) -> Response:
    for mapping in _mappings(call, _find_requested(call)):
        if mapping["id"] == call.path("mapping"):
            return JSONResponse(mapping)
    raise problem(404, f"Mapping {call.path('mapping')} not found")


def _mapping_set_view(call: Call, kept: JsonObject) -> JsonObject:
    """Return a stored mapping set in the form of a response.

    With ``expandSchema`` in the query, it also has the resolved output schema.
    """
    shown = {**kept, "mappings": _mappings(call, kept)}
    if flag(call, "expandSchema"):
        schema = output_schema(call.scope, kept["xdmSchema"])
        shown["outputSchema"] = {**kept["outputSchema"], "jsonSchema": schema}
    return shown


_ORDERS = {"createdDate": "createdDate", "updatedDate": "modifiedDate", "modifiedDate": "modifiedDate"}
_MOST = 1000


def _list(call: Call) -> Response:
    start, limit = number(call, "start"), number(call, "limit")
    if start is None or limit is None:
        raise problem(400, "start and limit are required.")
    if not 1 <= limit <= _MOST:
        raise problem(400, f"limit must be a number from 1 to {_MOST}.")
    order = call.query("orderBy") or "-updatedDate"
    field = _ORDERS.get(order.lstrip("+- "))  # an unescaped + arrives as a space
    if field is None:
        raise problem(400, "orderBy must be createdDate or updatedDate, with + or - before it.")
    name = call.request.query_params.get("name")
    sets = [body for _, body in call.scope.items(SETS) if name is None or body.get("name") == name]
    sets.sort(key=lambda body: body[field])
    if order.startswith("-"):
        sets.reverse()
    page = [_mapping_set_view(call, body) for body in sets[start : start + limit]]
    answer: JsonObject = {"data": page, "_page": {"count": len(page), "limit": limit}}
    if start + limit < len(sets):
        following = f"{CONVERSION}/mappingSets?start={start + limit}&limit={limit}"
        answer["_links"] = {"next": {"href": call.url(following), "templated": False}}
    return JSONResponse(answer)
