"""Logins: an access token of IMS or a non-expiring credential (EP:query-service/ui/credentials.md)."""

from __future__ import annotations

import hashlib
import secrets

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES
from mixpanel_aep_sandbox.aep.core.gateway import CREDENTIALS, TOKENS, token_key
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.query_service.errors import NO_TABLES, NOT_ALLOWED, WRONG_PASSWORD, SqlError
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

NON_EXPIRING = "aep/query-credentials"
_DAY_MS = 86_400_000
MISSING_PERMISSION = "The permission Manage Queries is missing."
MISSING_LICENCE = "Query Service is not part of the organization's licence."


def denial_reason(state: SandboxState) -> str | None:
    """Return why the credential has no access to Query Service, as a sentence; None if it has."""
    settings = QuerySettings.of(state)
    if settings.query_licence == "missing":
        return MISSING_LICENCE
    return MISSING_PERMISSION if settings.query_permission == "missing" else None


def new_credential(state: SandboxState, org: str) -> dict[str, str]:
    """Create a non-expiring credential: the file that Adobe's page downloads, with both halves of the password."""
    account = secrets.token_hex(12).upper() + "@techacct.adobe.com"
    credential = "demo-credential-" + secrets.token_hex(16)
    body = {"org": org, "digest": _digest(credential), "used": state.clock.milliseconds()}
    state.store.put(NON_EXPIRING, account, body)
    return {"technicalAccountId": account, "credential": credential, "imsOrgId": org}


def admit(state: SandboxState, user: str, password: str, database: str) -> AepSandboxScope:
    """Return the AEP sandbox of a session. Raises SqlError, which ends the session."""
    org = _org_of(state, password)
    # [I] The user name is the organization's id in every sample; the response to another name is not documented.
    if org is None or user != org:
        raise SqlError(WRONG_PASSWORD, "Invalid authentication token", fatal=True)
    if reason := denial_reason(state):
        raise SqlError(NOT_ALLOWED, reason, fatal=True)
    name = database.partition(":")[0]
    scope = AepSandboxScope(state, org, name)
    if name not in AEP_SANDBOXES or not scope.count(DATASETS):
        raise SqlError(NO_TABLES, "No table found for dbName: please check the dbName", fatal=True)
    return scope


def _org_of(state: SandboxState, password: str) -> str | None:
    accepted = QuerySettings.of(state).query_logins
    if ":" in password:
        return _credential_org(state, password) if accepted in ("both", "credential") else None
    return _token_org(state, password) if accepted in ("both", "token") else None


def _token_org(state: SandboxState, token: str) -> str | None:
    held = state.store.get(TOKENS, token_key(token))
    if held is None or held["expires"] <= state.clock.milliseconds():
        return None
    client: JsonObject = state.store.get(CREDENTIALS, held["client_id"]) or {}
    return client.get("org")


def _credential_org(state: SandboxState, password: str) -> str | None:
    account, _, credential = password.partition(":")
    held, now = state.store.get(NON_EXPIRING, account), state.clock.milliseconds()
    days = QuerySettings.of(state).query_credential_days
    if held is None or not secrets.compare_digest(held["digest"], _digest(credential)):
        return None
    if days is not None and now >= held["used"] + days * _DAY_MS:
        state.store.delete(NON_EXPIRING, account)
        return None
    state.store.put(NON_EXPIRING, account, {**held, "used": now})
    return str(held["org"])


def _digest(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()
