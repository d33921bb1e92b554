"""What people have saved in a project: ``cohorts/list``, and ``annotations`` as older clients know them."""

from __future__ import annotations

from typing import Any

from mixpanel_aep_sandbox.mixpanel.models.documents import Shelf
from mixpanel_aep_sandbox.mixpanel.models.profiles import ProfileBook
from mixpanel_aep_sandbox.mixpanel.query.routes import Question


class Saved:
    def __init__(self, shelf: Shelf, profiles: ProfileBook) -> None:
        self._shelf, self._profiles = shelf, profiles

    def cohorts(self, question: Question) -> list[dict[str, Any]]:
        profiles = self._profiles.of(question.project, question.now_ms)
        return [
            {
                "count": len(cohort.members(profiles)),
                "is_visible": cohort.is_visible,
                "description": cohort.description,
                "created": cohort.created,
                "project_id": question.project.id,
                "id": cohort.id,
                "name": cohort.name,
            }
            for cohort in self._profiles.cohorts(question.project.id)
        ]

    def annotations(self, question: Question) -> dict[str, Any]:
        """The form before ``/api/app``; in no reference any more, and still asked for [I]."""
        params = question.params
        first = params.day("from_date").isoformat() if params.text("from_date") else ""
        last = params.day("to_date").isoformat() if params.text("to_date") else "9999"
        return {
            "annotations": [
                {
                    "date": body["date"],
                    "project_id": question.project.id,
                    "id": body["id"],
                    "description": body["description"],
                }
                for body in self._shelf.all(question.project.id, "annotation")
                if first <= body["date"][:10] <= last
            ],
            "error": False,
        }
