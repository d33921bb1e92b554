"""Adobe IMS and what Adobe's gateway rejects (sections 2.1 to 2.3, and their lines of 11b)."""

from __future__ import annotations

from typing import Any

from tests.contract.documented_client import DocumentedClient
from tests.contract.example import Call, Example, Has, Is, Text

STATS = "/data/foundation/schemaregistry/stats"
SCOPE = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"
FORM = {
    "grant_type": "client_credentials",
    "client_id": "demo-client-0000",
    "client_secret": "demo-secret-not-real-0001",
    "scope": SCOPE,
}
NO_HEADERS: dict[str, str | None] = {
    "Authorization": None,
    "x-api-key": None,
    "x-gw-ims-org-id": None,
    "x-sandbox-name": None,
}
TOKEN = {"access_token": str, "token_type": "bearer", "expires_in": Is(lambda value: value in (86398, 86399))}
_SECRETS = "/console/organizations/<org_number>/credentials/<credential>/secrets"


def token(path: str = "/ims/token/v3", **form: Any) -> Call:
    """Return a token request; a field that is None is omitted."""
    sent = {name: value for name, value in {**FORM, **form}.items() if value is not None}
    return Call("POST", path, data=sent, headers=NO_HEADERS)


def stats(**headers: Any) -> Call:
    """Return a request that only has to pass the gateway; ``x_api_key=None`` omits ``x-api-key``."""
    return Call("GET", STATS, headers={name.replace("_", "-"): value for name, value in headers.items()})


def secrets(method: str, uuid: str = "") -> Call:
    return Call(method, _SECRETS + uuid, headers={"Authorization": "Bearer <console>"})


def expired(client: DocumentedClient) -> None:
    client.names["token"] = client.fine(token())["access_token"]
    client.sandbox.clock.advance(86400)


def console(client: DocumentedClient) -> None:
    """Let the credential manage its own secrets, and get a token with the scopes for that."""
    scope = f"{SCOPE},read_client_secret,manage_client_secrets"
    made = client.sandbox.control(
        "POST", "/ims/credentials", json={"client_id": FORM["client_id"], "scope": scope}
    )
    client.names |= {"org_number": made["org_number"], "credential": made["credential_id"]}
    client.names["console"] = client.fine(token(scope=scope))["access_token"]


def rotated(client: DocumentedClient) -> None:
    """Add a second secret and remove the first one."""
    console(client)
    [old] = client.fine(secrets("GET"))["client_secrets"]
    client.names["new_secret"] = client.fine(secrets("POST"))["client_secret"]
    client.names["uuid"] = old["uuid"]


def gone(client: DocumentedClient) -> None:
    rotated(client)
    client.fine(secrets("DELETE", "/<uuid>"))


# A row is a line.
# fmt: off
IMS = [
    Example("aep 2.1 a token", token(), 200, TOKEN),
    Example("aep 2.1 a token, fields in the query", Call("POST", "/ims/token/v3", FORM, headers=NO_HEADERS), 200, TOKEN),
    Example("aep 2.1 a token, fields in the query where only the body is read", Call("POST", "/ims/token/v3", FORM, headers=NO_HEADERS), 400, Has({"error": "invalid_request"}), settings={"ims_parameters": "body"}),
    Example("aep 2.1 a token from the older path", token("/ims/token/v2"), 200, TOKEN),
    *(Example(f"aep 2.1 {name} is mandatory", token(**{name: None}), 400, Has({"error": str})) for name in FORM),
    Example("aep 2.1 [I] a client that is not known", token(client_id="nobody"), 400, Has({"error": "invalid_client"})),
    Example("aep 2.1 [I] a wrong secret", token(client_secret="wrong"), 401, Has({"error": "invalid_client"})),
    *(Example(f"aep 2.1 [I] {what} with {status}", token(**form), status, Has({"error": "invalid_client"}), settings={"refusal_status": status}) for status in (400, 401) for what, form in {"a client that is not known": {"client_id": "nobody"}, "a wrong secret": {"client_secret": "wrong"}}.items()),
    Example("aep 2.1 another grant type", token(grant_type="password"), 400, Has({"error": "unsupported_grant_type"})),
    Example("aep 2.1 a scope that the credential has not", token(scope="openid,everything"), 400, Has({"error": "invalid_scope"})),
    Example("aep 2.1 too many tokens are throttled", token(), 429, settings={"throttle_tokens": 1}),
    Example("aep 2.1 after throttling", token(), 200, TOKEN, settings={"throttle_tokens": 1}, given=(lambda client: client.send(token()) and None,)),
    Example("aep 2.1 a limit of tokens a minute", token(), 429, settings={"tokens_per_minute": 3}, given=(lambda client: client.fine(token()), lambda client: client.fine(token()))),
    Example("aep 2.1 the token's life", token(), 200, Has({"expires_in": 60}), settings={"token_seconds": 60}),
    Example("aep 2.1 JWT has ended", Call("POST", "/ims/exchange/jwt", data={"client_id": "demo-client-0000", "client_secret": "x", "jwt_token": "a.b.c"}, headers=NO_HEADERS), 400),
    Example("aep 2.1 the credential's secrets", secrets("GET"), 200, Has({"client_secrets": [Has({"uuid": str})]}), given=(console,)),
    Example("aep 2.1 a second secret", secrets("POST"), 201, Has({"client_secret": str, "uuid": str}), given=(console,)),
    Example("aep 2.1 a third secret", secrets("POST"), 400, given=(console, lambda client: client.fine(secrets("POST")))),
    Example("aep 2.1 both secrets work: the old one", token(), 200, TOKEN, given=(rotated,)),
    Example("aep 2.1 both secrets work: the new one", token(client_secret="<new_secret>"), 200, TOKEN, given=(rotated,)),
    Example("aep 2.1 a removed secret", token(), 401, given=(gone,)),
    Example("aep 2.1 the secret that is left", token(client_secret="<new_secret>"), 200, TOKEN, given=(gone,)),
]

GATEWAY = [
    Example("aep 2.2 all headers", stats(), 200, Has({"tenantId": str})),
    Example("aep 2.2 no x-sandbox-name", stats(x_sandbox_name=None), 400),
    Example("aep 2.2 [I] a sandbox that is not there", stats(x_sandbox_name="nowhere"), 403),
    Example("aep 2.2 the other sandbox", stats(x_sandbox_name="dev"), 200),
    Example("aep 2.2 bearer in lower case", stats(Authorization="bearer <token>"), 200, given=(lambda client: client.names.update(token=client.fine(token())["access_token"]),)),
    Example("aep 2.2 x-request-id is optional", stats(x_request_id="my-own"), 200),
    Example("aep 2.3 no token", stats(Authorization=None), 403, {"error_code": "403010", "message": "Oauth token is missing."}),
    Example("aep 2.3 an invalid token", stats(Authorization="Bearer none"), 401, {"error_code": "401013", "message": "Oauth token is not valid"}),
    Example("aep 2.3 an expired token", stats(Authorization="Bearer <token>"), 401, {"error_code": "401013", "message": "Oauth token is not valid"}, given=(expired,)),
    Example("aep 2.3 no api key", stats(x_api_key=None), 403, {"error_code": "403000", "message": "Api Key is required"}),
    Example("aep 2.3 an invalid api key", stats(x_api_key="other"), 403, {"error_code": "403003", "message": "Api Key is invalid"}),
    Example("aep 2.3 no organization", stats(x_gw_ims_org_id=None), 400, {"error_code": "400003", "message": Text("^Missing header")}),
    Example("aep 2.3 another organization", stats(x_gw_ims_org_id="OTHER@AdobeOrg"), 403, {"error_code": "403025", "message": "Profile is not valid"}),
    Example("aep 2.3 an invalid content type", Call("POST", "/data/foundation/schemaregistry/tenant/schemas", data=b"{}", headers={"Content-Type": "text/plain"}), 400, Has({"type": str, "status": 400, "title": "BadRequestError", "detail": "A valid content-type must be specified"})),
    Example("aep 2.3 no content type", Call("POST", "/data/foundation/schemaregistry/tenant/schemas", data=b"{}"), 400, Has({"title": "BadRequestError", "detail": "A valid content-type must be specified"})),
    *(Example(f"aep 11b {path} without a token", Call("GET", path, headers={"Authorization": None}), 403, {"error_code": "403010", "message": "Oauth token is missing."}) for path in ("/data/foundation/catalog/dataSets", "/data/foundation/flowservice/flows", "/data/foundation/conversion/mappingSets", "/data/core/idnamespace/identities", "/data/foundation/export/batches/x/files")),
    *(Example(f"aep 11b overload, {status}", stats(), status, headers={"Retry-After": "7"}, given=(lambda client, status=status: client.sandbox.plan_fault("answer", path=STATS, status=status, retry_after=7) and None,)) for status in (429, 503)),
]
# fmt: on
