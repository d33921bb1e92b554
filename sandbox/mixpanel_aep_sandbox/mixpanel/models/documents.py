"""The other data of a project, as JSON documents: profiles, cohorts, funnels, annotations, schemas."""

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
    """Documents by project, kind and key, in the order in which they were stored."""

    def __init__(self, state: SandboxState) -> None:
        self._store = state.store
        self.seed()

    def seed(self) -> None:
        """Store the demo shop's documents, once in a fresh state."""
        if self._store.get(_SEEDED, "shelf"):
            return
        found: dict[Kind, list[Document]] = json.loads(data.SHOP_DOCUMENTS.read_text("utf-8"))
        with self._store.transaction():
            for kind, documents in found.items():
                for document in documents:
                    self.put(data.SHOP_PROJECT_ID, kind, _key(kind, document), document)
            self._store.put(_SEEDED, "shelf", {"seeded": True})

    def all(self, project_id: int, kind: Kind) -> list[Document]:
        """Return all documents of a kind."""
        return [body for _, body in self._store.items(_kind(project_id, kind))]

    def get(self, project_id: int, kind: Kind, key: str) -> Document | None:
        """Return a document, or None."""
        return self._store.get(_kind(project_id, kind), key)

    def put(self, project_id: int, kind: Kind, key: str, body: Document) -> None:
        """Insert or replace a document."""
        self._store.put(_kind(project_id, kind), key, body)

    def add(self, project_id: int, kind: Kind, body: Document) -> Document:
        """Store a document under the next id, which is never reused, and return it with its ``id``."""
        with self._store.transaction():
            counter = _kind(project_id, kind)
            known = self._store.get(_COUNTER, counter) or {"last": _FIRST_ID - 1}
            number = known["last"] + 1
            while self.get(project_id, kind, str(number)):
                number += 1
            self._store.put(_COUNTER, counter, {"last": number})
            body = {"id": number, **body}
            self.put(project_id, kind, str(number), body)
        return body

    def replace(self, project_id: int, kind: Kind, gone: Iterable[str], more: Mapping[str, Document]) -> None:
        """Delete some documents and store others, all or nothing."""
        with self._store.transaction():
            for key in gone:
                self._store.delete(_kind(project_id, kind), key)
            for key, body in more.items():
                self.put(project_id, kind, key, body)

    def forget(self, project_id: int) -> None:
        """Delete all documents of a project."""
        with self._store.transaction():
            for kind in get_args(Kind):
                self.clear(project_id, kind)

    def clear(self, project_id: int, kind: Kind) -> int:
        """Delete all documents of a kind and return their number."""
        with self._store.transaction():
            known = [name for name, _ in self._store.items(_kind(project_id, kind))]
            self.replace(project_id, kind, known, {})
        return len(known)


def schema_key(entity_type: str, name: str) -> str:
    """Return the key of a Lexicon schema."""
    return f"{entity_type}:{name}"


def profile_key(group: str, distinct_id: str | int) -> str:
    """Return the key of a profile."""
    return json.dumps([group, distinct_id])


def _key(kind: Kind, document: Document) -> str:
    if kind == "schema":
        return schema_key(document["entityType"], document["name"])
    return str(document["id"])


def _kind(project_id: int, kind: Kind) -> str:
    return f"mixpanel_{kind}:{project_id}"
