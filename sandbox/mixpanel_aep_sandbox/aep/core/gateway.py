"""The checks of Adobe's gateway: token, client id, organization, AEP sandbox (EP:landing/troubleshooting.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from starlette.requests import Request

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, NAMESPACES
from mixpanel_aep_sandbox.aep.core.errors import gateway_problem, problem
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document

CREDENTIALS = "ims/clients"
TOKENS = "ims/tokens"


def token_key(token: str) -> str:
    """Return the store key of an access token: its SHA-256 digest, so that the store contains no usable token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Caller:
    """The client that sent a request.

    Attributes:
        client_id: the client's id, from the header ``x-api-key``.
        credential: the stored document of the client's OAuth credential.
        token: the stored document of the access token in the request.
    """

    client_id: str
    credential: Document
    token: Document


def authenticated_caller(state: SandboxState, request: Request) -> Caller:
    """Return the client that sent a request, by its access token and client id.

    Raises:
        Problem: 401 or 403 if one of the two is missing or invalid.
    """
    headers = request.headers
    if not headers.get("authorization"):
        raise gateway_problem("403010", "Oauth token is missing.")
    client = headers.get("x-api-key")
    if not client:
        raise gateway_problem("403000", "Api Key is required")
    credential = state.store.get(CREDENTIALS, client)
    if credential is None:
        raise gateway_problem("403003", "Api Key is invalid")
    token = _token(state, headers["authorization"])
    if token["client_id"] != client:
        # [I] A token of another client gets the same response as an unknown client.
        raise gateway_problem("403003", "Api Key is invalid")
    return Caller(client, credential, token)


def authorize(state: SandboxState, request: Request) -> tuple[AepSandboxScope, str]:
    """Check a request's access token, client id, organization and AEP sandbox.

    Returns:
        The AEP sandbox, and the client id.

    Raises:
        Problem: 400, 401 or 403 if the gateway rejects the request.
    """
    known = authenticated_caller(state, request)
    org = request.headers.get("x-gw-ims-org-id")
    if not org:
        raise gateway_problem("400003", "Missing header")
    if org != known.credential["org"]:
        raise gateway_problem("403025", "Profile is not valid")
    return AepSandboxScope(state, org, _aep_sandbox(request)), known.client_id


def _token(state: SandboxState, header: str) -> Document:
    """Return the stored document of the token in an Authorization header. Raises Problem 401 if it is invalid."""
    scheme, _, value = header.partition(" ")
    token = state.store.get(TOKENS, token_key(value.strip())) if scheme.lower() == "bearer" else None
    if token is None or token["expires"] <= state.clock.milliseconds():
        raise gateway_problem("401013", "Oauth token is not valid")
    return token


def _aep_sandbox(request: Request) -> str:
    """Return the name of the AEP sandbox that the request's headers select.

    Raises:
        Problem: 400 if they select none, 403 if the AEP sandbox does not exist.
    """
    name = request.headers.get("x-sandbox-name")
    by_id = request.headers.get("x-sandbox-id")
    if name is None and by_id is not None:
        name = next((known for known, key in AEP_SANDBOXES.items() if key == by_id), by_id)
    if not name:
        if request.url.path.startswith(NAMESPACES):
            return "prod"  # Adobe's example of creating a namespace has no header for the AEP sandbox
        # [I] Only a missing organization header has a documented response.
        raise gateway_problem("400003", "Missing header")
    if name not in AEP_SANDBOXES:
        # [I] Neither status nor body is documented for an AEP sandbox that does not exist.
        raise problem(403, f"AEP sandbox '{name}' does not exist, or you have no access to it.")
    return name
