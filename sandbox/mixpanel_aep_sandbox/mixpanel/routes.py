"""All routes of the Mixpanel stand-in: raw export, Query API, ingestion, application API and control plane."""

from __future__ import annotations

from fastapi import APIRouter

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.app_api.annotations import Annotations
from mixpanel_aep_sandbox.mixpanel.app_api.lexicon import Lexicon
from mixpanel_aep_sandbox.mixpanel.app_api.me import me, workspaces
from mixpanel_aep_sandbox.mixpanel.app_api.routes import AppApi, Routes
from mixpanel_aep_sandbox.mixpanel.app_api.service_accounts import ServiceAccounts
from mixpanel_aep_sandbox.mixpanel.control.routes.documents import DocumentRoutes
from mixpanel_aep_sandbox.mixpanel.control.routes.projects import ControlRoutes
from mixpanel_aep_sandbox.mixpanel.export.export_log import ExportLog
from mixpanel_aep_sandbox.mixpanel.export.routes import Export
from mixpanel_aep_sandbox.mixpanel.ingestion import Ingestion
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore
from mixpanel_aep_sandbox.mixpanel.models.events import EventStore
from mixpanel_aep_sandbox.mixpanel.models.profiles import ProfileStore
from mixpanel_aep_sandbox.mixpanel.models.projects import ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.query.engage import Engage
from mixpanel_aep_sandbox.mixpanel.query.event_breakdown import EventBreakdown
from mixpanel_aep_sandbox.mixpanel.query.funnels import Funnels
from mixpanel_aep_sandbox.mixpanel.query.routes import Handler, QueryApi
from mixpanel_aep_sandbox.mixpanel.query.saved_reports import SavedReports
from mixpanel_aep_sandbox.mixpanel.rate_limits import Limiter


class Mixpanel:
    """The Mixpanel stand-in: all its APIs, which share the stores of projects, events, documents and profiles."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self.registry = ProjectRegistry(state)
        self.event_store = EventStore(state)
        self.documents = DocumentStore(state)
        self.profiles = ProfileStore(self.documents)
        self.limiter = Limiter(state)
        self.export_log = ExportLog(state)
        self.engage = Engage(self.profiles)
        self.ingestion = Ingestion(state, self.registry, self.event_store, self.profiles)
        self.lexicon = Lexicon(self.documents, self.limiter)

    def router(self) -> APIRouter:
        """Return a router with the routes of all Mixpanel APIs and of the control plane for Mixpanel."""
        routes = APIRouter()
        export = Export(
            self.state, self.registry, self.event_store, self.profiles, self.limiter, self.export_log
        )
        for path in ("/api/2.0/export", "/api/2.0/export/"):
            routes.add_api_route(path, export.__call__, methods=["GET"], response_model=None)
        routes.include_router(
            QueryApi(self.state, self.registry, self.limiter, self._query_handlers()).router(),
        )
        routes.include_router(self.ingestion.router())
        routes.include_router(AppApi(self.state, self.registry).router(self._app_routes()))
        routes.include_router(
            ControlRoutes(
                self.state, self.registry, self.event_store, self.export_log, self.delete_project
            ).router()
        )
        routes.include_router(
            DocumentRoutes(self.state, self.registry, self.documents, self.profiles).router()
        )
        return routes

    def reset(self) -> None:
        """Delete all events, counts and query sessions, and store the demo projects and their documents again."""
        self.event_store.clear()
        self.limiter.clear()
        self.engage.clear()
        self.ingestion.limiter.clear()
        self.lexicon.clear()
        self.registry.seed()
        self.documents.seed()

    def delete_project(self, project_id: int) -> None:
        """Delete a project and its data, except its entries in the export log."""
        self.registry.delete(project_id)
        self.event_store.delete_project(project_id)
        self.documents.delete_project(project_id)
        self.limiter.delete_project(project_id)

    def _query_handlers(self) -> dict[str, Handler]:
        """Return the handlers of the Query API, by path below ``/api/query``."""
        breakdown, saved = EventBreakdown(self.event_store), SavedReports(self.documents, self.profiles)
        funnels = Funnels(self.documents, self.event_store)
        return {
            "/events/names": breakdown.names,
            "/events/properties/top": breakdown.top_properties,
            "/events/properties/values": breakdown.values,
            "/engage": self.engage.query,
            "/engage/properties": self.engage.properties,
            "/cohorts/list": saved.cohorts,
            "/funnels/list": funnels.all,
            "/funnels": funnels.query,
            "/annotations": saved.annotations,
        }

    def _app_routes(self) -> Routes:
        """Return the routes of the application API.

        Each has the method, the path, the handler, and optionally the HTTP status of a successful response.
        """
        notes, accounts, lexicon = Annotations(self.documents), ServiceAccounts(), self.lexicon
        project, organization = "/projects/{project_id}", "/organizations/{organization_id}/service-accounts"
        note, schema = project + "/annotations/{annotation_id}", project + "/schemas/{entity_type}"
        return (
            ("GET", "/me", me),
            ("GET", project + "/workspaces/public", workspaces),
            ("GET", project + "/annotations", notes.all),
            ("POST", project + "/annotations", notes.create, 201),
            ("GET", project + "/annotations/tags", notes.tags),
            ("POST", project + "/annotations/tags", notes.create_tag),
            ("GET", note, notes.get),
            ("PATCH", note, notes.patch),
            ("DELETE", note, notes.delete),
            ("GET", project + "/schemas", lexicon.all),
            ("POST", project + "/schemas", lexicon.upload),
            ("DELETE", project + "/schemas", lexicon.delete_all),
            ("GET", schema, lexicon.schemas_of_entity),
            ("DELETE", schema, lexicon.delete_entity),
            ("GET", schema + "/{name:key}", lexicon.one),
            ("POST", schema + "/{name:key}", lexicon.upload_one),
            ("DELETE", schema + "/{name:key}", lexicon.delete_one),
            ("GET", organization, accounts.all),
            ("POST", organization, accounts.create, 201),
            ("POST", organization + "/add-to-project", accounts.add_to_projects),
            ("POST", organization + "/remove-from-project", accounts.remove_from_projects),
            ("GET", organization + "/{service_account_id}", accounts.get),
            ("DELETE", organization + "/{service_account_id}", accounts.delete),
            ("GET", project + "/service-accounts", accounts.accounts_of_project),
        )
