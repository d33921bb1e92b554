"""Identity namespaces (OAS:identity-service.yaml). They cannot be deleted."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from include.sandbox.aep.constants import NAMESPACES
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.place import Place
from include.sandbox.aep.problems import Problem
from include.sandbox.world import World

_KIND = "namespaces"
_ID_TYPES = {"COOKIE", "CROSS_DEVICE", "DEVICE", "EMAIL", "MOBILE", "NON_PEOPLE", "PHONE"}
_CODE = re.compile(r"[A-Za-z0-9]+")
_FIRST_CUSTOM_ID = 10_000_000

_STANDARD = (
    (0, "CORE", "CORE", "COOKIE", "Adobe Audience Manager UUID"),
    (4, "ECID", "ECID", "COOKIE", "Adobe Experience Cloud ID"),
    (6, "Email", "Email", "EMAIL", "Email"),
    (7, "Phone", "Phone", "PHONE", "Phone"),
    (8, "WAID", "Windows AID", "DEVICE", "Windows AID"),
    (9, "AdCloud", "AdCloud", "COOKIE", "Adobe AdCloud - ID Syncing Partner"),
    (10, "AAID", "Adobe Analytics (Legacy ID)", "COOKIE", "Adobe Analytics (Legacy ID)"),
    (
        11,
        "Email_LC_SHA256",
        "Emails (SHA256, lowercased)",
        "EMAIL",
        "Email addresses hashed after lowercasing",
    ),
    (14, "Phone_E.164", "Phone (E.164)", "PHONE", "Phone numbers in E.164 form"),
    (15, "Phone_SHA256", "Phone (SHA256)", "PHONE", "Phone numbers hashed"),
    (20914, "GAID", "Google Ad ID (GAID)", "DEVICE", "Google Advertising ID"),
    (20915, "IDFA", "Apple IDFA (ID for Advertisers)", "DEVICE", "Apple ID for Advertisers"),
)


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, NAMESPACES)
    routes.add("GET", "", lambda call: JSONResponse(namespaces(call.place)))
    routes.add("POST", "", _create)
    routes.add("GET", "/{id}", lambda call: JSONResponse(_found(call)))
    routes.add("PUT", "/{id}", _update)


def namespaces(place: Place) -> list[dict[str, Any]]:
    """Adobe's own, then those made here."""
    standard = [
        {
            "id": number,
            "code": code,
            "name": name,
            "description": text,
            "idType": id_type,
            "status": "ACTIVE",
            "custom": False,
            "createTime": 0,
            "updateTime": 0,
        }
        for number, code, name, id_type, text in _STANDARD
    ]
    return standard + [body for _, body in place.items(_KIND)]


def find_namespace(place: Place, value: Any, *, by_id: bool) -> dict[str, Any] | None:
    key = "id" if by_id else "code"
    return next((body for body in namespaces(place) if str(body[key]) == str(value)), None)


def _found(call: Call) -> dict[str, Any]:
    body = find_namespace(call.place, call.path("id"), by_id=True)
    if body is None:
        raise _refusal(404, "NOT_FOUND", "Namespace not found.")
    return body


def _create(call: Call) -> Response:
    place, given = call.place, _checked(call)
    # Codes differing only in case are one code [I]: identityMap's keys would be too close to tell apart.
    if any(str(given["code"]).lower() == body["code"].lower() for body in namespaces(place)):
        raise _refusal(409, "CONFLICT", f"A namespace with code {given['code']} already exists.")
    now = place.now
    body = {
        "id": _FIRST_CUSTOM_ID + len(place.items(_KIND)) + 1,
        "code": given["code"],
        "name": given["name"],
        "description": given.get("description", ""),
        "idType": given["idType"].upper(),
        "status": "ACTIVE",
        "custom": True,
        "createTime": now,
        "updateTime": now,
    }
    place.put(_KIND, str(body["id"]), body)
    return JSONResponse(body)


def _update(call: Call) -> Response:
    before = _found(call)
    if not before["custom"]:
        raise _refusal(400, "INVALID_REQUEST_PARAMS", "A standard namespace cannot be changed.")
    given = _checked(call)
    if given["code"] != before["code"] or given["idType"].upper() != before["idType"]:
        # [I] The documentation names no field that may change; these two are what data refers to.
        raise _refusal(
            400, "INVALID_REQUEST_PARAMS", "The code and the idType of a namespace cannot be changed."
        )
    changed: dict[str, Any] = {key: value for key, value in given.items() if key in ("name", "description")}
    body = {**before, **changed, "updateTime": call.place.now}
    call.place.put(_KIND, str(body["id"]), body)
    return JSONResponse(body)


def _checked(call: Call) -> dict[str, Any]:
    given: Any = call.body
    if not isinstance(given, dict):
        raise _refusal(400, "INVALID_REQUEST_PARAMS", "The body must be a JSON object.")
    for name in ("name", "code", "idType"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            raise _refusal(400, "INVALID_REQUEST_PARAMS", f"{name} is required.")
    if not _CODE.fullmatch(given["code"]):
        raise _refusal(400, "INVALID_REQUEST_PARAMS", "code may have letters and numbers only.")
    if given["idType"].upper() not in _ID_TYPES:
        raise _refusal(400, "INVALID_REQUEST_PARAMS", f"idType {given['idType']} is not supported.")
    return given


def _refusal(status: int, code: str, description: str) -> Problem:
    titles = {400: "BAD_REQUEST", 404: "NOT_FOUND", 409: "CONFLICT"}
    body = {"status": status, "title": titles[status], "report": {"code": code}, "description": description}
    return Problem(status, body)
