"""``/languages/el``: validation of expressions, lists of functions and operators (EP:data-prep/api/functions.md)."""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import CONVERSION
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import FUNCTIONS, METHODS, Function, Kind
from mixpanel_aep_sandbox.aep.dataprep.language.check import parse_and_check
from mixpanel_aep_sandbox.aep.dataprep.language.errors import ExpressionError
from mixpanel_aep_sandbox.aep.dataprep.language.evaluate import evaluate
from mixpanel_aep_sandbox.aep.dataprep.language.operator_list import OPERATORS
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.settings import language_options
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_JAVA: dict[Kind, str] = {
    "any": "java.lang.Object",
    "string": "java.lang.String",
    "number": "java.lang.Number",
    "integer": "java.lang.Long",
    "boolean": "java.lang.Boolean",
    "date": "java.time.ZonedDateTime",
    "array": "[Ljava.lang.Object;",
    "object": "java.util.Map",
    "map": "java.util.Map",
    "lambda": "java.util.function.Function",
}
_PLAIN_TYPES = ("string", "number", "integer", "boolean", "array")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes below ``/languages/el``: validation of expressions, and lists of functions and operators."""
    routes = Routes(state, router, f"{CONVERSION}/languages/el")
    routes.add("POST", "/validate", _validate, atomic=False)
    routes.add("GET", "/functions", lambda _: JSONResponse(_FUNCTION_LIST))
    routes.add("GET", "/operators", lambda _: JSONResponse(OPERATORS))


def _validate(call: Call) -> Response:
    """Validate an expression.

    Adobe's guide documents an object as the response, and its OpenAPI document a boolean; a setting selects the form.
    """
    body = call.object()
    expression, sample = body.get("expression"), body.get("sampleData")
    if not isinstance(expression, str):
        raise problem(400, "expression is required and must be a string.")
    row = _row(sample)
    options = language_options(call.scope.state)
    error = None
    try:
        tree = parse_and_check(expression, options)
        if row is not None:
            evaluate(tree, Scope(row, call.scope.state.clock.milliseconds, options))
    except ExpressionError as fault:
        error = str(fault)
    if AepSettings.of(call.scope.state).mapping_expression_answer == "boolean":
        return JSONResponse(error is None)
    return JSONResponse({"validationStatus": "failed" if error else "succeeded", "error": error or "none"})


def _row(sample: object) -> JsonObject | None:
    """Parse ``sampleData``, a JSON object in a string, as the row of a trial evaluation; None if it is missing [I]."""
    if sample is None:
        return None
    try:
        row = json.loads(sample) if isinstance(sample, str) else None
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise problem(400, "sampleData must be a JSON object in a string.")
    return row


def _simple_type_name(kind: Kind) -> str:
    return "Object[]" if kind == "array" else _JAVA[kind].rpartition(".")[2]


def _function_view(function: Function) -> JsonObject:
    parameters = function.parameters
    types = ", ".join(_simple_type_name(part.kind) + ("..." if part.repeated else "") for part in parameters)
    missing = f" Not available in the sandbox: {function.unavailable}" if function.unavailable else ""
    where = " For destinations only." if function.for_destinations else ""
    return {
        "category": function.category,
        "function": function.name,
        "description": function.text + where + missing,
        "syntax": f"{_simple_type_name(function.returns)} {function.name}({types})",
        "returns": function.text,
        "returnType": _JAVA[function.returns],
        "example": function.example,
        "result": function.result,
        "params": [
            {
                "name": part.name,
                "description": part.text,
                "type": part.kind if part.kind in _PLAIN_TYPES else "object",
                "dataType": _JAVA["array" if part.repeated else part.kind],
                "position": position,
            }
            for position, part in enumerate(parameters, 1)
        ],
        "since": 1,
    }


_FUNCTION_LIST = sorted(
    map(_function_view, [*FUNCTIONS.values(), *METHODS.values()]),
    key=lambda entry: (entry["category"], entry["function"]),
)
