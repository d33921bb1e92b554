"""Lexicon schemas of a project (Mixpanel's "Lexicon Schemas API"): only uploaded schemas, not all tracked events."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.store import Document
from mixpanel_aep_sandbox.mixpanel.app_api.lexicon_validation import EntityType, Entry, Schema, Upload
from mixpanel_aep_sandbox.mixpanel.app_api.routes import AppRequest
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore, schema_key
from mixpanel_aep_sandbox.mixpanel.models.projects import Project
from mixpanel_aep_sandbox.mixpanel.parameters import merged_parameters
from mixpanel_aep_sandbox.mixpanel.rate_limits import Limiter
from mixpanel_aep_sandbox.mixpanel.request_bodies import read_model, read_object

_ENTITIES_A_MINUTE = 4000
_TRUNCATED_A_REQUEST = 3000


class Lexicon:
    """Handlers for Lexicon schemas, which describe the events and profile properties of a project.

    Any role in the project may read them; changes need a role of at least Analyst (assumed [I]). All requests of an
    organisation count against one rate limit.
    """

    def __init__(self, documents: DocumentStore, limiter: Limiter) -> None:
        self._documents, self._limiter = documents, limiter
        self._lock = threading.Lock()
        self._updates: dict[int, deque[tuple[float, int]]] = {}

    def clear(self) -> None:
        """Delete the counts of changed entities, by which uploads are limited, of all organisations."""
        with self._lock:
            self._updates.clear()

    def all(self, app_request: AppRequest) -> JsonObject:
        """Return all Lexicon schemas of the project."""
        project = self._authorize(app_request)
        return {"results": self._documents.all(project.id, "schema"), "status": "ok"}

    def schemas_of_entity(self, app_request: AppRequest) -> JsonObject:
        """Return the Lexicon schemas of the entity type in the path, or only that with the name ``entity_name``."""
        project, entity = self._authorize(app_request), _entity(app_request)
        name = merged_parameters(app_request.request.query_params).text("entity_name")
        found = [body for body in self._schemas_of(project, entity) if name in ("", body["name"])]
        return {"results": found, "status": "ok"}

    def one(self, app_request: AppRequest) -> JsonObject:
        """Return the Lexicon schema of the entity type and name in the path, or raise MixpanelError (404)."""
        project, entity, name = self._authorize(app_request), _entity(app_request), _name(app_request)
        found = self._documents.get(project.id, "schema", schema_key(entity, name))
        if found is None:
            raise MixpanelError(404, f"Schema for {entity} {name[:80]!r} not found.")
        if project.switches.schema_by_name == "bare":
            return dict(found["schemaJson"])
        return {"results": found["schemaJson"], "status": "ok"}

    def upload(self, app_request: AppRequest) -> JsonObject:
        """Create or replace schemas, and return the numbers of added and deleted ones.

        With ``truncate``, delete all other schemas of the project.
        """
        project = self._authorize(app_request, edit=True)
        upload = read_model(app_request.body, Upload)
        for entry in upload.entries:
            read_model(entry.schemaJson, Schema)
        self._count_changes(project, sum(entry.size for entry in upload.entries), app_request)
        deleted = self._replace(project, self._schemas_of(project) if upload.truncate else [], upload.entries)
        return {"results": {"added": len(upload.entries), "deleted": deleted}, "status": "ok"}

    def upload_one(self, app_request: AppRequest) -> JsonObject:
        """Create or replace the schema of the entity type and name in the path."""
        project, entity, name = (
            self._authorize(app_request, edit=True),
            _entity(app_request),
            _name(app_request),
        )
        schema = read_object(app_request.body)
        read_model(schema, Schema)
        entry = Entry(entityType=entity, name=name, schemaJson=schema)
        self._count_changes(project, entry.size, app_request)
        self._replace(project, [], [entry])
        return {"status": "ok"}

    def delete_all(self, app_request: AppRequest) -> JsonObject:
        """Delete all Lexicon schemas of the project, and return their number."""
        project = self._authorize(app_request, edit=True)
        return _deletion_body(self._replace(project, self._schemas_of(project)))

    def delete_entity(self, app_request: AppRequest) -> JsonObject:
        """Delete the Lexicon schemas of the entity type in the path, or only that with the name ``entity_name``."""
        project, entity = self._authorize(app_request, edit=True), _entity(app_request)
        name = merged_parameters(app_request.request.query_params).text("entity_name")
        return _deletion_body(self._replace(project, self._schemas_of(project, entity, name)))

    def delete_one(self, app_request: AppRequest) -> JsonObject:
        """Delete the Lexicon schema of the entity type and name in the path; return 0 deleted if it does not exist."""
        project, entity, name = (
            self._authorize(app_request, edit=True),
            _entity(app_request),
            _name(app_request),
        )
        return _deletion_body(self._replace(project, self._schemas_of(project, entity, name)))

    def _authorize(self, app_request: AppRequest, *, edit: bool = False) -> Project:
        """Return the project of the path, after a check of the caller's role and of the rate limit."""
        project = app_request.edited_project() if edit else app_request.project()
        leave = self._limiter.enter("lexicon", project.organization_id, project.lexicon_limits)
        exchange_of(app_request.request.scope).on_slot_free.append(leave)
        return project

    def _schemas_of(self, project: Project, entity: str = "", name: str = "") -> list[Document]:
        """Return the project's schemas of an entity type and name; an empty text matches all."""
        found = self._documents.all(project.id, "schema")
        return [b for b in found if entity in ("", b["entityType"]) and name in ("", b["name"])]

    def _replace(self, project: Project, old: list[Document], new: Iterable[Entry] = ()) -> int:
        """Delete the schemas ``old``, store the schemas ``new``, and return the number of deleted schemas."""
        if project.lexicon_limits.enabled and len(old) >= _TRUNCATED_A_REQUEST:
            raise MixpanelError(400, f"One request cannot delete {_TRUNCATED_A_REQUEST} schemas or more.")
        keys = [schema_key(body["entityType"], body["name"]) for body in old]
        bodies = {schema_key(entry.entityType, entry.name): entry.model_dump() for entry in new}
        self._documents.replace(project.id, "schema", keys, bodies)
        return len(old)

    def _count_changes(self, project: Project, entities: int, app_request: AppRequest) -> None:
        """Count the changed entities of an organisation, and raise MixpanelError (429) at 4000 or more in a minute.

        Args:
            project: a project of the organisation.
            entities: the number of events, profiles and properties that the request changes.
            app_request: the request, which gives the time.

        The error's text is not documented, so it is an assumption [I].
        """
        if not project.lexicon_limits.enabled:
            return
        now = app_request.now.timestamp()
        with self._lock:
            recent = self._updates.setdefault(project.organization_id, deque())
            while recent and not 0 <= now - recent[0][0] < 60:
                recent.popleft()
            if entities + sum(count for _, count in recent) >= _ENTITIES_A_MINUTE:
                raise MixpanelError(
                    429, f"Rate limit exceeded: {_ENTITIES_A_MINUTE} entities in a minute or more."
                )
            recent.append((now, entities))


def _entity(app_request: AppRequest) -> EntityType:
    match app_request.request.path_params["entity_type"]:
        case "event":
            return "event"
        case "profile":
            return "profile"
        case other:
            raise MixpanelError(400, f"The entity type must be event or profile, not {other[:40]!r}.")


def _name(app_request: AppRequest) -> str:
    """Return the entity name at the end of the path, which may contain slashes, without a trailing slash."""
    return str(app_request.request.path_params["name"]).removesuffix("/")


def _deletion_body(count: int) -> JsonObject:
    return {"results": {"delete_count": count}, "status": "ok"}
