"""Annotations of a project, and their tags (Mixpanel's "Annotations API")."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictInt, StrictStr

from mixpanel_aep_sandbox.core.store import Document
from mixpanel_aep_sandbox.mixpanel.app_api.routes import Visit
from mixpanel_aep_sandbox.mixpanel.errors import Refusal
from mixpanel_aep_sandbox.mixpanel.models.documents import Shelf
from mixpanel_aep_sandbox.mixpanel.models.projects import Account, Project
from mixpanel_aep_sandbox.mixpanel.parameters import merged
from mixpanel_aep_sandbox.mixpanel.request_bodies import read_model


def _moment(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - kept as text
    return text


class Annotation(BaseModel):
    """What an annotation is made of; a change of one brings less."""

    model_config = ConfigDict(extra="forbid")

    date: Annotated[StrictStr, AfterValidator(_moment)]
    description: StrictStr
    tags: list[StrictInt] = []


class Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    description: StrictStr | None = None
    tags: list[StrictInt] | None = None


class NewTag(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: StrictStr


class Annotations:
    """Any member may read; changing needs a role of at least Analyst, and so do the tags, as documented."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def all(self, visit: Visit) -> dict[str, Any]:
        project, params = visit.project(), merged(visit.request.query_params)
        first = params.day("fromDate").isoformat() if params.text("fromDate") else ""
        last = params.day("toDate").isoformat() if params.text("toDate") else "9999"
        found = self._shelf.all(project.id, "annotation")
        return _ok([self._entry(project, body) for body in found if first <= body["date"][:10] <= last])

    def create(self, visit: Visit) -> dict[str, Any]:
        project = visit.edited_project()
        given = read_model(visit.body, Annotation)
        self._check_tags(project.id, given.tags)
        return _ok(self._entry(project, self.add(project.id, given, visit.account)))

    def add(self, project_id: int, given: Annotation, account: Account | None = None) -> Document:
        user = {"id": account.id if account else 1, "first_name": account.username if account else "Demo"}
        body = {**given.model_dump(), "user": {**user, "last_name": ""}}
        return self._shelf.add(project_id, "annotation", body)

    def get(self, visit: Visit) -> dict[str, Any]:
        project = visit.project()
        return _ok(self._entry(project, self._one(visit, project.id)))

    def patch(self, visit: Visit) -> dict[str, Any]:
        project = visit.edited_project()
        body = self._one(visit, project.id)
        change = read_model(visit.body, Change).model_dump(exclude_none=True)
        self._check_tags(project.id, change.get("tags", []))
        body = {**body, **change}
        self._shelf.put(project.id, "annotation", str(body["id"]), body)
        return _ok(self._entry(project, body))

    def delete(self, visit: Visit) -> dict[str, Any]:
        project = visit.edited_project()
        body = self._one(visit, project.id)
        self._shelf.replace(project.id, "annotation", [str(body["id"])], {})
        return _ok({"id": body["id"]})

    def tags(self, visit: Visit) -> list[dict[str, Any]]:
        """Without the envelope that all the others have: so the reference shows it."""
        project = visit.edited_project()
        return [self._tag(project.id, body) for body in self._shelf.all(project.id, "annotation_tag")]

    def create_tag(self, visit: Visit) -> dict[str, Any]:
        project = visit.edited_project()
        given = read_model(visit.body, NewTag)
        return self._tag(project.id, self._shelf.add(project.id, "annotation_tag", {"name": given.name}))

    def _one(self, visit: Visit, project_id: int) -> Document:
        number = visit.number("annotation_id")
        body = self._shelf.get(project_id, "annotation", str(number))
        if body is None:
            raise Refusal(404, f"There is no annotation {number}.")
        return body

    def _check_tags(self, project_id: int, numbers: list[int]) -> None:
        for number in numbers:
            if self._shelf.get(project_id, "annotation_tag", str(number)) is None:
                raise Refusal(400, f"There is no annotation tag {number}.")

    def _entry(self, project: Project, body: Document) -> dict[str, Any]:
        names = {tag["id"]: tag["name"] for tag in self._shelf.all(project.id, "annotation_tag")}
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

    def _tag(self, project_id: int, body: Document) -> dict[str, Any]:
        used = any(body["id"] in found["tags"] for found in self._shelf.all(project_id, "annotation"))
        return {"id": body["id"], "name": body["name"], "project_id": project_id, "has_annotations": used}


def _ok(results: Any) -> dict[str, Any]:
    return {"status": "ok", "results": results}
