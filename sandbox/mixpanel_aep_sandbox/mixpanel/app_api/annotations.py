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


def _moment(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - kept as text
    return text


class Annotation(BaseModel):
    """The fields of a new annotation."""

    model_config = ConfigDict(extra="forbid")

    date: Annotated[StrictStr, AfterValidator(_moment)]
    description: StrictStr
    tags: list[StrictInt] = []


class Change(BaseModel):
    """The fields of a changed annotation."""

    model_config = ConfigDict(extra="forbid")

    description: StrictStr | None = None
    tags: list[StrictInt] | None = None


class NewTag(BaseModel):
    """The body of a request to create a tag."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr


class Annotations:
    """Annotations and tags. Any member may read; changes need a role of at least Analyst, as documented."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def all(self, app_request: AppRequest) -> JsonObject:
        """Return the annotations of a project, or of a range of days."""
        project, params = app_request.project(), merged_parameters(app_request.request.query_params)
        first = params.day("fromDate").isoformat() if params.text("fromDate") else ""
        last = params.day("toDate").isoformat() if params.text("toDate") else "9999"
        found = self._documents.all(project.id, "annotation")
        return _success_body(
            [self._entry(project, body) for body in found if first <= body["date"][:10] <= last]
        )

    def create(self, app_request: AppRequest) -> JsonObject:
        """Create an annotation."""
        project = app_request.edited_project()
        given = read_model(app_request.body, Annotation)
        self._check_tags(project.id, given.tags)
        return _success_body(self._entry(project, self.add(project.id, given, app_request.account)))

    def add(self, project_id: int, given: Annotation, account: Account | None = None) -> Document:
        """Store an annotation and return it."""
        user = {"id": account.id if account else 1, "first_name": account.username if account else "Demo"}
        body = {**given.model_dump(), "user": {**user, "last_name": ""}}
        return self._documents.add(project_id, "annotation", body)

    def get(self, app_request: AppRequest) -> JsonObject:
        """Return one annotation."""
        project = app_request.project()
        return _success_body(self._entry(project, self._one(app_request, project.id)))

    def patch(self, app_request: AppRequest) -> JsonObject:
        """Change an annotation."""
        project = app_request.edited_project()
        body = self._one(app_request, project.id)
        change = read_model(app_request.body, Change).model_dump(exclude_none=True)
        self._check_tags(project.id, change.get("tags", []))
        body = {**body, **change}
        self._documents.put(project.id, "annotation", str(body["id"]), body)
        return _success_body(self._entry(project, body))

    def delete(self, app_request: AppRequest) -> JsonObject:
        """Delete an annotation."""
        project = app_request.edited_project()
        body = self._one(app_request, project.id)
        self._documents.replace(project.id, "annotation", [str(body["id"])], {})
        return _success_body({"id": body["id"]})

    def tags(self, app_request: AppRequest) -> list[JsonObject]:
        """Return all tags without the envelope of other responses, as in the reference."""
        project = app_request.edited_project()
        return [self._tag(project.id, body) for body in self._documents.all(project.id, "annotation_tag")]

    def create_tag(self, app_request: AppRequest) -> JsonObject:
        """Create a tag."""
        project = app_request.edited_project()
        given = read_model(app_request.body, NewTag)
        return self._tag(project.id, self._documents.add(project.id, "annotation_tag", {"name": given.name}))

    def _one(self, app_request: AppRequest, project_id: int) -> Document:
        number = app_request.number("annotation_id")
        body = self._documents.get(project_id, "annotation", str(number))
        if body is None:
            raise MixpanelError(404, f"Annotation {number} not found.")
        return body

    def _check_tags(self, project_id: int, numbers: list[int]) -> None:
        for number in numbers:
            if self._documents.get(project_id, "annotation_tag", str(number)) is None:
                raise MixpanelError(400, f"Annotation tag {number} not found.")

    def _entry(self, project: Project, body: Document) -> JsonObject:
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

    def _tag(self, project_id: int, body: Document) -> JsonObject:
        used = any(body["id"] in found["tags"] for found in self._documents.all(project_id, "annotation"))
        return {"id": body["id"], "name": body["name"], "project_id": project_id, "has_annotations": used}


def _success_body(results: object) -> JsonObject:
    return {"status": "ok", "results": results}
