"""Tables that map the error responses of AEP and of Adobe's identity service to this project's errors.

Sources: experienceleague.adobe.com, Platform "Troubleshooting" (gateway codes), "Schema Registry troubleshooting",
and the OpenAPI files of AdobeDocs/experience-platform-apis.
"""

from __future__ import annotations

from include.errors import (
    AccessDenied,
    AlreadyExists,
    CredentialsRejected,
    IdentityServiceUnavailable,
    NotFound,
    PayloadTooLarge,
    RequestRefused,
    SchemaError,
    Throttled,
)
from include.http.error_rules import REFUSED, SERVER, SERVER_BUSY, ErrorRule, RetryAction

_ENTITLED = (
    "In Adobe's Admin Console the credential needs the product profile AEP-Default-All-Users and a role with access "
    "to the AEP sandbox {aep_sandbox}."
)
_UNAVAILABLE = "Adobe's identity service is unavailable: it could not {what} (HTTP {status})."
_UNAVAILABLE_HINT = "The failure is on the side of the service. Run the task again."

AEP_RULES = (
    ErrorRule(
        {401, 403},
        r"403010|token is missing",
        CredentialsRejected,
        "AEP refused to {what}: the request arrived without the token of connection {conn_id} (HTTP {status}{code}).",
        "Check for a proxy between this machine and AEP that removes the Authorization header.",
    ),
    ErrorRule(
        {401},
        "",
        CredentialsRejected,
        "AEP rejected the access token of connection {conn_id}, also after a refresh (HTTP 401{code}).",
        "Compare login (client id), org_id and scopes of the connection with the Adobe Developer Console.",
        RetryAction.REFRESH,
    ),
    ErrorRule(
        {403},
        r"40300[03]|api key is",
        CredentialsRejected,
        "AEP rejected the client id of connection {conn_id} as unknown (HTTP 403{code}).",
        "Compare login (client id) of the connection with the Adobe Developer Console; the project there needs the "
        "Experience Platform API.",
    ),
    ErrorRule(
        {403},
        r"403025|profile is not valid",
        CredentialsRejected,
        "The credential of connection {conn_id} does not belong to its organization (HTTP 403{code}).",
        "Compare org_id of the connection with the Adobe Developer Console. " + _ENTITLED,
    ),
    ErrorRule(
        {403},
        "",
        AccessDenied,
        "The credential of connection {conn_id} has no permission to {what} (HTTP 403{code}).",
        _ENTITLED,
    ),
    ErrorRule(
        {404},
        "",
        NotFound,
        "AEP could not {what}: not found in AEP sandbox {aep_sandbox} (HTTP 404).",
        "Check whether it was deleted, and whether extra aep_sandbox of connection {conn_id} is correct.",
    ),
    ErrorRule(
        {400, 409},
        r"external_?id",  # "expected to be unique"; enforcement is not documented
        AlreadyExists,
        "AEP could not {what}: its externalId is already in use (HTTP {status}).",
        "An earlier run created that batch. Run the task again; it finds the batch by its externalId.",
    ),
    ErrorRule(
        {400, 409},
        r"title must be unique|already exists",
        AlreadyExists,
        "AEP could not {what}: it already exists (HTTP {status}).",
        "Titles are unique across all resources of an AEP sandbox, and namespace codes across the organization. Use another one.",
    ),
    ErrorRule(
        {409},
        "",
        AlreadyExists,
        "AEP could not {what}: it conflicts with existing data (HTTP 409{code}).",
        "Another user or run may have changed it. Run the task again, which reads the current state.",
    ),
    ErrorRule(
        {406},
        "",
        SchemaError,
        "AEP cannot return the schema in the requested format (HTTP 406{code}).",
        "Only major version 1 of a schema exists. Report this as a bug of this project.",
    ),
    ErrorRule(
        {413},
        "",
        PayloadTooLarge,
        "AEP could not {what}: the request is too large (HTTP 413).",
        "Stage smaller files; 256 MB is the documented limit of one request.",
    ),
    ErrorRule(
        {400},
        r"400003|missing header",
        RequestRefused,
        "AEP could not {what}: it reports a missing header (HTTP 400{code}).",
        "Check org_id and aep_sandbox of connection {conn_id}.",
    ),
    ErrorRule(
        {429},
        "",
        Throttled,
        "AEP limits the request rate; the request was to {what} (HTTP 429).",
        "Batch ingestion allows 2,000 batches a minute per user. The task continues automatically.",
        RetryAction.SLOW_DOWN,
    ),
    SERVER_BUSY,
    SERVER,
    REFUSED,
)

IMS_RULES = (
    ErrorRule(
        {400, 401, 403},
        r"^\s*\{",  # the identity service responds with JSON, a gateway in front of it does not
        CredentialsRejected,
        "Adobe's identity service rejected the credential of connection {conn_id} (HTTP {status}).",
        "Compare login (client id), password (client secret) and extra scopes with the Adobe Developer Console. The "
        "secret may have been replaced.",
    ),
    ErrorRule(
        {429},
        "",
        Throttled,
        "Adobe's identity service limits the rate of token requests (HTTP 429).",
        "A token is valid for 24 hours and reused within a task. The task continues automatically.",
        RetryAction.SLOW_DOWN,
    ),
    ErrorRule({503}, "", IdentityServiceUnavailable, _UNAVAILABLE, _UNAVAILABLE_HINT, RetryAction.SLOW_DOWN),
    ErrorRule(
        (400, 401, 403, 404, 408, *range(500, 600)),
        "",
        IdentityServiceUnavailable,
        _UNAVAILABLE,
        _UNAVAILABLE_HINT,
        RetryAction.BACK_OFF,
    ),
    REFUSED,
)
