"""``/_sandbox/ims/*``: control of credentials and tokens. No token is required.

=======  =================  ================================================================================
GET      ``/credentials``   every credential, without its secrets
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
    """Body of ``POST /_sandbox/ims/credentials``."""

    model_config = ConfigDict(extra="forbid")

    client_id: _Text
    org: _Text | None = None
    scope: _Text | None = None
    """Comma-separated; the scopes that a token may be requested for."""
    secrets: Annotated[list[_Text], Field(min_length=1, max_length=MOST_SECRETS)] | None = None


def add_routes(state: SandboxState, routes: APIRouter) -> None:
    """Add the control routes of IMS."""

    def credentials() -> JsonObject:
        held = state.store.items(CREDENTIALS)
        return {"credentials": [_public(key, body) for key, body in held]}

    def change_credential(change: CredentialChange) -> JsonObject:
        with state.store.transaction():
            return _change(state, change)

    def forget_tokens() -> JsonObject:
        with state.store.transaction():
            held = state.store.items(TOKENS)
            for key, _ in held:
                state.store.delete(TOKENS, key)
        return {"forgotten": len(held)}

    for method, path, endpoint in (
        ("GET", "/credentials", credentials),
        ("POST", "/credentials", change_credential),
        ("DELETE", "/tokens", forget_tokens),
    ):
        routes.add_api_route("/_sandbox/ims" + path, endpoint, methods=[method], response_model=None)


def _change(state: SandboxState, change: CredentialChange) -> JsonObject:
    key, number = change.client_id, str(state.store.count(CREDENTIALS) + 1)
    new = {"org": DEMO_ORG, "org_number": number, "credential_id": number, "scope": DEMO_SCOPE, "secrets": []}
    given = change.model_dump(include={"org", "scope"}, exclude_none=True)
    credential = {**(state.store.get(CREDENTIALS, key) or new), **given}
    state.store.put(CREDENTIALS, key, credential)
    if change.secrets is not None:
        credential = replace_secrets(state, key, change.secrets)
    return _public(key, credential)


def _public(client_id: str, credential: Document) -> JsonObject:
    return {
        "client_id": client_id,
        **credential,
        "secrets": [secret_view(entry) for entry in credential["secrets"]],
    }
