"""Who asks, and whether that is allowed, in Mixpanel's accepted spellings and with its misleading texts.

Bodies of 401 and 403 on the export host are documented nowhere; the texts here are the ones users have reported.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request

from include.sandbox.mixpanel.projects import Account, Project, Region, Registry
from include.sandbox.mixpanel.refusal import Refusal

_NO_PROJECT = "Unauthorized, invalid project secret. See docs at https://developer.mixpanel.com/reference/project-secret"
_REGIONS: dict[str, Region] = {
    "data.mixpanel.com": "us",
    "data-eu.mixpanel.com": "eu",
    "data-in.mixpanel.com": "in",
    "mixpanel.com": "us",
    "eu.mixpanel.com": "eu",
    "in.mixpanel.com": "in",
}


@dataclass(frozen=True)
class Caller:
    """A service account, or a project that names itself by its secret."""

    account: Account | None
    project: Project | None


def asked_region(request: Request) -> Region | None:
    """The region whose host was asked: ``X-Original-Host`` if there, else ``Host``; None: none of Mixpanel's."""
    host = request.headers.get("x-original-host") or request.headers.get("host", "")
    return _REGIONS.get(host.split(":")[0].strip().lower())


def authenticate(request: Request, registry: Registry, now: datetime) -> Caller:
    """The caller of a request.

    Raises:
        Refusal: 401 when nobody is recognised; 400 for an expired account (yes, 400: it is what clients see).
    """
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        account = next((a for a in registry.accounts() if a.bearer and _same(a.bearer, rest)), None)
        if account:
            return Caller(_unexpired(account, now), None)
    elif scheme.lower() == "basic":
        for user, secret in _spellings(rest):
            account = registry.account(user)
            if account and _same(account.secret, secret):
                return Caller(_unexpired(account, now), None)
            project = next((p for p in registry.projects() if p.secret and _same(p.secret, user)), None)
            if project and not secret:
                return Caller(None, project)
    raise Refusal(401, "Unauthorized")


def authorize_export(request: Request, caller: Caller, registry: Registry) -> Project:
    """The project to export. Raises Refusal: 401 without ``project_id``, 403 without access, 400 for the region."""
    asked = request.query_params.get("project_id", "")
    if caller.account is None:
        project = caller.project
        if project is None or asked not in ("", str(project.id)):
            raise Refusal(401, _NO_PROJECT)
    else:
        if not asked:
            raise Refusal(401, _NO_PROJECT)
        if not (asked.isascii() and asked.isdigit()):
            raise Refusal(400, f"invalid project_id {asked[:40]!r}", echo=True)
        project = registry.project(int(asked))
        role = caller.account.roles.get(int(asked))
        if project is None or role is None:
            raise Refusal(403, f"Forbidden: no access to project {asked}")
        if role == "no_export":
            raise Refusal(
                403, f"Forbidden: the role of this account does not allow exports of project {asked}"
            )
    region = asked_region(request)
    if region and region != project.region:
        raise Refusal(400, "request failed with error: invalid project id for cluster.", echo=True)
    return project


def _spellings(given: str) -> list[tuple[str, str]]:
    """(user, secret) as base64 and as plain text, both with and without a colon: Mixpanel takes all four."""
    found = []
    with contextlib.suppress(binascii.Error, ValueError):
        found.append(base64.b64decode(given, validate=True).decode("utf-8"))
    found.append(given)
    pairs = [text.partition(":") for text in found]
    return [(user, secret) for user, _, secret in pairs]


def _unexpired(account: Account, now: datetime) -> Account:
    expires = account.expires
    if expires and (expires if expires.tzinfo else expires.replace(tzinfo=UTC)) <= now:
        raise Refusal(400, "Unable to authenticate request")
    return account


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
