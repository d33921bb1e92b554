"""Service accounts of an organisation, and their membership in projects (Mixpanel's "Service Accounts API")."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from mixpanel_aep_sandbox.mixpanel.app_api.routes import Visit
from mixpanel_aep_sandbox.mixpanel.errors import Refusal
from mixpanel_aep_sandbox.mixpanel.models.projects import Account, Project
from mixpanel_aep_sandbox.mixpanel.request_bodies import read_model
from mixpanel_aep_sandbox.mixpanel.settings import ROLES

DefaultRole = Literal["owner", "admin", "analyst", "consumer"]
_ORGANIZATION_ROLES: dict[str, Literal["owner", "admin", "member"]] = {"owner": "owner", "admin": "admin"}


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Membership(_Form):
    id: StrictInt
    role: DefaultRole


class _Removal(_Form):
    id: StrictInt
    service_account_ids: list[StrictInt]


class New(_Form):
    username: StrictStr = Field(min_length=1, max_length=200)
    role: DefaultRole = "consumer"
    expires: datetime | None = None
    projects: list[_Membership] = []


class Additions(_Form):
    projects: list[_Membership]
    service_account_ids: list[StrictInt]


class Removals(_Form):
    projects: list[_Removal]


class ServiceAccounts:
    """Managing needs an owner or an admin: of the organisation, or to list a project's, of the project."""

    def all(self, visit: Visit) -> dict[str, Any]:
        return _ok([_read(visit, account) for account in _known(visit, _managed(visit))])

    def of_project(self, visit: Visit) -> dict[str, Any]:
        project = visit.managed_project()
        accounts = [account for account in visit.registry.accounts() if project.id in account.roles]
        return _ok([_member(visit, account, project) for account in accounts])

    def get(self, visit: Visit) -> dict[str, Any]:
        """Without the envelope that all the others have: so the reference shows it."""
        return _read(visit, _one(visit, _managed(visit), visit.number("service_account_id")))

    def create(self, visit: Visit) -> dict[str, Any]:
        """The only answer that ever tells the secret, as ``token``."""
        organization = _managed(visit)
        new = read_model(visit.body, New)
        for membership in new.projects:
            _project(visit, organization, membership.id)
        word = re.sub(r"[^a-z0-9]+", "-", new.username.lower()).strip("-") or "account"
        account = visit.registry.put_account(
            Account(
                username=f"{word}.{secrets.token_hex(3)}.mp-service-account",
                secret=secrets.token_urlsafe(24),
                expires=new.expires,
                organization_id=organization,
                organization_role=_ORGANIZATION_ROLES.get(new.role, "member"),
                roles={membership.id: membership.role for membership in new.projects},
            )
        )
        return _ok({"token": account.secret, **_read(visit, account)})

    def delete(self, visit: Visit) -> dict[str, Any]:
        account = _one(visit, _managed(visit), visit.number("service_account_id"))
        visit.registry.delete_account(account.username)
        return {"status": "ok"}

    def add_to_projects(self, visit: Visit) -> dict[str, Any]:
        organization = _managed(visit)
        given = read_model(visit.body, Additions)
        accounts = [_one(visit, organization, number) for number in given.service_account_ids]
        roles = {_project(visit, organization, each.id).id: each.role for each in given.projects}
        for account in accounts:
            visit.registry.put_account(account.model_copy(update={"roles": {**account.roles, **roles}}))
        return {"status": "ok"}

    def remove_from_projects(self, visit: Visit) -> dict[str, Any]:
        organization = _managed(visit)
        given = read_model(visit.body, Removals)
        pairs = [
            (_one(visit, organization, number).username, _project(visit, organization, each.id).id)
            for each in given.projects
            for number in each.service_account_ids
        ]
        for username, project_id in pairs:
            account = visit.registry.account(username)
            if account:
                roles = {known: role for known, role in account.roles.items() if known != project_id}
                visit.registry.put_account(account.model_copy(update={"roles": roles}))
        return {"status": "ok"}


def _managed(visit: Visit) -> int:
    """The organisation of the path. Raises Refusal: 404 if there is none, 403 for who does not manage it."""
    number = visit.number("organization_id")
    if number not in {project.organization_id for project in visit.registry.projects()}:
        raise Refusal(404, f"There is no organization {number}.")
    account = visit.account
    if account.organization_id != number or account.organization_role not in ("owner", "admin"):
        raise Refusal(403, f"Forbidden: this needs an owner or admin of organization {number}")
    return number


def _known(visit: Visit, organization: int) -> list[Account]:
    return [account for account in visit.registry.accounts() if account.organization_id == organization]


def _one(visit: Visit, organization: int, number: int) -> Account:
    found = next((account for account in _known(visit, organization) if account.id == number), None)
    if found is None:
        raise Refusal(404, f"There is no service account {number}.")
    return found


def _project(visit: Visit, organization: int, number: int) -> Project:
    project = visit.registry.project(number)
    if project is None or project.organization_id != organization:
        raise Refusal(404, f"There is no project {number}.")
    return project


def _read(visit: Visit, account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "last_used": visit.registry.last_used(account),
        "expires": _iso(account.expires),
        "creator": 1,
        "created": _iso(account.created),
        "user": account.id,
    }


def _member(visit: Visit, account: Account, project: Project) -> dict[str, Any]:
    role = account.roles[project.id]
    return {
        **_read(visit, account),
        "hasSensitiveAccess": role == "classified",
        "role": role,
        "role_order": ROLES.index(role),
        "target_type": "individual",
        "email": account.username,
    }


def _iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="seconds")


def _ok(results: Any) -> dict[str, Any]:
    return {"status": "ok", "results": results}
