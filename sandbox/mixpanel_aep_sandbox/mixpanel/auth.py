"""Authentication and authorization of requests to Mixpanel, in all credential formats that Mixpanel accepts.

The bodies of 401 and 403 responses of the export host are undocumented; the texts here are those that users reported.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from starlette.requests import Request

from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import MAX_ID, Account, Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.settings import Region, Role

_NO_PROJECT = "Unauthorized, invalid project secret. See docs at https://developer.mixpanel.com/reference/project-secret"
_REGIONS: dict[str, Region] = {
    "data.mixpanel.com": "us",
    "data-eu.mixpanel.com": "eu",
    "data-in.mixpanel.com": "in",
    "api.mixpanel.com": "us",
    "api-js.mixpanel.com": "us",
    "api-eu.mixpanel.com": "eu",
    "api-in.mixpanel.com": "in",
    "mixpanel.com": "us",
    "eu.mixpanel.com": "eu",
    "in.mixpanel.com": "in",
}
Api = Literal["export", "query", "app"]
_EXPIRED: Mapping[Api, int] = {"export": 400, "query": 400, "app": 401}


@dataclass(frozen=True)
class Caller:
    """The authenticated caller: a service account, or a project that was authenticated by its secret."""

    account: Account | None
    project: Project | None

    def role(self, project: Project) -> Role | None:
        """Return the caller's role in a project, or None; a project's secret means ``analyst`` (assumed [I])."""
        if self.account is not None:
            return self.account.roles.get(project.id)
        return "analyst" if self.project is not None and self.project.id == project.id else None


def requested_region(request: Request) -> Region | None:
    """Return the region of the Mixpanel host that the client called, or None if it called another host.

    The host is the header ``X-Original-Host`` or, if this is missing, ``Host``.
    """
    host = request.headers.get("x-original-host") or request.headers.get("host", "")
    return _REGIONS.get(host.split(":")[0].strip().lower())


def authenticate(request: Request, registry: ProjectRegistry, now: datetime, api: Api) -> Caller:
    """Authenticate a request by its Authorization header, and return the caller.

    Raises:
        MixpanelError: 401 for unknown credentials. 400 or 401 for an expired account: 400 on the export API, as users
            have observed; on the other APIs (assumed [I]), the account's ``expired_status`` can set the status.
    """
    caller = _find_caller(request.headers.get("authorization", ""), registry, now)
    if caller is None:
        raise MixpanelError(401, "Unauthorized")
    account = caller.account
    if account is None:
        return caller
    if account.has_expired(now):
        status = _EXPIRED[api] if api == "export" else account.expired_status or _EXPIRED[api]
        raise MixpanelError(status, "Unable to authenticate request")
    registry.record_use(account)
    return caller


def _find_caller(authorization: str, registry: ProjectRegistry, now: datetime) -> Caller | None:
    """Return the caller with the credentials in an Authorization header, or None if they are unknown."""
    scheme, _, rest = authorization.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        holders = (a for a in registry.accounts() if a.bearer and _are_equal(a.bearer, rest))
        return next((Caller(account, None) for account in holders), None)
    for user, secret in possible_credentials(rest) if scheme.lower() == "basic" else ():
        account = registry.account(user)
        if account and _are_equal(account.secret, secret):
            return Caller(account, None)
        project = next((p for p in registry.projects() if p.secret and _are_equal(p.secret, user)), None)
        if project and not secret and (project.secret_until is None or now.date() < project.secret_until):
            return Caller(None, project)
    return None


def requested_project(
    request: Request, caller: Caller, registry: ProjectRegistry, project_id: str
) -> Project:
    """Return the project of an export or a query, by the parameter ``project_id`` or by the caller's project secret.

    Raises:
        MixpanelError: 401 if a service account sent no ``project_id``, 403 if the caller has no access to the project,
            400 for an invalid id or a project of another region.
    """
    if caller.account is None:
        project = caller.project
        if project is None or project_id not in ("", str(project.id)):
            raise MixpanelError(401, _NO_PROJECT)
    else:
        if not project_id:
            raise MixpanelError(401, _NO_PROJECT)
        if not (project_id.isascii() and project_id.isdigit() and len(project_id) <= len(str(MAX_ID))):
            raise MixpanelError(400, f"invalid project_id {project_id[:40]!r}", echo=True)
        project = accessible_project(caller, registry, int(project_id))
    check_region(request, project)
    return project


def accessible_project(caller: Caller, registry: ProjectRegistry, project_id: int) -> Project:
    """Return the project with this id.

    Raises MixpanelError (403) if the project does not exist or the caller has no role in the project; the error does
    not reveal which of the two.
    """
    project = registry.project(project_id)
    if project is None or caller.role(project) is None:
        raise MixpanelError(403, f"Forbidden: no access to project {project_id}")
    return project


def check_region(request: Request, project: Project) -> None:
    """Raise MixpanelError (400) if the client called the host of another region than the project's."""
    region = requested_region(request)
    if region and region != project.region:
        raise MixpanelError(400, "request failed with error: invalid project id for cluster.", echo=True)


def check_export_right(caller: Caller, project: Project) -> None:
    """Raise MixpanelError (403) if the caller's role does not allow exports of the project.

    Projects with classified properties reject callers without access to them, if the switch ``classified`` says so.
    """
    role = caller.role(project)
    if role == "no_export":
        raise MixpanelError(
            403, f"Forbidden: the role of this account does not allow exports of project {project.id}"
        )
    hidden = project.classified_properties and role != "classified"
    if hidden and project.switches.classified == "forbidden":
        raise MixpanelError(
            403, f"Forbidden: this account has no access to the classified data of project {project.id}"
        )


def hidden_properties(caller: Caller, project: Project) -> frozenset[str]:
    """Return the names of the classified properties that are left out of exports for this caller."""
    return frozenset(() if caller.role(project) == "classified" else project.classified_properties)


def possible_credentials(given: str) -> list[tuple[str, str]]:
    """Return the possible (user, secret) pairs of a Basic authorization value, which may be base64 or plain text.

    Mixpanel accepts both, with or without a colon before an empty secret. Base64 may use the URL-safe alphabet.
    """
    found = []
    with contextlib.suppress(binascii.Error, ValueError):
        decoded = base64.b64decode(given.replace("-", "+").replace("_", "/"), validate=True)
        found.append(decoded.decode("utf-8"))
    found.append(given)
    pairs = [text.partition(":") for text in found]
    return [(user, secret) for user, _, secret in pairs]


def _are_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
