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

HISTORIES = "_histories"
"""The folder of all histories; no pipeline's name begins with an underscore."""


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
        return f"{self.step(step)}/{digest_part(digest)}"

    def manifest(self, step: str, digest: str) -> str:
        return f"{self.output(step, digest)}/manifest.json"

    def quarantine(self, step: str, digest: str) -> str:
        return f"{self.prefix}/quarantine/{step}-{digest_part(digest)}.jsonl.gz"

    def report(self, digest: str) -> str:
        return f"{self.prefix}/report/{digest_part(digest)}.html"

    def look(self, name: str) -> str:
        """Which export answers the question that a run asked anew. ``name`` is hashed: it may hold anything."""
        return f"{self.looks}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    @property
    def looks(self) -> str:
        return f"{self.prefix}/looks"

    @property
    def first_ledger(self) -> str:
        """Where data version 5 and older kept the partition's ledger, whatever dataset it was about."""
        return f"{self.prefix}/ledger"


def step_of(key: str) -> str:
    """The step that wrote a file of a partition: an output may name files of the steps before it."""
    folder = key.split("/")[2]
    return next((step for step, name in STEP_FOLDERS.items() if name == folder), folder)


def schema_key(pipeline: str, digest: str) -> str:
    return f"{pipeline}/schemas/{digest_part(digest)}.json"


def digest_part(digest: str) -> str:
    """The digest, once it is one: it becomes a part of a key."""
    if not re.fullmatch(r"[0-9a-f]{16,64}", digest):
        raise ValueError(f"not a digest: {digest!r}")
    return digest
