"""Store of a project's data that are not events: profiles, cohorts, funnels, annotations, tags and Lexicon schemas."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document

Kind = Literal["profile", "cohort", "funnel", "annotation", "annotation_tag", "schema"]
_COUNTER, _SEEDED = "mixpanel_counter", "mixpanel_seeded"
_FIRST_ID = 1001


class DocumentStore:
    """JSON documents of all projects, each with a project id, a kind and a key, in the order of creation."""

    def __init__(self, state: SandboxState) -> None:
        self._store = state.store
        self.seed()

    def seed(self) -> None:
        """Store the documents of the demo shop, unless that was done since the last reset."""
        if self._store.get(_SEEDED, "shelf"):
            return
        found: dict[Kind, list[Document]] = json.loads(data.SHOP_DOCUMENTS.read_text("utf-8"))
        with self._store.transaction():
            for kind, documents in found.items():
                for document in documents:
                    self.put(data.SHOP_PROJECT_ID, kind, _key(kind, document), document)
            self._store.put(_SEEDED, "shelf", {"seeded": True})

    def all(self, project_id: int, kind: Kind) -> list[Document]:
        """Return all documents of a kind in a project, oldest first."""
        return [body for _, body in self._store.items(_kind(project_id, kind))]

    def get(self, project_id: int, kind: Kind, key: str) -> Document | None:
        """Return the document of a project with this kind and key, or None if it does not exist."""
        return self._store.get(_kind(project_id, kind), key)

    def put(self, project_id: int, kind: Kind, key: str, body: Document) -> None:
        """Insert or replace the document of a project with this kind and key."""
        self._store.put(_kind(project_id, kind), key, body)

    def add(self, project_id: int, kind: Kind, body: Document) -> Document:
        """Store a document with the project's next free ``id`` of this kind, and return the document with the id.

        The ids of deleted documents are not used again.
        """
        with self._store.transaction():
            counter = _kind(project_id, kind)
            before = self._store.get(_COUNTER, counter) or {"last": _FIRST_ID - 1}
            number = before["last"] + 1
            while self.get(project_id, kind, str(number)):
                number += 1
            self._store.put(_COUNTER, counter, {"last": number})
            body = {"id": number, **body}
            self.put(project_id, kind, str(number), body)
        return body

    def replace(self, project_id: int, kind: Kind, old: Iterable[str], new: Mapping[str, Document]) -> None:
        """Delete the documents with the keys ``old`` and store the documents ``new`` by key, in one transaction."""
        with self._store.transaction():
            for key in old:
                self._store.delete(_kind(project_id, kind), key)
            for key, body in new.items():
                self.put(project_id, kind, key, body)

    def delete_project(self, project_id: int) -> None:
        """Delete all documents of a project."""
        with self._store.transaction():
            for kind in get_args(Kind):
                self.clear(project_id, kind)

    def clear(self, project_id: int, kind: Kind) -> int:
        """Delete all documents of a kind in a project, and return their number."""
        with self._store.transaction():
            keys = [key for key, _ in self._store.items(_kind(project_id, kind))]
            self.replace(project_id, kind, keys, {})
        return len(keys)


def schema_key(entity_type: str, name: str) -> str:
    """Return the document key of the Lexicon schema of an event or profile, such as ``event:Purchase``."""
    return f"{entity_type}:{name}"


def profile_key(group: str, distinct_id: str | int) -> str:
    """Return the document key of a profile; ``group`` is the group key, or empty for a user profile."""
    return json.dumps([group, distinct_id])


def _key(kind: Kind, document: Document) -> str:
    if kind == "schema":
        return schema_key(document["entityType"], document["name"])
    return str(document["id"])


def _kind(project_id: int, kind: Kind) -> str:
    """Return the kind under which ``Store`` has documents of this kind and project: ``mixpanel_cohort:7``."""
    return f"mixpanel_{kind}:{project_id}"
