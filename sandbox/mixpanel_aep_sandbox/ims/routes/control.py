"""``/_sandbox/ims/*``: control of credentials and tokens. These routes require no access token.

=======  =================  ================================================================================
GET      ``/credentials``   list all credentials, without the values of their secrets
POST     ``/credentials``   create or change one: ``client_id``, and any of ``org``, ``scope``, ``secrets``
DELETE   ``/tokens``        invalidate all tokens that were issued so far
=======  =================  ================================================================================
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from mixpanel_aep_sandbox.aep.core.constants import DEMO_ORG, DEMO_SCOPE
from mixpanel_aep_sandbox.aep.core.gateway import CREDENTIALS, TOKENS
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document
from mixpanel_aep_sandbox.ims.models import MOST_SECRETS, replace_secrets, secret_view

_Text = Annotated[str, Field(min_length=1)]


class CredentialChange(BaseModel):
    """Body of ``POST /_sandbox/ims/credentials``: the credential to create, or the values to change."""

    model_config = ConfigDict(extra="forbid")

    client_id: _Text
    org: _Text | None = None
    scope: _Text | None = None
    """Comma-separated scopes that a token request with this credential may contain."""
    secrets: Annotated[list[_Text], Field(min_length=1, max_length=MOST_SECRETS)] | None = None


def add_routes(state: SandboxState, routes: APIRouter) -> None:
    """Add the control routes of IMS."""

    def credentials() -> JsonObject:
        stored = state.store.items(CREDENTIALS)
        return {"credentials": [_public(key, body) for key, body in stored]}

    def change_credential(change: CredentialChange) -> JsonObject:
        with state.store.transaction():
            return _change(state, change)

    def delete_tokens() -> JsonObject:
        with state.store.transaction():
            stored = state.store.items(TOKENS)
            for key, _ in stored:
                state.store.delete(TOKENS, key)
        return {"forgotten": len(stored)}

    for method, path, endpoint in (
        ("GET", "/credentials", credentials),
        ("POST", "/credentials", change_credential),
        ("DELETE", "/tokens", delete_tokens),
    ):
        routes.add_api_route("/_sandbox/ims" + path, endpoint, methods=[method], response_model=None)


def _change(state: SandboxState, change: CredentialChange) -> JsonObject:
    """Create or change a credential, and return it without the values of its secrets."""
    key, number = change.client_id, str(state.store.count(CREDENTIALS) + 1)
    new = {"org": DEMO_ORG, "org_number": number, "credential_id": number, "scope": DEMO_SCOPE, "secrets": []}
    given = change.model_dump(include={"org", "scope"}, exclude_none=True)
    credential = {**(state.store.get(CREDENTIALS, key) or new), **given}
    state.store.put(CREDENTIALS, key, credential)
    if change.secrets is not None:
        credential = replace_secrets(state, key, change.secrets)
    return _public(key, credential)


def _public(client_id: str, credential: Document) -> JsonObject:
    """Return the credential without the values of its secrets."""
    return {
        "client_id": client_id,
        **credential,
        "secrets": [secret_view(entry) for entry in credential["secrets"]],
    }
