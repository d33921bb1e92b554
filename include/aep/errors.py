"""What the refusals of AEP and of Adobe's identity service mean.

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
    "In Adobe's Admin Console the credential needs the product profile AEP-Default-All-Users and a role that may "
    "use the AEP sandbox {aep_sandbox}."
)
_UNAVAILABLE = "The identity service is unavailable: it could not {what} (HTTP {status})."
_UNAVAILABLE_HINT = "Nothing is wrong on this side; the task may be run again."

AEP_RULES = (
    ErrorRule(
        {401, 403},
        r"403010|token is missing",
        CredentialsRejected,
        "AEP was asked to {what} and saw no token of connection {conn_id} (HTTP {status}{code}).",
        "Something between this machine and AEP takes the Authorization header away: look for a proxy.",
    ),
    ErrorRule(
        {401},
        "",
        CredentialsRejected,
        "AEP does not accept the token of connection {conn_id} (HTTP 401{code}), a new one neither.",
        "Compare login (client id), extra org_id and scopes of the connection with the Adobe Developer Console.",
        RetryAction.REFRESH,
    ),
    ErrorRule(
        {403},
        r"40300[03]|api key is",
        CredentialsRejected,
        "AEP does not know the client id of connection {conn_id} (HTTP 403{code}).",
        "Compare login (client id) of the connection with the Adobe Developer Console; the project there needs the "
        "Experience Platform API.",
    ),
    ErrorRule(
        {403},
        r"403025|profile is not valid",
        CredentialsRejected,
        "The credential of connection {conn_id} does not belong to its organization (HTTP 403{code}).",
        "Compare extra org_id of the connection with the Adobe Developer Console. " + _ENTITLED,
    ),
    ErrorRule(
        {403},
        "",
        AccessDenied,
        "The credential of connection {conn_id} may not {what} (HTTP 403{code}).",
        _ENTITLED,
    ),
    ErrorRule(
        {404},
        "",
        NotFound,
        "AEP cannot {what}: there is no such thing in AEP sandbox {aep_sandbox} (HTTP 404).",
        "Look whether it was deleted, and whether extra aep_sandbox of connection {conn_id} is the right one.",
    ),
    ErrorRule(
        {400, 409},
        r"external_?id",  # "expected to be unique": whether and how that is enforced is not documented
        AlreadyExists,
        "AEP did not {what}: its externalId is taken (HTTP {status}).",
        "An earlier run has made that batch; it is found by its externalId when this one is run again.",
    ),
    ErrorRule(
        {400, 409},
        r"title must be unique|already exists",
        AlreadyExists,
        "AEP did not {what}: there is one already (HTTP {status}).",
        "Titles are unique over all resources of an AEP sandbox, and namespace codes over the organization.",
    ),
    ErrorRule(
        {409},
        "",
        AlreadyExists,
        "AEP did not {what}: it conflicts with what is there (HTTP 409{code}).",
        "Somebody else may be at work on it; run it again to see what is there now.",
    ),
    ErrorRule(
        {406},
        "",
        SchemaError,
        "AEP does not give the schema in the form that is asked for (HTTP 406{code}).",
        "Only major version 1 of a schema exists; this is a fault of this project.",
    ),
    ErrorRule(
        {413},
        "",
        PayloadTooLarge,
        "AEP does not take so many bytes at once, when asked to {what} (HTTP 413).",
        "Stage smaller files: 256 MB is the documented limit of one request.",
    ),
    ErrorRule(
        {400},
        r"400003|missing header",
        RequestRefused,
        "AEP misses a header, when asked to {what} (HTTP 400{code}).",
        "Look at extra org_id and aep_sandbox of connection {conn_id}.",
    ),
    ErrorRule(
        {429},
        "",
        Throttled,
        "AEP asks to be called less often, when asked to {what} (HTTP 429).",
        "Batch ingestion allows 2,000 batches a minute of one user; it goes on by itself.",
        RetryAction.SLOW_DOWN,
    ),
    SERVER_BUSY,
    SERVER,
    REFUSED,
)

IMS_RULES = (
    ErrorRule(
        {400, 401, 403},
        r"^\s*\{",  # JSON: the identity service itself says no; anything else is a gateway in front of it
        CredentialsRejected,
        "Adobe's identity service rejects the credential of connection {conn_id} (HTTP {status}).",
        "Compare login (client id), password (client secret) and extra scopes with the Adobe Developer Console; the "
        "secret may have been replaced.",
    ),
    ErrorRule(
        {429},
        "",
        Throttled,
        "Adobe's identity service asks for fewer tokens (HTTP 429).",
        "A token is good for 24 hours and kept within a task; it goes on by itself.",
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
