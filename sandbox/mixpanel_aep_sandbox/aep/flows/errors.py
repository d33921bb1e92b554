"""Errors of the Flow Service, with codes and texts from Adobe's catalog (EP:sources/errors/flow-service-errors.md).

The format of error responses is from EP:sources/tutorials/api/labels.md. The code for an invalid body is not
documented; the sandbox uses ``1100-400``, whose text includes a reason [I].
"""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import Problem

_INVALID = "Invalid request"
_CATALOG = {
    "1100-400": (_INVALID, "The request could not be processed. Error from flow provider: {reason}"),
    "1101-404": (
        "Resource not found",
        "The requested resource is not found. Error from flow provider: {reason}",
    ),
    "1103-503": (
        "Service Unavailable",
        "The service is temporarily unavailable. Please try again. If the problem persists, please contact customer"
        " support.",
    ),
    "1401-400": (
        _INVALID,
        "The limit and count parameters cannot be given together in the same request. Please provide either only the"
        " limit or the count parameter and try again.",
    ),
    "1402-400": (_INVALID, "The action '{action}' is supported for provider requests only."),
    "1403-400": (
        "Header is missing",
        "The header 'If-Match' is missing in the request. Please provide the header and try again.",
    ),
    "1404-412": (
        "Version not matching",
        "The supplied version '{supplied}' does not match the current version on entity '{current}'. Please ensure"
        " that the supplied version matches the current version on entity and try again.",
    ),
    "1405-400": (
        _INVALID,
        "The request body cannot be null or empty. Please provide a request body and try again.",
    ),
    "1410-400": (_INVALID, "`State` is not allowed in the create flow request."),
    "1412-400": (_INVALID, "Invalid Mapping Version in request. Please provide correct mapping version."),
    "1413-400": (
        _INVALID,
        "The spec ID provided is invalid. Please provide a valid spec ID and try again.",
    ),
    "1414-400": (_INVALID, "The connection spec of a connection cannot be updated."),
    "1415-400": (
        _INVALID,
        "The auth spec '{name}' could not be found for the connection spec ID {spec}.",
    ),
    "1418-400": (
        _INVALID,
        "The base connection with the ID {id} cannot be deleted because the base connection is being used in one or"
        " more flows. Please ensure that corresponding flows are deleted before deleting a base connection.",
    ),
    "1419-400": (
        _INVALID,
        "Error while validating mapping with id {id}, version {version}. This could be because of inadequate"
        " permissions on mapped fields. Please check your mapping or contact your admin.",
    ),
    "1422-400": (
        _INVALID,
        "The action {action} cannot be applied on the current state {state}. Please update the action and try again.",
    ),
    "1425-400": (
        _INVALID,
        "Error while matching schema in target dataset {dataset} with schema in mapping {mapping}. Schema with same"
        " id and version must be used in both mapping and target dataset.",
    ),
    "1430-400": (_INVALID, "Flow not found with id {id}."),
    "1433-400": (
        _INVALID,
        "Incorrect field= {field} passed in orderBy, example are +name, -name, name.",
    ),
    "1434-400": (
        _INVALID,
        "Unsupported operation '{operation}' received. Please use one of the supported operation types and try again.",
    ),
    "1439-404": (
        "Resource not found",
        "The requested {type} resource {id} is not found. Verify the resource ID before trying again.",
    ),
    "1440-400": (_INVALID, "Operator '{operator}' not implemented."),
    "1443-400": (_INVALID, "Operator '{operator}' is not allowed for multiple values."),
    "1444-400": (_INVALID, "Flow {id} is not in expected state {state}."),
    "1446-400": (
        _INVALID,
        "The flow ID cannot be null or empty. Please update the flow ID and try again.",
    ),
    "1447-400": (_INVALID, "Found active flows containing id {id}."),
    "1450-400": (_INVALID, "Invalid operator {operator} in filter params."),
    "1451-400": (_INVALID, "Invalid params {name} provided in query params."),
    "1453-400": (_INVALID, "Invalid query value {value} provided in query param."),
    "1455-400": (_INVALID, "An error has occurred while validating patch instructions: {reason}"),
}
_REPORTED = ("id", "type")


class FlowServiceError(Exception):
    """A request that the Flow Service rejects, with a code and a text of Adobe's catalog.

    Args:
        code: The code in the catalog, such as "1439-404".
        parameters: The values for the placeholders in the text of this code.
    """

    def __init__(self, code: str, **parameters: object) -> None:
        title, sentence = _CATALOG[code]
        # Values from the request are truncated, because they can be very long.
        self.sentence = sentence.format(**{name: str(value)[:300] for name, value in parameters.items()})
        super().__init__(f"{code} {self.sentence}")
        self.code, self.title, self.status = code, title, int(code.rpartition("-")[2])
        self.reported = {name: parameters[name] for name in _REPORTED if name in parameters}

    def problem(self, request_id: str) -> Problem:
        """Return this error as an HTTP error response to the request with this id."""
        report = {"detailed-message": self.sentence, **self.reported, "request-id": request_id}
        body = {
            "type": f"https://ns.adobe.com/aep/errors/FLOW-{self.code}",
            "title": self.title,
            "status": self.status,
            "report": report,
            "errorMessage": self.sentence,
            "errorDetails": self.sentence,
        }
        return Problem(self.status, body, {"x-request-id": request_id})


def invalid(reason: str) -> FlowServiceError:
    """Return the error (code ``1100-400``) for an invalid request body or parameter."""
    return FlowServiceError("1100-400", reason=reason)
