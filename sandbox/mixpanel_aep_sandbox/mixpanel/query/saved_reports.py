"""``cohorts/list`` returns a project's cohorts; ``annotations`` returns its annotations to older clients."""

from __future__ import annotations

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore
from mixpanel_aep_sandbox.mixpanel.models.profiles import ProfileStore
from mixpanel_aep_sandbox.mixpanel.query.routes import QueryRequest


class SavedReports:
    """Handlers for cohorts and annotations of the Query API."""

    def __init__(self, documents: DocumentStore, profiles: ProfileStore) -> None:
        self._documents, self._profiles = documents, profiles

    def cohorts(self, request: QueryRequest) -> list[JsonObject]:
        """Return the project's cohorts with their current numbers of members."""
        profiles = self._profiles.current_profiles(request.project, request.now_ms)
        return [
            {
                "count": len(cohort.members(profiles)),
                "is_visible": cohort.is_visible,
                "description": cohort.description,
                "created": cohort.created,
                "project_id": request.project.id,
                "id": cohort.id,
                "name": cohort.name,
            }
            for cohort in self._profiles.cohorts(request.project.id)
        ]

    def annotations(self, request: QueryRequest) -> JsonObject:
        """Return the annotations from ``from_date`` to ``to_date``, both optional, in the form of ``/api/2.0``.

        The reference no longer describes this form, but clients still use it (assumed [I]).
        """
        params = request.params
        first = params.day("from_date").isoformat() if params.text("from_date") else ""
        last = params.day("to_date").isoformat() if params.text("to_date") else "9999"
        return {
            "annotations": [
                {
                    "date": body["date"],
                    "project_id": request.project.id,
                    "id": body["id"],
                    "description": body["description"],
                }
                for body in self._documents.all(request.project.id, "annotation")
                if first <= body["date"][:10] <= last
            ],
            "error": False,
        }
