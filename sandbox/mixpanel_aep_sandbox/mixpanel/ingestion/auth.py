"""Authorization of imports, and search for projects by token (mixpanel/docs: reference/import-events.mdx)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request

from mixpanel_aep_sandbox.mixpanel.auth import (
    authenticate,
    check_region,
    possible_credentials,
    requested_project,
    requested_region,
)
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.settings import MANAGERS


def find_project_by_token(request: Request, registry: ProjectRegistry, token: str) -> Project | None:
    """Return the project with this token, or None if no project of the requested host's region has it."""
    found = next((project for project in registry.projects() if project.token == token), None)
    region = requested_region(request)
    return None if found is None or (region and region != found.region) else found


def authorize_import(
    request: Request, registry: ProjectRegistry, now: datetime, params: Mapping[str, str]
) -> Project:
    """Authenticate an import, and return the project into which the events are imported.

    Credentials are a service account (owner or admin of the project), or the project's secret or token.

    Raises:
        MixpanelError: 401 for wrong credentials, 403 for a lower role, 400 for the host of another region.
    """
    if project := _project_by_credentials(request, registry, params.get("project_id", "")):
        return project
    try:
        caller = authenticate(request, registry, now, "export")
        project = requested_project(request, caller, registry, params.get("project_id", ""))
    except MixpanelError as error:
        raise MixpanelError(401, "Invalid credentials") if error.status == 401 else error from error
    if caller.account is not None and caller.role(project) not in MANAGERS:
        raise MixpanelError(403, "The service account needs the role Owner or Admin in this project")
    return project


def _project_by_credentials(request: Request, registry: ProjectRegistry, project_id: str) -> Project | None:
    """Return the project whose token is the user name of Basic credentials without a password.

    Return None if the request has no such credentials.

    Args:
        request: the request.
        registry: the projects.
        project_id: the id that the request names; empty: none.
    """
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    for user, secret in possible_credentials(rest.strip()) if scheme.lower() == "basic" else ():
        found = next((each for each in registry.projects() if each.token == user and not secret), None)
        if found is not None and project_id in ("", str(found.id)):
            check_region(request, found)
            return found
    return None
