"""Logins to Query Service by an IMS access token or a non-expiring credential.

Source: EP:query-service/ui/credentials.md.
"""

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
    """Return a sentence that explains why the credential has no access to Query Service, or None if it has access."""
    settings = QuerySettings.of(state)
    if settings.query_licence == "missing":
        return MISSING_LICENCE
    return MISSING_PERMISSION if settings.query_permission == "missing" else None


def new_credential(state: SandboxState, org: str) -> dict[str, str]:
    """Create a non-expiring credential of an organization, and return it as Adobe's user interface downloads it.

    The password of a login is ``<technicalAccountId>:<credential>``.
    """
    account = secrets.token_hex(12).upper() + "@techacct.adobe.com"
    credential = "demo-credential-" + secrets.token_hex(16)
    body = {"org": org, "digest": _digest(credential), "used": state.clock.milliseconds()}
    state.store.put(NON_EXPIRING, account, body)
    return {"technicalAccountId": account, "credential": credential, "imsOrgId": org}


def authenticate(state: SandboxState, user: str, password: str, database: str) -> AepSandboxScope:
    """Check a login, and return the AEP sandbox to which the client connects.

    Args:
        state: The store, the clock and the settings of the sandbox.
        user: The user name, which is the id of the organization.
        password: An access token, or ``<technicalAccountId>:<credential>``.
        database: The name of the AEP sandbox, optionally followed by ``:all``.

    Raises:
        SqlError: the login is rejected; the error is fatal.
    """
    org = _find_org(state, password)
    # In every sample, the user name is the organization's id. The response to another name is an assumption [I].
    if org is None or user != org:
        raise SqlError(WRONG_PASSWORD, "Invalid authentication token", fatal=True)
    if reason := denial_reason(state):
        raise SqlError(NOT_ALLOWED, reason, fatal=True)
    name = database.partition(":")[0]
    scope = AepSandboxScope(state, org, name)
    if name not in AEP_SANDBOXES or not scope.count(DATASETS):
        raise SqlError(NO_TABLES, "No table found for dbName: please check the dbName", fatal=True)
    return scope


def _find_org(state: SandboxState, password: str) -> str | None:
    """Return the organization to which a password belongs, or None if the password is invalid.

    A password with a colon is a non-expiring credential, any other one an access token.
    """
    accepted = QuerySettings.of(state).query_logins
    if ":" in password:
        return _credential_org(state, password) if accepted in ("both", "credential") else None
    return _token_org(state, password) if accepted in ("both", "token") else None


def _token_org(state: SandboxState, token: str) -> str | None:
    """Return the organization of a valid access token, or None."""
    stored = state.store.get(TOKENS, token_key(token))
    if stored is None or stored["expires"] <= state.clock.milliseconds():
        return None
    client: JsonObject = state.store.get(CREDENTIALS, stored["client_id"]) or {}
    return client.get("org")


def _credential_org(state: SandboxState, password: str) -> str | None:
    """Return the organization of a non-expiring credential; None if it is invalid. Store the time as its last use."""
    account, _, credential = password.partition(":")
    stored, now = state.store.get(NON_EXPIRING, account), state.clock.milliseconds()
    days = QuerySettings.of(state).query_credential_days
    if stored is None or not secrets.compare_digest(stored["digest"], _digest(credential)):
        return None
    if days is not None and now >= stored["used"] + days * _DAY_MS:
        state.store.delete(NON_EXPIRING, account)
        return None
    state.store.put(NON_EXPIRING, account, {**stored, "used": now})
    return str(stored["org"])


def _digest(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()
