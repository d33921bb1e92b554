"""Limits of a batch (EP:ingestion/guardrails.md), and detection of duplicate batches."""

from __future__ import annotations

import hashlib

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, disk_path
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject


def limit_message(scope: AepSandboxScope, files: list[JsonObject]) -> str:
    """Return Adobe's error message for a batch with too many files or bytes; an empty text if it exceeds no limit."""
    settings = IngestSettings.of(scope.state)
    size = sum(body["size"] for body in files)
    over = []
    if len(files) > settings.most_files:
        over.append(f"{len(files)} files (over the {settings.most_files} threshold)")
    if size > settings.most_batch_bytes:
        over.append(f"{size} bytes (over the {settings.most_batch_bytes} threshold)")
    return f"Batch ingestion guardrails hit: {'; '.join(over)}" if over else ""


def find_duplicate_batch(scope: AepSandboxScope, batch: JsonObject, files: list[JsonObject]) -> str:
    """Return the id of a successful batch of the same dataset with the same file contents; "" if none exists."""
    shape = sorted(body["size"] for body in files)
    digest = ""
    for key, old in scope.items(BATCHES):
        if old["state"] != "success" or old["dataset"] != batch["dataset"]:
            continue
        others = batch_files(scope, key)
        if sorted(body["size"] for body in others) == shape:
            digest = digest or _digest(scope, files)
            if _digest(scope, others) == digest:
                return key
    return ""


def _digest(scope: AepSandboxScope, files: list[JsonObject]) -> str:
    """Return a digest of the contents of all files, which does not depend on their order."""
    digests = []
    for body in files:
        with disk_path(scope, body).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return "".join(sorted(digests))
