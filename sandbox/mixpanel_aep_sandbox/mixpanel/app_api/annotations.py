"""Annotations of a project, and their tags (Mixpanel's "Annotations API")."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictInt, StrictStr

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.store import Document
from mixpanel_aep_sandbox.mixpanel.app_api.routes import AppRequest
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore
from mixpanel_aep_sandbox.mixpanel.models.projects import Account, Project
from mixpanel_aep_sandbox.mixpanel.parameters import merged_parameters
from mixpanel_aep_sandbox.mixpanel.request_bodies import read_model


def _require_date_time(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - validated only, and stored as text
    return text


class Annotation(BaseModel):
    """The body of a request to create an annotation: a note at a point in time, which Mixpanel shows in charts."""

    model_config = ConfigDict(extra="forbid")

    date: Annotated[StrictStr, AfterValidator(_require_date_time)]
    description: StrictStr
    tags: list[StrictInt] = []


class Change(BaseModel):
    """The body of a request to change an annotation; a field that is missing from the body is not changed."""

    model_config = ConfigDict(extra="forbid")

    description: StrictStr | None = None
    tags: list[StrictInt] | None = None


class NewTag(BaseModel):
    """The body of a request to create a tag for annotations."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr


class Annotations:
    """Handlers for annotations and their tags.

    As documented, any member of a project may read annotations; changes need a role of at least Analyst.
    """

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def all(self, app_request: AppRequest) -> JsonObject:
        """Return the annotations of the project whose date is from ``fromDate`` to ``toDate``, both optional."""
        project, params = app_request.project(), merged_parameters(app_request.request.query_params)
        first = params.day("fromDate").isoformat() if params.text("fromDate") else ""
        last = params.day("toDate").isoformat() if params.text("toDate") else "9999"
        found = self._documents.all(project.id, "annotation")
        return _success_body(
            [self._annotation_view(project, body) for body in found if first <= body["date"][:10] <= last]
        )

    def create(self, app_request: AppRequest) -> JsonObject:
        """Create an annotation of the project from the request's body, and return it."""
        project = app_request.edited_project()
        given = read_model(app_request.body, Annotation)
        self._check_tags(project.id, given.tags)
        return _success_body(self._annotation_view(project, self.add(project.id, given, app_request.account)))

    def add(self, project_id: int, given: Annotation, account: Account | None = None) -> Document:
        """Store an annotation of a project, and return the stored document; the default author is a demo user."""
        user = {"id": account.id if account else 1, "first_name": account.username if account else "Demo"}
        body = {**given.model_dump(), "user": {**user, "last_name": ""}}
        return self._documents.add(project_id, "annotation", body)

    def get(self, app_request: AppRequest) -> JsonObject:
        """Return the annotation whose id is in the path, or raise MixpanelError (404)."""
        project = app_request.project()
        return _success_body(self._annotation_view(project, self._find_annotation(app_request, project.id)))

    def patch(self, app_request: AppRequest) -> JsonObject:
        """Change the description or the tags of an annotation, and return the annotation."""
        project = app_request.edited_project()
        body = self._find_annotation(app_request, project.id)
        change = read_model(app_request.body, Change).model_dump(exclude_none=True)
        self._check_tags(project.id, change.get("tags", []))
        body = {**body, **change}
        self._documents.put(project.id, "annotation", str(body["id"]), body)
        return _success_body(self._annotation_view(project, body))

    def delete(self, app_request: AppRequest) -> JsonObject:
        """Delete the annotation whose id is in the path, and return its id."""
        project = app_request.edited_project()
        body = self._find_annotation(app_request, project.id)
        self._documents.replace(project.id, "annotation", [str(body["id"])], {})
        return _success_body({"id": body["id"]})

    def tags(self, app_request: AppRequest) -> list[JsonObject]:
        """Return the tags that annotations of the project may have, as a list.

        As documented, this response has no ``status`` and ``results``, unlike those of similar routes.
        """
        project = app_request.edited_project()
        return [
            self._tag_view(project.id, body) for body in self._documents.all(project.id, "annotation_tag")
        ]

    def create_tag(self, app_request: AppRequest) -> JsonObject:
        """Create a tag for annotations of the project, and return it."""
        project = app_request.edited_project()
        given = read_model(app_request.body, NewTag)
        body = self._documents.add(project.id, "annotation_tag", {"name": given.name})
        return self._tag_view(project.id, body)

    def _find_annotation(self, app_request: AppRequest, project_id: int) -> Document:
        number = app_request.number("annotation_id")
        body = self._documents.get(project_id, "annotation", str(number))
        if body is None:
            raise MixpanelError(404, f"Annotation {number} not found.")
        return body

    def _check_tags(self, project_id: int, numbers: list[int]) -> None:
        """Raise MixpanelError (400) if an annotation tag with one of these ids does not exist."""
        for number in numbers:
            if self._documents.get(project_id, "annotation_tag", str(number)) is None:
                raise MixpanelError(400, f"Annotation tag {number} not found.")

    def _annotation_view(self, project: Project, body: Document) -> JsonObject:
        """Return a stored annotation in the form of the API's responses."""
        names = {tag["id"]: tag["name"] for tag in self._documents.all(project.id, "annotation_tag")}
        tags = [{"id": number, "name": names[number]} for number in body["tags"] if number in names]
        with_project = project.switches.annotation_entry == "with_project"
        return {
            **({"project_id": project.id} if with_project else {}),
            "date": body["date"],
            "description": body["description"],
            "id": body["id"],
            "user": body["user"],
            "tags": tags,
        }

    def _tag_view(self, project_id: int, body: Document) -> JsonObject:
        """Return a stored tag in the form of the API's responses."""
        used = any(body["id"] in found["tags"] for found in self._documents.all(project_id, "annotation"))
        return {"id": body["id"], "name": body["name"], "project_id": project_id, "has_annotations": used}


def _success_body(results: object) -> JsonObject:
    return {"status": "ok", "results": results}
