"""``/api/app/me``, the only route that returns the time zones of projects, and the route for data views."""

from __future__ import annotations

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.app_api.routes import AppRequest
from mixpanel_aep_sandbox.mixpanel.auth import requested_region
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import Account, Project

_DOMAINS = {"us": "mixpanel.com", "eu": "eu.mixpanel.com", "in": "in.mixpanel.com"}
_PERMISSIONS = {
    "owner": ["read", "write", "manage_members", "manage_billing", "delete"],
    "admin": ["read", "write", "manage_members"],
    "billing": ["read", "manage_billing"],
    "member": ["read"],
}


def me(app_request: AppRequest) -> JsonObject:
    """Return the projects of the service account in the requested region, with their organisations and data views.

    Raises MixpanelError (401) if the account has no project in the region of the requested host.
    """
    region, roles = requested_region(app_request.request), app_request.account.roles
    visible = [
        project
        for project in app_request.registry.projects()
        if project.id in roles and (region is None or project.region == region)
    ]
    if not visible and region is not None:
        # At Mixpanel, an account exists in one region only.
        raise MixpanelError(401, "Unauthorized")
    return {"status": "ok", "results": _results(app_request.account, visible)}


def workspaces(app_request: AppRequest) -> JsonObject:
    """Return the data views of the project (``/projects/{id}/workspaces/public``): always one, "All Project Data"."""
    return {"status": "ok", "results": [_workspace(app_request.project())]}


def _results(account: Account, visible: list[Project]) -> JsonObject:
    organizations = {
        str(p.organization_id): {
            "id": p.organization_id,
            "name": p.organization_name,
            "role": account.organization_role,
            "permissions": _PERMISSIONS[account.organization_role],
        }
        for p in visible
    }
    return {
        "user_id": account.id,
        "user_email": account.username,
        "user_name": account.username,
        "organizations": organizations,
        "projects": {str(p.id): _project(p) for p in visible},
        "workspaces": {str(_workspace_id(p)): _workspace(p) for p in visible},
    }


def _project(project: Project) -> JsonObject:
    return {
        "name": project.name,
        "organization_id": project.organization_id,
        "timezone": project.timezone,
        "has_workspaces": True,
        "domain": _DOMAINS[project.region],
        "type": "PROJECT",
    }


def _workspace(project: Project) -> JsonObject:
    return {
        "id": _workspace_id(project),
        "name": "All Project Data",
        "project_id": project.id,
        "is_default": True,
        "is_global": True,
        "is_restricted": False,
        "is_visible": True,
        "description": "",
        "created_iso": "2026-01-01T00:00:00",
        "creator_name": "",
    }


def _workspace_id(project: Project) -> int:
    return project.id + 500_000
