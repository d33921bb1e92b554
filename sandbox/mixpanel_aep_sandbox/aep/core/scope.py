"""One organization's AEP sandbox: resources of one are not visible in another."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document

DATASETS = "datasets"
DESCRIPTORS = "descriptors"
RESOURCES = "registry"
USED_SCHEMAS = "used-schemas"
BATCHES = "batches"
OUTCOMES = "outcomes"
"""The kinds of documents in the store."""


def files_kind(batch_id: str) -> str:
    """Return the kind of the documents that describe a batch's files, keyed by path."""
    return f"batch-files/{batch_id}"


@dataclass(frozen=True)
class AepSandboxScope:
    """One AEP sandbox of an organization, and its documents in the store."""

    state: SandboxState
    org: str
    name: str
    """The AEP sandbox's name."""

    def kind(self, what: str) -> str:
        """Return the full kind of documents of this AEP sandbox."""
        return f"aep/{self.org}/{self.name}/{what}"

    def get(self, what: str, key: str) -> Document | None:
        """Return a document, or None."""
        return self.state.store.get(self.kind(what), key)

    def put(self, what: str, key: str, body: Document) -> None:
        """Insert or replace a document."""
        self.state.store.put(self.kind(what), key, body)

    def delete(self, what: str, key: str) -> None:
        """Delete a document, if it exists."""
        self.state.store.delete(self.kind(what), key)

    def items(self, what: str) -> list[tuple[str, Document]]:
        """Return all documents of a kind as (key, body), oldest first."""
        return self.state.store.items(self.kind(what))

    def count(self, what: str) -> int:
        """Return the number of documents of a kind."""
        return self.state.store.count(self.kind(what))

    @property
    def tenant(self) -> str:
        """Return the organization's tenant id."""
        return self.state.settings.tenant_id

    @property
    def now(self) -> int:
        """Return epoch milliseconds of the sandbox's clock."""
        return self.state.clock.milliseconds()
