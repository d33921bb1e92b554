"""Identity Service: the XID of an identity (OAS:identity-service.yaml). The sandbox does not link identities."""

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
    """Add the route of identities."""
    Routes(state, router, IDENTITY).add("GET", "/identity", _xid)


def _xid(call: Call) -> Response:
    """Return an identity's XID. ``nsid`` "will only be used if namespace was not provided"."""
    code, number, key = call.query("namespace"), call.query("nsid"), call.query("id")
    known = [
        body
        for body in namespaces(call.scope)
        if (body["code"].lower() == code.lower() if code else str(body["id"]) == number)
    ]
    if not known or not key.strip() or len(key) > _LONGEST_ID:
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
    return JSONResponse({"xid": _xid_of(known[0]["id"], key)}, headers={"cache-control": "no-cache"})


def _xid_of(namespace: int, key: str) -> str:
    """Return the XID, always the same for an identity [I: how it is derived]."""
    digest = hashlib.sha256(f"{namespace}:{key}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:21]).decode("ascii")
