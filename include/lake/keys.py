"""Where everything lies in the lake. No event name, property or other customer's text ever enters a key."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date

STEP_FOLDERS = {
    "export": "raw",
    "transform": "xdm",
    "validate": "valid",
    "stage": "staged",
}


@dataclass(frozen=True, order=True)
class PartitionKey:
    """One calendar day of one pipeline."""

    pipeline: str
    day: date

    def __str__(self) -> str:
        return self.day.isoformat()

    @property
    def prefix(self) -> str:
        return f"{self.pipeline}/{self.day.isoformat()}"

    def step(self, step: str) -> str:
        """The folder that holds every output of a step for this partition."""
        return f"{self.prefix}/{STEP_FOLDERS[step]}"

    def output(self, step: str, digest: str) -> str:
        return f"{self.step(step)}/{_hex(digest)}"

    def manifest(self, step: str, digest: str) -> str:
        return f"{self.output(step, digest)}/manifest.json"

    def quarantine(self, step: str, digest: str) -> str:
        return f"{self.prefix}/quarantine/{step}-{_hex(digest)}.jsonl.gz"

    def report(self, digest: str) -> str:
        return f"{self.prefix}/report/{_hex(digest)}.html"

    def look(self, name: str) -> str:
        """Which export answers the question that a run asked anew. ``name`` is hashed: it may hold anything."""
        return f"{self.looks}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    @property
    def looks(self) -> str:
        return f"{self.prefix}/looks"

    def ledger(self, number: int) -> str:
        return f"{self.prefix}/ledger/{number:06d}.json"

    @property
    def ledger_prefix(self) -> str:
        return f"{self.prefix}/ledger"


def schema_key(pipeline: str, digest: str) -> str:
    return f"{pipeline}/schemas/{_hex(digest)}.json"


def _hex(digest: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16,64}", digest):
        raise ValueError(f"not a digest: {digest!r}")
    return digest
