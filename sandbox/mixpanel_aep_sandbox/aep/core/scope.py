"""Access to the documents of one AEP sandbox, which are not visible in other AEP sandboxes."""

from __future__ import annotations

from dataclasses import dataclass

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document

DATASETS = "datasets"
DESCRIPTORS = "descriptors"
RESOURCES = "registry"
USED_SCHEMAS = "used-schemas"
BATCHES = "batches"
BATCH_RESULTS = "outcomes"
"""Kinds of documents in the store of an AEP sandbox.

``USED_SCHEMAS`` has the ids of the schemas with which a dataset was ever created. ``BATCH_RESULTS`` has the result of
``process_batch`` for each batch whose rows have been processed.
"""


def files_kind(batch_id: str) -> str:
    """Return the kind of the documents that describe the files of one batch; their keys are the files' paths."""
    return f"batch-files/{batch_id}"


@dataclass(frozen=True)
class AepSandboxScope:
    """One AEP sandbox of an organization, with access to its documents in the store.

    Documents with the same kind and key in different AEP sandboxes are different documents.
    """

    state: SandboxState
    org: str
    name: str
    """The AEP sandbox's name."""

    def kind(self, what: str) -> str:
        """Return the store's name for one kind of documents of this AEP sandbox, such as ``aep/<org>/prod/batches``."""
        return f"aep/{self.org}/{self.name}/{what}"

    def get(self, what: str, key: str) -> Document | None:
        """Return a document by its kind and key; None if it does not exist."""
        return self.state.store.get(self.kind(what), key)

    def put(self, what: str, key: str, body: Document) -> None:
        """Store a document of a kind under a key; a stored document with the same kind and key is replaced."""
        self.state.store.put(self.kind(what), key, body)

    def delete(self, what: str, key: str) -> None:
        """Delete the document with this kind and key, if it exists."""
        self.state.store.delete(self.kind(what), key)

    def items(self, what: str) -> list[tuple[str, Document]]:
        """Return all documents of a kind as (key, body), oldest first."""
        return self.state.store.items(self.kind(what))

    def count(self, what: str) -> int:
        """Return the number of documents of a kind."""
        return self.state.store.count(self.kind(what))

    @property
    def tenant(self) -> str:
        """Return the organization's tenant id, without the underscore of its namespace."""
        return self.state.settings.tenant_id

    @property
    def now(self) -> int:
        """Return the time of the sandbox's clock in epoch milliseconds."""
        return self.state.clock.milliseconds()
