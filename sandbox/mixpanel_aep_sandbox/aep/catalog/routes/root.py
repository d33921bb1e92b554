"""Catalog's root: a list of its kinds of objects, and bulk requests (EP:catalog/api/appendix.md, OAS:catalog.yaml).

About bulk requests, Adobe says: "The request payload contains an array of objects representing what would normally be
individual requests, which are then executed in order". If a change fails, "all changes will revert".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from mixpanel_aep_sandbox.aep.core.errors import Problem, problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import apply_due_changes
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_KINDS = ("batches", "dataSetFiles", "dataSetViews", "dataSets")
_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
_MOST = 100
_TEMPLATE = re.compile(r"<<([^.<>]+)\.([^<>]+)>>")
Handlers = list[tuple[str, re.Pattern[str], Callable[[Call], Response]]]


class _Reverted(Exception):
    """A change in a bulk request failed, so all its changes must be rolled back.

    Attributes:
        answers: the responses to the requests up to and including the failed one.
    """

    def __init__(self, answers: list[JsonObject]) -> None:
        super().__init__("reverted")
        self.answers = answers


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of Catalog's root to ``router``."""
    routes = Routes(state, router, CATALOG)
    handlers = _Handlers(router)
    routes.add("GET", "", _resources)
    routes.add("POST", "", handlers.execute, atomic=False)


def _resources(_call: Call) -> Response:
    """Respond with Catalog's kinds of objects [I: the specification has ``dataSource``, ``dataSet``, ``transform``]."""
    return JSONResponse({kind: f"@/{kind}" for kind in _KINDS})


class _Handlers:
    """Executes each request of a bulk request with the handler of the route for a single request."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router

    def execute(self, call: Call) -> Response:
        """Handle ``POST`` of a bulk request in one transaction."""
        if not isinstance(call.body, list) or not 1 <= len(call.body) <= _MOST:
            raise problem(400, f"The request body must be an array of 1 to {_MOST} requests.")
        apply_due_changes(call.scope)  # outside of the transaction, because due transitions also delete files
        try:
            with call.scope.state.store.transaction():
                return JSONResponse(self._execute_all(call))
        except _Reverted as reverted:
            return JSONResponse(reverted.answers)

    def _execute_all(self, call: Call) -> list[JsonObject]:
        """Execute the requests of a bulk request in order, and return their responses.

        Raises:
            _Reverted: a change failed.
        """
        answers: list[JsonObject] = []
        values: dict[str, JsonObject] = {}
        for number, given in enumerate(call.body):
            part = _validated_part(given, number)
            answer = self._execute_one(call, part, values)
            answers.append(answer)
            if answer["code"] >= 400 and part["method"] != "GET":
                raise _Reverted(answers)
            values[part["id"]] = _values(answer["body"])
        return answers

    def _execute_one(self, call: Call, part: JsonObject, values: dict[str, JsonObject]) -> JsonObject:
        """Execute one request, and return its response as ``id``, ``code`` and ``body``."""
        try:
            filled = _fill_templates({"resource": part["resource"], "body": part.get("body")}, values)
            response = self._call_handler(call, part, filled["resource"], filled["body"])
        except Problem as refusal:
            return {"id": part["id"], "code": refusal.status, "body": refusal.body}
        body = json.loads(bytes(response.body)) if response.body else None
        # The guide's sample shows 200 for requests whose own status is 201.
        return {
            "id": part["id"],
            "code": 200 if response.status_code == 201 else response.status_code,
            "body": body,
        }

    def _call_handler(self, call: Call, part: JsonObject, resource: str, body: object) -> Response:
        """Call the handler of the route for one request. Raises Problem 404 if no route matches."""
        address = urlsplit(resource)
        for route in self._router.routes:
            handler = getattr(getattr(route, "endpoint", None), "handler", None)
            methods: Collection[str] = getattr(route, "methods", None) or ()
            match = getattr(route, "path_regex", None)
            found = match.match(CATALOG + unquote(address.path)) if match is not None else None
            if handler is not None and found and part["method"] in methods:
                scope = {
                    **call.request.scope,
                    "method": part["method"],
                    "path": CATALOG + address.path,
                    "path_params": found.groupdict(),
                    "query_string": address.query.encode(),
                    "headers": _headers(call, part),
                }
                answered: Response = handler(Call(Request(scope), call.scope, call.client_id, body))
                return answered
        raise problem(404, f"Catalog has no route {part['method']} {resource}.")


def _validated_part(given: object, number: int) -> JsonObject:
    """Validate one request of a bulk request, and return it with defaults. Raises Problem 400."""
    part = given if isinstance(given, dict) else {}
    method = str(part.get("method", "")).upper()
    resource, headers = part.get("resource"), part.get("headers", {})
    if method not in _METHODS or not isinstance(resource, str) or not resource.startswith("/"):
        raise problem(400, f"Request {number} requires a method and a resource that begins with a slash.")
    if not isinstance(headers, dict) or resource.strip("/") == "":
        raise problem(
            400,
            f"Request {number} is invalid: its resource must not be empty, and its headers must be an object.",
        )
    return {**part, "method": method, "headers": headers, "id": str(part.get("id", number))}


def _headers(call: Call, part: JsonObject) -> list[tuple[bytes, bytes]]:
    """Return the headers of one request in a bulk request.

    They are the headers of the bulk request, with those of the single request added or in their place.
    """
    own = {
        str(name).lower().encode("latin-1", "replace"): str(value).encode("latin-1", "replace")
        for name, value in part["headers"].items()
    }
    kept = [
        pair
        for pair in call.request.scope["headers"]
        if pair[0] not in (*own, b"content-length", b"if-match")
    ]
    return [*kept, *own.items()]


def _values(body: object) -> JsonObject:
    """Return the values of a response to which later requests may refer, such as ``id`` of the created object."""
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], str) and body[0].startswith("@/"):
        return {"id": body[0].rpartition("/")[2]}
    if isinstance(body, dict) and len(body) == 1:
        ((key, only),) = body.items()
        return {"id": key, **only} if isinstance(only, dict) else body
    return body if isinstance(body, dict) else {}


def _fill_templates(value: object, values: dict[str, JsonObject]) -> Any:
    """Replace each ``<<request.attribute>>`` in the texts of a JSON value by a value of an earlier response.

    Args:
        value: The JSON value.
        values: The values of the earlier responses, by the id of the request.

    Raises:
        Problem: 400 for a reference to an unknown request or attribute.
    """
    if isinstance(value, dict):
        return {name: _fill_templates(part, values) for name, part in value.items()}
    if isinstance(value, list):
        return [_fill_templates(part, values) for part in value]
    return (
        _TEMPLATE.sub(lambda found: _value_of_reference(found, values), value)
        if isinstance(value, str)
        else value
    )


def _value_of_reference(found: re.Match[str], values: dict[str, JsonObject]) -> str:
    value = values.get(found[1], {}).get(found[2])
    if not isinstance(value, str | int):
        raise problem(400, f"{found[0]} does not refer to a value in the response of an earlier request.")
    return str(value)
