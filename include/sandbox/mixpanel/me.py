"""``GET /api/app/me``: what a service account can see; the only place that tells a project's time zone."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from include.sandbox.mixpanel.auth import Caller, asked_region, authenticate
from include.sandbox.mixpanel.projects import Project, Registry
from include.sandbox.mixpanel.refusal import Refusal
from include.sandbox.world import World

_DOMAINS = {"us": "mixpanel.com", "eu": "eu.mixpanel.com", "in": "in.mixpanel.com"}
_PERMISSIONS = {
    "owner": ["read", "write", "export", "manage_members", "delete"],
    "admin": ["read", "write", "export", "manage_members"],
    "analyst": ["read", "write", "export"],
    "consumer": ["read", "export"],
}


class Me:
    def __init__(self, world: World, registry: Registry) -> None:
        self._world, self._registry = world, registry

    def __call__(self, request: Request) -> Response:
        try:
            caller = authenticate(request, self._registry, self._world.clock.now())
            seen = self._seen(caller, asked_region(request))
        except Refusal as refusal:
            return refusal.response(request)
        return JSONResponse({"status": "ok", "results": _results(caller, seen)})

    def _seen(self, caller: Caller, region: str | None) -> list[Project]:
        if caller.account is None:
            # A project secret opens the data of one project, not the application.
            raise Refusal(401, "Unauthorized")
        roles = caller.account.roles
        seen = [
            p for p in self._registry.projects() if p.id in roles and (region is None or p.region == region)
        ]
        if not seen and region is not None:
            # An account lives in one region; the others have never heard of it.
            raise Refusal(401, "Unauthorized")
        return seen


def _results(caller: Caller, seen: list[Project]) -> dict[str, Any]:
    account = caller.account
    roles = account.roles if account else {}
    organizations = {
        str(p.organization_id): {
            "id": p.organization_id,
            "name": p.organization_name,
            "role": roles[p.id],
            "permissions": _PERMISSIONS.get(roles[p.id], ["read"]),
        }
        for p in seen
    }
    return {
        "user_id": 1,
        "user_email": account.username if account else "",
        "user_name": account.username if account else "",
        "organizations": organizations,
        "projects": {str(p.id): _project(p) for p in seen},
        "workspaces": {str(_workspace_id(p)): _workspace(p) for p in seen},
    }


def _project(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "organization_id": project.organization_id,
        "timezone": project.timezone,
        "has_workspaces": True,
        "domain": _DOMAINS[project.region],
        "type": "PROJECT",
    }


def _workspace(project: Project) -> dict[str, Any]:
    return {
        "id": _workspace_id(project),
        "name": "All Project Data",
        "project_id": project.id,
        "is_default": True,
        "is_global": True,
        "is_restricted": False,
        "is_visible": True,
        "description": "",
        "creator_name": "",
    }


def _workspace_id(project: Project) -> int:
    return project.id + 500_000
