"""Control routes for a project's profiles, cohorts, funnels, annotations and schemas.

Under ``/_sandbox/mixpanel/projects/{id}``, each of these kinds has three methods: GET returns all, including generated
demo profiles; POST ``{"items": [...]}`` adds or replaces some; DELETE deletes all except generated demo profiles.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.app_api.annotations import Annotation, Annotations
from mixpanel_aep_sandbox.mixpanel.app_api.lexicon_validation import Entry
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore, Kind, schema_key
from mixpanel_aep_sandbox.mixpanel.models.profiles import Cohort, Profile, ProfileStore
from mixpanel_aep_sandbox.mixpanel.models.projects import Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.query.funnels import Funnel
from mixpanel_aep_sandbox.mixpanel.request_bodies import read_model


class _Items(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: list[JsonObject] = Field(max_length=100_000)


class DocumentRoutes:
    """Handlers that return, add and delete the documents of a project.

    Errors are ``{"error": sentence}`` with status 404 or 422.
    """

    def __init__(
        self, state: SandboxState, registry: ProjectRegistry, documents: DocumentStore, profiles: ProfileStore
    ) -> None:
        self._state, self._registry = state, registry
        self._documents, self._profiles = documents, profiles
        self._annotations = Annotations(documents)

    def router(self) -> APIRouter:
        """Return a router with GET, POST and DELETE for each kind of document."""
        routes = APIRouter()
        kinds: tuple[tuple[str, Kind, Callable[[int, JsonObject], None]], ...] = (
            ("/profiles", "profile", self._put_profile),
            ("/cohorts", "cohort", self._put_cohort),
            ("/funnels", "funnel", self._put_funnel),
            ("/annotations", "annotation", self._put_annotation),
            ("/schemas", "schema", self._put_schema),
        )
        for path, kind, put in kinds:
            for method, handler in (
                ("GET", self._get(kind)),
                ("POST", self._post(put)),
                ("DELETE", self._delete(kind)),
            ):
                full = "/_sandbox/mixpanel/projects/{project_id}" + path
                routes.add_route(full, self._endpoint(handler), methods=[method])
        return routes

    def _endpoint(
        self, handler: Callable[[Project, bytes], object]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            text = str(request.path_params["project_id"])
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else 0
            project = self._registry.project(number)
            if project is None:
                return JSONResponse({"error": f"Project {text[:40]} not found."}, status_code=404)
            try:
                return JSONResponse(await run_in_threadpool(handler, project, await request.body()))
            except MixpanelError as error:
                return JSONResponse({"error": str(error)}, status_code=422)

        return endpoint

    def _get(self, kind: Kind) -> Callable[[Project, bytes], object]:
        def handler(project: Project, _body: bytes) -> list[JsonObject]:
            if kind != "profile":
                return self._documents.all(project.id, kind)
            found = self._profiles.current_profiles(project, self._state.clock.milliseconds()).values()
            return [profile.model_dump(mode="json") for profile in found]

        return handler

    def _post(self, put: Callable[[int, JsonObject], None]) -> Callable[[Project, bytes], object]:
        def handler(project: Project, body: bytes) -> dict[str, int]:
            items = read_model(body, _Items).items
            with self._state.store.transaction():
                for item in items:
                    put(project.id, item)
            return {"added": len(items)}

        return handler

    def _delete(self, kind: Kind) -> Callable[[Project, bytes], object]:
        return lambda project, _body: {"deleted": self._documents.clear(project.id, kind)}

    def _put_profile(self, project_id: int, item: JsonObject) -> None:
        self._profiles.add(project_id, read_model(item, Profile))

    def _put_cohort(self, project_id: int, item: JsonObject) -> None:
        cohort = read_model(item, Cohort)
        cohort.members({})  # raises an error for an invalid expression
        self._documents.put(project_id, "cohort", str(cohort.id), cohort.model_dump(mode="json"))

    def _put_funnel(self, project_id: int, item: JsonObject) -> None:
        funnel = read_model(item, Funnel)
        self._documents.put(project_id, "funnel", str(funnel.id), funnel.model_dump(mode="json"))

    def _put_annotation(self, project_id: int, item: JsonObject) -> None:
        self._annotations.add(project_id, read_model(item, Annotation))

    def _put_schema(self, project_id: int, item: JsonObject) -> None:
        entry = read_model(item, Entry)
        self._documents.put(
            project_id, "schema", schema_key(entry.entityType, entry.name), entry.model_dump()
        )
