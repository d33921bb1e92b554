"""Who may open a session: an access token of IMS or a non-expiring credential (EP:query-service/ui/credentials.md)."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES
from mixpanel_aep_sandbox.aep.core.gateway import CREDENTIALS, TOKENS, token_key
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, Place
from mixpanel_aep_sandbox.aep.query_service.errors import NO_TABLES, NOT_ALLOWED, WRONG_PASSWORD, SqlError
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.core.state import World

NON_EXPIRING = "aep/query-credentials"
_DAY_MS = 86_400_000
MISSING_PERMISSION = "The permission Manage Queries is missing."
MISSING_LICENCE = "Query Service is not part of the organization's licence."


def why_not(world: World) -> str | None:
    """What keeps the credential from Query Service, as a sentence; None where nothing does."""
    settings = QuerySettings.of(world)
    if settings.query_licence == "missing":
        return MISSING_LICENCE
    return MISSING_PERMISSION if settings.query_permission == "missing" else None


def new_credential(world: World, org: str) -> dict[str, str]:
    """Makes a non-expiring credential; the file that Adobe's page downloads, with both halves of the password."""
    account = secrets.token_hex(12).upper() + "@techacct.adobe.com"
    credential = "demo-credential-" + secrets.token_hex(16)
    body = {"org": org, "digest": _digest(credential), "used": world.clock.milliseconds()}
    world.store.put(NON_EXPIRING, account, body)
    return {"technicalAccountId": account, "credential": credential, "imsOrgId": org}


def admit(world: World, user: str, password: str, database: str) -> Place:
    """The AEP sandbox that a session is for. Raises SqlError, which ends the session."""
    org = _org_of(world, password)
    # [I] The user name is the organization's id in every sample; what becomes of another one is not said.
    if org is None or user != org:
        raise SqlError(WRONG_PASSWORD, "Invalid authentication token", fatal=True)
    if reason := why_not(world):
        raise SqlError(NOT_ALLOWED, reason, fatal=True)
    name = database.partition(":")[0]
    place = Place(world, org, name)
    if name not in AEP_SANDBOXES or not place.count(DATASETS):
        raise SqlError(NO_TABLES, "No table found for dbName: please check the dbName", fatal=True)
    return place


def _org_of(world: World, password: str) -> str | None:
    accepted = QuerySettings.of(world).query_logins
    if ":" in password:
        return _credential_org(world, password) if accepted in ("both", "credential") else None
    return _token_org(world, password) if accepted in ("both", "token") else None


def _token_org(world: World, token: str) -> str | None:
    held = world.store.get(TOKENS, token_key(token))
    if held is None or held["expires"] <= world.clock.milliseconds():
        return None
    client: dict[str, Any] = world.store.get(CREDENTIALS, held["client_id"]) or {}
    return client.get("org")


def _credential_org(world: World, password: str) -> str | None:
    account, _, credential = password.partition(":")
    held, now = world.store.get(NON_EXPIRING, account), world.clock.milliseconds()
    days = QuerySettings.of(world).query_credential_days
    if held is None or not secrets.compare_digest(held["digest"], _digest(credential)):
        return None
    if days is not None and now >= held["used"] + days * _DAY_MS:
        world.store.delete(NON_EXPIRING, account)
        return None
    world.store.put(NON_EXPIRING, account, {**held, "used": now})
    return str(held["org"])


def _digest(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()
