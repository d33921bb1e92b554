"""Route that returns the XID of an identity (OAS:identity-service.yaml). The sandbox has no identity graph."""

from __future__ import annotations

import base64
import hashlib

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import IDENTITY
from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.identity.routes.namespaces import namespaces
from mixpanel_aep_sandbox.core.state import SandboxState

_LONGEST_ID = 1024


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the route that returns the XID of an identity to the router."""
    Routes(state, router, IDENTITY).add("GET", "/identity", _get_xid)


def _get_xid(call: Call) -> Response:
    """Return the XID of the identity ``id`` in the namespace with the code ``namespace``, or else the id ``nsid``."""
    code, number, key = call.query("namespace"), call.query("nsid"), call.query("id")
    matching = [
        body
        for body in namespaces(call.scope)
        if (body["code"].lower() == code.lower() if code else str(body["id"]) == number)
    ]
    if not matching or not key.strip() or len(key) > _LONGEST_ID:
        parameter = f"namespace={code}" if code else f"nsid={number}"
        raise Problem(
            400,
            {
                "title": "InvalidInput",
                "status": 400,
                "detail": f"The provided {parameter} and id={key[:80]} is invalid. Please provide a valid namespace and"
                " id in your request.",
            },
        )
    return JSONResponse({"xid": _make_xid(matching[0]["id"], key)}, headers={"cache-control": "no-cache"})


def _make_xid(namespace: int, key: str) -> str:
    """Return the XID of an identity, by the namespace's id and the identity's value; a hash of both (assumed [I])."""
    digest = hashlib.sha256(f"{namespace}:{key}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:21]).decode("ascii")
