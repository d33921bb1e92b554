"""Service accounts of an organisation, and their membership in projects (Mixpanel's "Service Accounts API")."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.app_api.routes import AppRequest
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
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


class NewAccount(_Form):
    """The body of a request to create a service account."""

    username: StrictStr = Field(min_length=1, max_length=200)
    role: DefaultRole = "consumer"
    expires: datetime | None = None
    projects: list[_Membership] = []


class Additions(_Form):
    """The body of a request to add service accounts to projects."""

    projects: list[_Membership]
    service_account_ids: list[StrictInt]


class Removals(_Form):
    """The body of a request to remove service accounts from projects."""

    projects: list[_Removal]


class ServiceAccounts:
    """Handlers for service accounts.

    The caller must be an owner or admin of the organisation. For the list of a project's accounts, the caller must be
    an owner or admin of the project.
    """

    def all(self, app_request: AppRequest) -> JsonObject:
        """Return the service accounts of the organisation in the path, without their secrets."""
        return _success_body(
            [
                _account_view(app_request, account)
                for account in _accounts_of(app_request, _managed_organization(app_request))
            ]
        )

    def accounts_of_project(self, app_request: AppRequest) -> JsonObject:
        """Return the service accounts that have a role in the project in the path, each with that role."""
        project = app_request.managed_project()
        accounts = [account for account in app_request.registry.accounts() if project.id in account.roles]
        return _success_body([_member_view(app_request, account, project) for account in accounts])

    def get(self, app_request: AppRequest) -> JsonObject:
        """Return one service account, without the ``status`` and ``results`` of other responses, as documented."""
        return _account_view(
            app_request,
            _find_account(
                app_request, _managed_organization(app_request), app_request.number("service_account_id")
            ),
        )

    def create(self, app_request: AppRequest) -> JsonObject:
        """Create a service account and return it. Only this response contains the account's secret, as ``token``."""
        organization = _managed_organization(app_request)
        new = read_model(app_request.body, NewAccount)
        for membership in new.projects:
            _project(app_request, organization, membership.id)
        word = re.sub(r"[^a-z0-9]+", "-", new.username.lower()).strip("-") or "account"
        account = app_request.registry.put_account(
            Account(
                username=f"{word}.{secrets.token_hex(3)}.mp-service-account",
                secret=secrets.token_urlsafe(24),
                expires=new.expires,
                organization_id=organization,
                organization_role=_ORGANIZATION_ROLES.get(new.role, "member"),
                roles={membership.id: membership.role for membership in new.projects},
            )
        )
        return _success_body({"token": account.secret, **_account_view(app_request, account)})

    def delete(self, app_request: AppRequest) -> JsonObject:
        """Delete the service account in the path."""
        account = _find_account(
            app_request, _managed_organization(app_request), app_request.number("service_account_id")
        )
        app_request.registry.delete_account(account.username)
        return {"status": "ok"}

    def add_to_projects(self, app_request: AppRequest) -> JsonObject:
        """Give each service account in the body a role in each project in the body."""
        organization = _managed_organization(app_request)
        given = read_model(app_request.body, Additions)
        accounts = [_find_account(app_request, organization, number) for number in given.service_account_ids]
        roles = {_project(app_request, organization, each.id).id: each.role for each in given.projects}
        for account in accounts:
            app_request.registry.put_account(account.model_copy(update={"roles": {**account.roles, **roles}}))
        return {"status": "ok"}

    def remove_from_projects(self, app_request: AppRequest) -> JsonObject:
        """Remove the roles of service accounts in projects, as the body lists them."""
        organization = _managed_organization(app_request)
        given = read_model(app_request.body, Removals)
        pairs = [
            (
                _find_account(app_request, organization, number).username,
                _project(app_request, organization, each.id).id,
            )
            for each in given.projects
            for number in each.service_account_ids
        ]
        for username, project_id in pairs:
            account = app_request.registry.account(username)
            if account:
                roles = {other: role for other, role in account.roles.items() if other != project_id}
                app_request.registry.put_account(account.model_copy(update={"roles": roles}))
        return {"status": "ok"}


def _managed_organization(app_request: AppRequest) -> int:
    """Return the id of the organisation in the path.

    Raises MixpanelError: 404 if the organisation does not exist, 403 if the caller is not its owner or admin.
    """
    number = app_request.number("organization_id")
    if number not in {project.organization_id for project in app_request.registry.projects()}:
        raise MixpanelError(404, f"Organization {number} not found.")
    account = app_request.account
    if account.organization_id != number or account.organization_role not in ("owner", "admin"):
        raise MixpanelError(403, f"Forbidden: this needs an owner or admin of organization {number}")
    return number


def _accounts_of(app_request: AppRequest, organization: int) -> list[Account]:
    return [account for account in app_request.registry.accounts() if account.organization_id == organization]


def _find_account(app_request: AppRequest, organization: int, number: int) -> Account:
    found = next(
        (account for account in _accounts_of(app_request, organization) if account.id == number), None
    )
    if found is None:
        raise MixpanelError(404, f"Service account {number} not found.")
    return found


def _project(app_request: AppRequest, organization: int, number: int) -> Project:
    project = app_request.registry.project(number)
    if project is None or project.organization_id != organization:
        raise MixpanelError(404, f"Project {number} not found.")
    return project


def _account_view(app_request: AppRequest, account: Account) -> JsonObject:
    """Return a service account in the form of the API's responses, without its secret."""
    return {
        "id": account.id,
        "username": account.username,
        "last_used": app_request.registry.last_used(account),
        "expires": _iso(account.expires),
        "creator": 1,
        "created": _iso(account.created),
        "user": account.id,
    }


def _member_view(app_request: AppRequest, account: Account, project: Project) -> JsonObject:
    """Return an entry of the list of a project's service accounts: the account and its role in the project."""
    role = account.roles[project.id]
    return {
        **_account_view(app_request, account),
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


def _success_body(results: object) -> JsonObject:
    return {"status": "ok", "results": results}
