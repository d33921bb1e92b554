"""One organization's AEP sandbox: what is made in one is not seen in another."""

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
"""What documents are kept as."""


def files_kind(batch_id: str) -> str:
    """What the files of a batch are kept as, by their paths."""
    return f"batch-files/{batch_id}"


@dataclass(frozen=True)
class AepSandboxScope:
    state: SandboxState
    org: str
    name: str
    """The AEP sandbox's name."""

    def kind(self, what: str) -> str:
        return f"aep/{self.org}/{self.name}/{what}"

    def get(self, what: str, key: str) -> Document | None:
        return self.state.store.get(self.kind(what), key)

    def put(self, what: str, key: str, body: Document) -> None:
        self.state.store.put(self.kind(what), key, body)

    def delete(self, what: str, key: str) -> None:
        self.state.store.delete(self.kind(what), key)

    def items(self, what: str) -> list[tuple[str, Document]]:
        return self.state.store.items(self.kind(what))

    def count(self, what: str) -> int:
        return self.state.store.count(self.kind(what))

    @property
    def tenant(self) -> str:
        return self.state.settings.tenant_id

    @property
    def now(self) -> int:
        """Epoch milliseconds of the sandbox's clock."""
        return self.state.clock.milliseconds()
